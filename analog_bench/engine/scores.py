"""Scores of a model's outputs, and what is said where there can be none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from analog_bench.tasks.task import Task


@dataclass(frozen=True)
class Scores:
    """Scores of one set of outputs, by metric name; means are weighted as the task asks.

    `texts` is what was written, one an example; empty where the task is not to write. `problem`
    says why there are no scores; empty where there are.
    """

    mean: dict[str, float]
    per_example: dict[str, tuple[float, ...]]
    texts: tuple[str, ...] = ()
    problem: str = ""


def score(task: Task, whose: str, reduced: Sequence[Tensor], broken: str) -> Scores:
    """Return the scores of all batches' outputs; those that are not finite would be none.

    `broken` says of such outputs where they come from, and is empty for others; `whose` they are
    begins the problem.
    """
    if broken:
        return Scores(
            {}, {}, problem=f"{whose}: the model's outputs are not finite numbers{broken}"
        )
    per_example = task.score(reduced)
    mean = task.mean(per_example)
    for name, value in mean.items():
        if not math.isfinite(value):
            return Scores({}, {}, problem=f"{whose} scored {value} for {name}")
    return Scores(mean, per_example, task.texts(reduced))
