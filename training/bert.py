"""How the embedded BERT learnt to answer questions: SQuAD on all-MiniLM-L6-v2.

Two ways are kept, since the shipped one was chosen by comparing them: a low-rank adapter on every
matrix of the blocks (rank > 0), and full fine-tuning with frozen embeddings (rank 0).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from datasets import Dataset
from torch import Tensor, nn
from transformers import BertForQuestionAnswering, PretrainedConfig, PreTrainedTokenizerFast

from analog_bench.errors import DataError
from analog_bench.hwa.checkpoint_owner import claim
from analog_bench.hwa.span_batches import unambiguous
from analog_bench.tasks.qa_windows import WindowLimits
from analog_bench.tasks.squad_files import content_hash, read_squad
from analog_bench.zoo.embedded_weights import base_state
from analog_bench.zoo.minilm_base import find_base
from analog_bench.zoo.model_loading import embedded_config
from analog_bench.zoo.tokenizer import read_tokenizer
from training.low_rank_tuning import TuningRecipe, fine_tune
from training.shipping import ship_adapter, ship_delta
from training.span_features import collate, span_features


@dataclass(frozen=True)
class QaRecipe(TuningRecipe):
    """Hyperparameters of one question-answering training.

    Attributes:
        max_length: Tokens a training window holds.
        stride: Tokens neighbouring windows share.
    """

    steps: int = 3600
    batch: int = 16
    learning_rate: float = 1e-3
    warmup: int = 150
    rank: int = 64
    seed: int = 20261123
    max_length: int = 256
    stride: int = 64


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
    return fine_tune(
        recipe,
        BertForQuestionAnswering,
        "qa_outputs",
        config,
        base,
        features,
        collate,
        folder,
        save_steps=save_steps,
        progress=progress,
    )


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
