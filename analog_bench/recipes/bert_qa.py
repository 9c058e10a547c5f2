"""How the embedded BERT learnt to answer questions: SQuAD on all-MiniLM-L6-v2.

Two ways are kept, since the shipped one was chosen by comparing them: a low-rank adapter on every
matrix of the blocks (rank > 0), and full fine-tuning with frozen embeddings (rank 0).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from datasets import Dataset
from peft import LoraConfig, get_peft_model
import torch
from torch import nn
from transformers import (
    BertForQuestionAnswering,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from analog_bench.recipes.span_training import collate, span_features, unambiguous
from analog_bench.tasks.windows import WindowLimits


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
    base: Path,
    tokenizer: PreTrainedTokenizerFast,
    questions: Dataset,
    folder: Path,
    *,
    progress: bool = False,
) -> nn.Module:
    """Train, or go on from the last checkpoint in `folder`.

    Args:
        recipe: The hyperparameters.
        base: Folder with the base model's configuration and weights.
        tokenizer: The base model's tokeniser.
        questions: SQuAD rows to train on.
        folder: Where checkpoints are kept, every 200 steps.
        progress: Whether to show a progress bar.

    Returns:
        The trained model: a `peft.PeftModel` for a rank above 0.
    """
    set_seed(recipe.seed)
    features = span_features(
        unambiguous(questions), tokenizer, WindowLimits(recipe.max_length, recipe.stride)
    )
    trainer = Trainer(
        model=_model(recipe, base),
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
            save_steps=200,
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
    (folder / "recipe.json").parent.mkdir(parents=True, exist_ok=True)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)))
    return trainer.model


def _model(recipe: QaRecipe, base: Path) -> nn.Module:
    # Dropout is off: less than one pass over the data cannot overfit it. Eager attention because
    # its backward pass is faster than the fused one for padded batches on a CPU.
    model = BertForQuestionAnswering.from_pretrained(
        base,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
    )
    if recipe.rank:
        adapter = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.rank,
            target_modules=["query", "key", "value", "dense"],
            modules_to_save=["qa_outputs"],
        )
        return get_peft_model(model, adapter)
    model.bert.embeddings.requires_grad_(False)
    return model


def described(recipe: QaRecipe) -> dict[str, float]:
    """Return the recipe as plain numbers, for the record beside the weights."""
    return asdict(recipe)
