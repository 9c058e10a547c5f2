"""How long a case will take, about: from the time of a few clean batches."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import torch

from analog_bench.case import Case
from analog_bench.engine.walk import Walk
from analog_bench.simulators.registry import find_simulator
from analog_bench.tasks.task import Task

# Enough runs for a median that one hiccup of a busy machine does not move; short enough not to be
# waited for.
_PROBE_S = 0.5
_LEAST_RUNS, _MOST_RUNS = 3, 7


@dataclass(frozen=True)
class Pace:
    """How fast this machine runs a clean model.

    Attributes:
        stages: Seconds a token takes in each stage of the walk.
        scoring: Seconds a token takes from the output to what is scored.
        writes: Whether it writes, token by token: what a token takes then is no measure of how
            long programming takes, which is short beside it.
    """

    stages: tuple[float, ...]
    scoring: float
    writes: bool = False

    def seconds(self, case: Case, *, stage: int, share: float, tokens: int) -> float:
        """Return the seconds that one chip of a case takes, about.

        Args:
            case: The case.
            stage: The stage that it is computed from.
            share: Share of the model's matrix-multiply weights in its layers.
            tokens: Tokens of the inputs.
        """
        clean = (sum(self.stages[stage:]) + self.scoring) * tokens
        if case.noise.WHERE != "tile":
            return clean
        cost = find_simulator(case.tile).cost(case.noise, case.hardware)
        programming = 0.0 if self.writes else cost.programming
        return clean + sum(self.stages) * share * ((cost.passes - 1.0) * tokens + programming)


def measure_pace(walk: Walk, task: Task) -> Pace:
    """Time a clean model on one batch of middling length, in about half a second.

    The first run warms caches up and does not count.

    Args:
        walk: The model's stages; the model is clean.
        task: The inputs.
    """
    index = len(task.batches) // 2
    tokens = task.batches[index].input_ids.numel()
    began = time.perf_counter()
    runs = [_timed(walk, task, index)]
    # A first run that takes this long is all there is time for: a large model, or one that writes.
    while time.perf_counter() - began < _PROBE_S or (len(runs) > 1 and len(runs) <= _LEAST_RUNS):
        runs.append(_timed(walk, task, index))
        if len(runs) > _MOST_RUNS:
            break
    *stages, scoring = (median(timed) / tokens for timed in zip(*(runs[1:] or runs), strict=True))
    return Pace(tuple(stages), scoring, walk.by_token)


def _timed(walk: Walk, task: Task, index: int) -> list[float]:
    """Return the seconds of each stage, and of what comes behind the last."""
    times = [time.perf_counter()]
    with torch.inference_mode():
        state = walk.begin(task.batches[index])
        for stage in walk.stages:
            state = stage.run(state)
            times.append(time.perf_counter())
        task.reduce(index, state["output"])
        times.append(time.perf_counter())
    return [after - before for before, after in pairwise(times)]
