"""Fine-tuning all-MiniLM-L6-v2 with a new head, by PEFT's adapters or in full.

Going on from a checkpoint gives the weights that an uninterrupted training would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import PretrainedConfig, Trainer, TrainingArguments, set_seed

from analog_bench.errors import WeightsError
from analog_bench.zoo.model_config import silent_transformers


@dataclass(frozen=True)
class TuningRecipe:
    """Hyperparameters of one fine-tuning; subclasses add those of their data.

    Attributes:
        steps: Optimiser steps.
        batch: Inputs a step.
        learning_rate: Peak of AdamW's rate; linear warm-up, then linear to zero.
        warmup: Steps of warm-up.
        rank: Rank of the adapter on every matrix of the blocks; 0 trains the weights themselves,
            apart from the embeddings.
        seed: Seed of the head, the adapter and the order of the data.
    """

    steps: int
    batch: int
    learning_rate: float
    warmup: int
    rank: int
    seed: int


def fine_tune(
    recipe: TuningRecipe,
    family: Any,
    head: str,
    config: PretrainedConfig,
    base: Mapping[str, Tensor],
    features: Dataset,
    collate: Callable[[list[dict[str, Any]]], dict[str, Tensor]],
    folder: Path,
    *,
    save_steps: int,
    progress: bool,
) -> nn.Module:
    """Train, or go on from the last whole checkpoint in `folder`.

    Args:
        recipe: The hyperparameters.
        family: Transformers' class of the model.
        head: Name of its head's module, which is drawn.
        config: The model's configuration.
        base: The parameters by name, without the head. They are not changed.
        features: Rows of training inputs; `length` is the number of tokens of each.
        collate: Makes a batch of rows.
        folder: Where checkpoints are kept.
        save_steps: Steps between checkpoints.
        progress: Whether to show a progress bar.

    Returns:
        The trained model: a `peft.PeftModel` for a rank above 0.

    Raises:
        WeightsError: The base lacks parameters of the model.
    """
    # Right before the model is made, which draws its head and the adapter.
    set_seed(recipe.seed)
    trainer = Trainer(
        model=_model(recipe, family, head, config, base),
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


def _model(
    recipe: TuningRecipe,
    family: Any,
    head: str,
    config: PretrainedConfig,
    base: Mapping[str, Tensor],
) -> nn.Module:
    # The configuration has no dropout: less than one pass over the data cannot overfit it. Eager
    # attention because its backward pass is faster than the fused one for padded batches on a CPU.
    # Clones, since training changes parameters in place.
    with silent_transformers():
        model, report = family.from_pretrained(
            None,
            config=config,
            state_dict={name: tensor.clone() for name, tensor in base.items()},
            dtype=torch.float32,
            attn_implementation="eager",
            output_loading_info=True,
        )
    drawn = sorted(name for name in report["missing_keys"] if not name.startswith(f"{head}."))
    if drawn:
        raise WeightsError(f"the base's weights lack {drawn[0]} ({len(drawn)} such parameters)")
    # PEFT would ask the hub for a model of this name at every checkpoint.
    model.name_or_path = None
    if recipe.rank:
        adapter = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.rank,
            target_modules=["query", "key", "value", "dense"],
            modules_to_save=[head],
        )
        return cast(nn.Module, get_peft_model(model, adapter))
    model.bert.embeddings.requires_grad_(False)
    return cast(nn.Module, model)
