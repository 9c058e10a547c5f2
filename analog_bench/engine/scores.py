"""Scores of a model's outputs, and why there are none where outputs are not finite numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from analog_bench.analog.layer_manifest import Layer
from analog_bench.tasks.task import Task
from analog_bench.zoo.layer_names import hooked


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
    """Return the scores of all batches' outputs, or the problem that keeps them from being scored.

    `broken` says where outputs are not finite; it is empty if they are. A problem begins with
    `whose` outputs they are.
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


def first_not_finite(outputs: Sequence[Tensor]) -> int | None:
    """Return the first tensor's index that holds infinity or NaN, or None; waits once for a GPU."""
    finite = torch.stack([torch.isfinite(tensor).all() for tensor in outputs]).tolist()
    return None if all(finite) else finite.index(False)


def broken_layer(model: nn.Module, layers: Iterable[Layer], forward: Callable[[], object]) -> str:
    """Return the first layer that puts out infinity or NaN in a forward pass; empty for none."""
    met: list[str] = []

    def look(name: str, _module: object, _inputs: object, output: object) -> None:
        tensors = (leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
        if not met and not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
            met.append(name)

    # By path: a case may have put tiles, or a clean output, where a layer was.
    with hooked({layer.name: model.get_submodule(layer.path) for layer in layers}, after=look):
        forward()
    return met[0] if met else ""
