"""Training the embedded MobileBERT, for `analog-bench zoo train`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from analog_bench.recipes.mobilebert_qa import DistilRecipe, DistilReport, train
from analog_bench.tasks.squad import read_squad
from analog_bench.zoo.load import load
from analog_bench.zoo.lock import FILE_NAME
from analog_bench.zoo.shipping import ship_whole
from analog_bench.zoo.specs import ModelSpec, find_embedded


def train_mobilebert(
    spec: ModelSpec,
    asked: Mapping[str, Any],
    data: Path,
    out: Path,
    ship: Path,
) -> None:
    """Train a MobileBERT by the embedded BERT, and write shippable weights.

    Args:
        spec: The embedded model.
        asked: Hyperparameters in place of the recipe's own, by their name in `DistilRecipe`.
        data: SQuAD v1.1 JSON.
        out: The checkpoints.
        ship: The weights.

    Raises:
        DataError: The data is missing, malformed or too little.
        UsageError: Checkpoints of another recipe.
        WeightsError: The teacher's weights are not there, or the folder holds other ones.
    """
    recipe = replace(DistilRecipe(), **asked)
    rows = read_squad(data)
    teacher = load(find_embedded("bert"), lock_path=Path(FILE_NAME))
    trained = train(recipe, spec.architecture, teacher, rows, out, tell=_tell)
    backend: Any = teacher.tokenizer.backend_tokenizer
    ship_whole(
        trained.model.state_dict(),
        backend,
        ship,
        {
            **recipe.described(),
            "data": "SQuAD v1.1 train, answers that stand once",
            "teacher": f"the embedded bert, {teacher.weights_sha256}",
            "torch": torch.__version__,
            "processor_minutes": round(trained.minutes, 1),
        },
        {"held_out_f1": round(trained.held_out_f1, 2)},
    )


def _tell(report: DistilReport) -> None:
    print(
        f"{report.phase} step {report.step}: states {report.states:.3f}, answers "
        f"{report.answers:.3f}, truth {report.truth:.3f}, held out F1 {report.held_out_f1:.1f}, "
        f"{report.seconds / 60:.1f} minutes",
        file=sys.stderr,
        flush=True,
    )
