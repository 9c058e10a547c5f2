"""How the embedded MiniLM learnt whether a sentence answers a question: SQuAD, in QNLI's form.

It begins with the encoder of the embedded BERT, which has learnt to find answers, and gets a
low-rank adapter on every matrix, embeddings apart, and a new head. Pairs are made of SQuAD's
training questions by `tasks.answer_sentences`; some articles are held out.

Tried before: with a rate of 0.001, from all-MiniLM-L6-v2 itself, the loss fell to 0.665 nats in 150
steps, and then stayed at the 0.693 of a coin.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import (
    BertForSequenceClassification,
    PretrainedConfig,
    PreTrainedTokenizerFast,
)

from analog_bench.errors import DataError
from analog_bench.hwa.checkpoint_owner import claim
from analog_bench.hwa.held_out_articles import hold_out_questions
from analog_bench.tasks.answer_sentences import every_pair
from analog_bench.tasks.labelled_files import LabelledText, content_hash
from analog_bench.tasks.squad_files import read_squad
from analog_bench.tasks.task import draw
from analog_bench.tasks.text_classification import labels_of
from analog_bench.zoo.embedded_weights import encoder_state
from analog_bench.zoo.minilm_base import find_base
from analog_bench.zoo.model_loading import embedded_config
from analog_bench.zoo.tokenizer import read_tokenizer
from training.low_rank_tuning import TuningRecipe, fine_tune
from training.shipping import ship_adapter
from training.span_features import padded_pairs

NAME = "minilm-qnli"
# A question gives two pairs, and about one in twenty none; each pair is to come once.
_SPARE = 1.1


@dataclass(frozen=True)
class PairRecipe(TuningRecipe):
    """Hyperparameters of one training.

    Attributes:
        max_length: Tokens a pair holds at most; longer sentences lose their end.
        held_out: Articles that nothing is learnt from.
    """

    steps: int = 400
    batch: int = 32
    learning_rate: float = 4e-4
    warmup: int = 30
    rank: int = 32
    seed: int = 20261127
    max_length: int = 128
    held_out: int = 8


def train(
    recipe: PairRecipe,
    config: PretrainedConfig,
    base: Mapping[str, Tensor],
    tokenizer: PreTrainedTokenizerFast,
    pairs: Sequence[LabelledText],
    folder: Path,
    *,
    save_steps: int = 50,
    progress: bool = False,
) -> nn.Module:
    """Train, or go on from the last whole checkpoint in `folder`; see `fine_tune`.

    Raises:
        DataError: There is no pair.
        UsageError: The folder's checkpoints come from another recipe or other data, or from an
            unknown one.
        WeightsError: The base lacks parameters of the model.
    """
    claim(folder, {**asdict(recipe), "data": content_hash(pairs)})
    if not pairs:
        raise DataError(
            "nothing to train on: no question has its answer in one sentence and another sentence "
            "beside it"
        )
    return fine_tune(
        recipe,
        BertForSequenceClassification,
        "classifier",
        config,
        base,
        pair_features(pairs, tokenizer, labels_of(config, NAME), recipe.max_length),
        collate,
        folder,
        save_steps=save_steps,
        progress=progress,
    )


def train_and_ship(changes: Mapping[str, Any], data: Path, out: Path, ship: Path) -> None:
    """Train the embedded classifier and write shippable weights.

    Args:
        changes: Hyperparameters in place of the recipe's own, by their name in `PairRecipe`.
        data: SQuAD v1.1 JSON.
        out: Folder of the checkpoints.
        ship: Folder of the weights.

    Raises:
        DataError: The data is missing, malformed or of no use.
        UsageError: Checkpoints of another recipe.
        WeightsError: The base's weights are not there, or `ship` holds other weights.
    """
    config = embedded_config(NAME)
    recipe = replace(PairRecipe(), **changes)
    rows, _ = hold_out_questions(read_squad(data), recipe.held_out)
    wanted = int(_SPARE * recipe.steps * recipe.batch / 2)
    rows = rows.select(draw(rows["id"], min(wanted, len(rows)), "questions"))
    files = find_base()
    tokenizer = read_tokenizer(files.tokenizer, config.max_position_embeddings)
    base, hashes = encoder_state(files.weights)
    pairs = every_pair(rows)
    model: Any = train(recipe, config, base, tokenizer, pairs, out, progress=sys.stderr.isatty())
    model.save_pretrained(out / "final")
    described = {**asdict(recipe), "data": "SQuAD v1.1 train, in the form of QNLI"}
    ship_adapter(out / "final", ship, described, {}, dtype="float16", base_hashes=hashes)


def pair_features(
    pairs: Sequence[LabelledText],
    tokenizer: PreTrainedTokenizerFast,
    labels: Sequence[str],
    max_length: int,
) -> Dataset:
    """Tokenise pairs: `input_ids`, `token_type_ids`, `labels` and `length` of each."""
    encoded = tokenizer(
        [pair.text for pair in pairs],
        [pair.second or "" for pair in pairs],
        truncation="only_second",
        max_length=max_length,
        padding=False,
        return_token_type_ids=True,
        return_attention_mask=False,
    )
    columns = {
        "input_ids": encoded["input_ids"],
        "token_type_ids": encoded["token_type_ids"],
        "labels": [labels.index(pair.label) for pair in pairs],
        "length": [len(ids) for ids in encoded["input_ids"]],
    }
    return Dataset.from_dict(columns)


def collate(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Pad rows of `pair_features` to the longest of them, beside their labels."""
    return {**padded_pairs(rows), "labels": torch.tensor([row["labels"] for row in rows])}
