"""Where in a model numbers stop being finite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from analog_bench.analog.layer_manifest import Layer
from analog_bench.zoo.layer_names import hooked


def first_not_finite(outputs: Sequence[Tensor]) -> int | None:
    """Return the first of several tensors that holds infinity or NaN; None where none does.

    A GPU is waited for once.
    """
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
