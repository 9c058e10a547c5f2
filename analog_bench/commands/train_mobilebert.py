"""Training the embedded MobileBERT, for `analog-bench zoo train`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from analog_bench.recipes.gpt2_lm import steps_made
from analog_bench.recipes.mobilebert_qa import DistilRecipe, Report, described, train
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
    *,
    finish: bool,
    threads: int | None,
) -> None:
    """Train a MobileBERT by the embedded BERT, and write shippable weights.

    Args:
        spec: The embedded model.
        asked: Hyperparameters in place of the recipe's own, by their name in `DistilRecipe`.
        data: SQuAD v1.1 JSON.
        out: The checkpoints.
        ship: The weights.
        finish: Whether to decay from the last checkpoint now, however many steps were asked for.
        threads: Threads to compute with; torch's choice where None.

    Raises:
        DataError: The data is missing, malformed or too little.
        UsageError: Nothing to finish, or checkpoints of another recipe.
        WeightsError: The teacher's weights are not there, or the folder holds other ones.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    recipe = replace(DistilRecipe(), **asked)
    if finish:
        recipe = replace(recipe, steps=steps_made(out))
    rows = read_squad(data)
    teacher = load(find_embedded("bert"), lock_path=Path(FILE_NAME))
    trained = train(recipe, spec.architecture, teacher, rows, out, tell=_tell)
    backend: Any = teacher.tokenizer.backend_tokenizer
    ship_whole(
        trained.model.state_dict(),
        backend,
        ship,
        {
            **described(recipe),
            "data": "SQuAD v1.1 train, answers that stand once",
            "teacher": f"the embedded bert, {teacher.weights_sha256}",
            "torch": torch.__version__,
            "processor_minutes": round(trained.minutes, 1),
        },
        {"held_out_f1": round(trained.held_out_f1, 2)},
    )


def _tell(report: Report) -> None:
    print(
        f"{report.phase} step {report.step}: states {report.states:.3f}, answers "
        f"{report.answers:.3f}, truth {report.truth:.3f}, held out F1 {report.held_out_f1:.1f}, "
        f"{report.seconds / 60:.1f} minutes",
        file=sys.stderr,
        flush=True,
    )
