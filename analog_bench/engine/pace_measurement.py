"""How fast this machine runs a clean model: from the time of a few batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
from torch import Tensor, nn

from analog_bench.engine.pace import Pace
from analog_bench.tasks.task import Task
from analog_bench.zoo.layer_names import hooked

# Enough runs for a median that one hiccup of a busy machine does not move; short enough not to be
# waited for.
_PROBE_S = 0.5
_LEAST_RUNS, _MOST_RUNS = 3, 7


Run = Callable[[nn.Module, int], Tensor]


def measure_pace(model: nn.Module, task: Task, run: Run) -> Pace:
    """Time a clean model on one batch of middling length, by its index, in about half a second.

    The first run warms caches up and does not count.
    """
    index = len(task.batches) // 2
    tokens = task.batches[index].input_ids.numel()
    began = time.perf_counter()
    runs = [_timed(model, task, run, index)]
    # A first run that takes this long is all there is time for: a large model, or one that writes.
    while time.perf_counter() - began < _PROBE_S or (len(runs) > 1 and len(runs) <= _LEAST_RUNS):
        runs.append(_timed(model, task, run, index))
        if len(runs) > _MOST_RUNS:
            break
    runs = runs[1:] or runs

    def typical(seconds: Sequence[float]) -> float:
        return median(seconds) / tokens

    return Pace(
        typical([run.forward for run in runs]),
        typical([run.scoring for run in runs]),
        {path: typical([run.begins[path] for run in runs]) for path in runs[0].begins},
        task.by_token,
    )


def _timed(model: nn.Module, task: Task, run: Run, index: int) -> Pace:
    """Return the seconds of a whole batch."""
    begins: dict[str, float] = {}
    device = next(model.parameters()).device

    def now() -> float:
        if device.type == "cuda":  # whose work is only asked for when a call returns
            torch.cuda.synchronize(device)
        return time.perf_counter()

    def enter(path: str, *_: object) -> None:
        begins.setdefault(path, now() - start)

    with hooked(dict(model.named_modules()), before=enter), torch.inference_mode():
        start = now()
        output = run(model, index)
        computed = now()
        task.reduce(index, output)
        reduced = now()
    return Pace(computed - start, reduced - computed, begins)
