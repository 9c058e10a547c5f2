"""A low-rank adapter that stays digital beside a layer, whether or not the layer is on tiles.

The adapter is a submodule of the layer, named `adapter`, and a hook adds its result to the layer's
output. The layer keeps its path, class and name, so it goes on tiles like any other. Its adapter is
then moved to the analog layer (`move_adapter`) and appears among the model's layers as two digital
matrix multiplications.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

NAME = "adapter"
"""Name of the submodule."""


class Adapter(nn.Module):
    """y + B A x, with A of shape (rank, inputs) and B of shape (outputs, rank)."""

    def __init__(self, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(inputs, rank, bias=False)
        self.up = nn.Linear(rank, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the summand, shape (..., outputs)."""
        added: Tensor = self.up(self.down(x))
        return added


def add_adapter(layer: nn.Module, adapter: Adapter) -> None:
    """Put an adapter beside a layer, in place."""
    layer.add_module(NAME, adapter)
    layer.register_forward_hook(_add)


def adapter_of(layer: nn.Module) -> Adapter | None:
    """Return a layer's adapter, or None."""
    adapter = layer._modules.get(NAME)
    return adapter if isinstance(adapter, Adapter) else None


def move_adapter(digital: nn.Module, analog: nn.Module) -> None:
    """Share a digital layer's adapter, if it has one, with the analog layer that replaces it."""
    adapter = adapter_of(digital)
    if adapter is not None:
        add_adapter(analog, adapter)


def adapted_layers(parameters: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the module path of each layer with an adapter, and the names of its A and B."""
    names = set(parameters)
    end = f".{NAME}.down.weight"
    paths = [name.removesuffix(end) for name in sorted(names) if name.endswith(end)]
    return {
        path: (f"{path}{end}", f"{path}.{NAME}.up.weight")
        for path in paths
        if f"{path}.{NAME}.up.weight" in names
    }


def _add(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
    adapter = adapter_of(layer)
    if adapter is None:
        return output
    added: Tensor = adapter(inputs[0])
    return output + added
