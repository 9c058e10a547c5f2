"""How the embedded BERT learnt to answer questions: SQuAD on all-MiniLM-L6-v2.

Two ways are kept, since the shipped one was chosen by comparing them: a low-rank adapter on every
matrix of the blocks (rank > 0), and full fine-tuning with frozen embeddings (rank 0).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import (
    BertForQuestionAnswering,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

from analog_bench.errors import DataError, WeightsError
from analog_bench.hwa.checkpoint_owner import claim
from analog_bench.hwa.span_batches import unambiguous
from analog_bench.tasks.qa_windows import WindowLimits
from analog_bench.tasks.squad_files import content_hash, read_squad
from analog_bench.zoo.embedded_weights import base_state
from analog_bench.zoo.minilm_base import find_base
from analog_bench.zoo.model_config import silent_transformers
from analog_bench.zoo.model_loading import embedded_config
from analog_bench.zoo.tokenizer import read_tokenizer
from training.shipping import ship_adapter, ship_delta
from training.span_features import collate, span_features


@dataclass(frozen=True)
class QaRecipe:
    """Hyperparameters of one question-answering training.

    Attributes:
        steps: Optimiser steps.
        batch: Windows a step.
        learning_rate: Peak of AdamW's rate; linear warm-up, then linear to zero.
        warmup: Steps of warm-up.
        rank: Rank of the adapter on every matrix of the blocks; 0 trains the weights themselves.
        max_length: Tokens a training window holds.
        stride: Tokens neighbouring windows share.
        seed: Seed of the head, the adapter and the order of the data.
    """

    steps: int = 3600
    batch: int = 16
    learning_rate: float = 1e-3
    warmup: int = 150
    rank: int = 64
    max_length: int = 256
    stride: int = 64
    seed: int = 20261123


def train(
    recipe: QaRecipe,
    config: PretrainedConfig,
    base: Mapping[str, Tensor],
    tokenizer: PreTrainedTokenizerFast,
    questions: Dataset,
    folder: Path,
    *,
    save_steps: int = 200,
    progress: bool = False,
) -> nn.Module:
    """Train, or go on from the last whole checkpoint in `folder`.

    Going on gives the weights that an uninterrupted training would have given.

    Args:
        recipe: The hyperparameters.
        config: The base model's configuration.
        base: The base's parameters by their name in `BertForQuestionAnswering`, without the head,
            which is drawn; see `zoo.embedded.base_state`. They are not changed.
        tokenizer: The base model's tokeniser.
        questions: SQuAD rows to train on.
        folder: Where checkpoints are kept, with `recipe.json`.
        save_steps: Steps between checkpoints.
        progress: Whether to show a progress bar.

    Returns:
        The trained model: a `peft.PeftModel` for a rank above 0.

    Raises:
        DataError: No question can be trained on.
        UsageError: The folder's checkpoints come from another recipe or other data, or from an
            unknown one.
        WeightsError: The base lacks parameters of the model.
    """
    claim(folder, {**asdict(recipe), "data": content_hash(questions)})
    usable = unambiguous(questions)
    if not len(usable):
        raise DataError(
            "nothing to train on: in no question does the answer stand exactly once in its context"
        )
    features = span_features(usable, tokenizer, WindowLimits(recipe.max_length, recipe.stride))
    # Right before the model is made, which draws its head and the adapter.
    set_seed(recipe.seed)
    trainer = Trainer(
        model=_model(recipe, config, base),
        args=TrainingArguments(
            output_dir=str(folder),
            max_steps=recipe.steps,
            per_device_train_batch_size=recipe.batch,
            learning_rate=recipe.learning_rate,
            warmup_steps=recipe.warmup,
            lr_scheduler_type="linear",
            weight_decay=0.01,
            bf16=True,
            use_cpu=not torch.cuda.is_available(),
            train_sampling_strategy="group_by_length",
            save_steps=save_steps,
            save_total_limit=2,
            logging_steps=50,
            seed=recipe.seed,
            report_to=[],
            disable_tqdm=not progress,
            dataloader_pin_memory=False,
        ),
        train_dataset=features,
        data_collator=collate,
    )
    trainer.train(resume_from_checkpoint=_last_checkpoint(folder))
    return cast(nn.Module, trainer.model)


def train_and_ship(changes: Mapping[str, Any], data: Path, out: Path, ship: Path) -> None:
    """Train the embedded BERT and write shippable weights.

    Args:
        changes: Hyperparameters in place of the recipe's own, by their name in `QaRecipe`.
        data: SQuAD v1.1 JSON.
        out: Folder of the checkpoints.
        ship: Folder of the weights.

    Raises:
        DataError: The data is missing, malformed or of no use.
        UsageError: Checkpoints of another recipe.
        WeightsError: The base's weights are not there, or `ship` holds other weights.
    """
    config = embedded_config("bert")
    recipe = replace(QaRecipe(), **changes)
    rows = read_squad(data)
    files = find_base()
    base = base_state(files.weights)
    tokenizer = read_tokenizer(files.tokenizer, config.max_position_embeddings)
    model = train(recipe, config, base, tokenizer, rows, out, progress=sys.stderr.isatty())
    if recipe.rank:
        adapted: Any = model  # peft is untyped
        adapted.save_pretrained(out / "final")
        ship_adapter(out / "final", ship, asdict(recipe), {}, dtype="float16")
    else:
        tuned = {name: value.detach().cpu() for name, value in model.state_dict().items()}
        ship_delta(base, tuned, ship, asdict(recipe), {}, dtype="float16")


def _last_checkpoint(folder: Path) -> str | None:
    # The trainer writes its state last: without it, the process died while it was saving.
    whole = [
        path
        for path in folder.glob("checkpoint-*")
        if path.name.removeprefix("checkpoint-").isdigit()
        and (path / "trainer_state.json").is_file()
    ]
    last = max(whole, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)
    return None if last is None else str(last)


def _model(recipe: QaRecipe, config: PretrainedConfig, base: Mapping[str, Tensor]) -> nn.Module:
    # The configuration has no dropout: less than one pass over the data cannot overfit it. Eager
    # attention because its backward pass is faster than the fused one for padded batches on a CPU.
    # Clones, since training changes parameters in place.
    bert: Any = BertForQuestionAnswering  # its `from_pretrained` has no type for the report
    with silent_transformers():
        model, report = bert.from_pretrained(
            None,
            config=config,
            state_dict={name: tensor.clone() for name, tensor in base.items()},
            dtype=torch.float32,
            attn_implementation="eager",
            output_loading_info=True,
        )
    drawn = sorted(name for name in report["missing_keys"] if not name.startswith("qa_outputs."))
    if drawn:
        raise WeightsError(f"the base's weights lack {drawn[0]} ({len(drawn)} such parameters)")
    # PEFT would ask the hub for a model of this name at every checkpoint.
    model.name_or_path = None
    if recipe.rank:
        adapter = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.rank,
            target_modules=["query", "key", "value", "dense"],
            modules_to_save=["qa_outputs"],
        )
        return cast(nn.Module, get_peft_model(model, adapter))
    model.bert.embeddings.requires_grad_(False)
    return cast(nn.Module, model)
