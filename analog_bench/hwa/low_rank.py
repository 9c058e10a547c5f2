"""Low-rank adapters in hardware-aware training (after AHWA-LoRA, arXiv 2411.17367).

`digital`: the frozen matrix is on tiles, and the adapter computes beside it exactly; its weights
never see the noise. `merged`: the adapter's product is added to the matrix before it is written
onto the tiles, so all of it is noisy, and nothing is digital when the model is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from analog_bench.analog.layers import find, weight_of
from analog_bench.seeds import derive_seed
from analog_bench.simulators.trainable_tiles import TrainableTiles
from analog_bench.zoo.adapter import Adapter, add_adapter


def add_adapters(model: nn.Module, layers: Sequence[str], rank: int, seed: int) -> list[Adapter]:
    """Put a digital adapter beside each layer, in place; A is drawn from the seed, B is 0.

    The rank is limited to the smaller side of a layer.
    """
    adapters = []
    for layer in find(model, layers):
        weight = weight_of(layer.module)
        outputs, inputs = weight.shape
        adapter = Adapter(inputs, outputs, min(rank, inputs, outputs)).to(weight.device)
        with torch.no_grad():
            adapter.down.weight.copy_(_first(adapter.down.weight, seed, layer.name))
            adapter.up.weight.zero_()
        add_adapter(layer.module, adapter)
        adapters.append(adapter)
    return adapters


class MergedAdapters:
    """Adapters that are written onto the tiles together with the weights they belong to."""

    def __init__(self, tiles: TrainableTiles, rank: int, seed: int) -> None:
        """Start as `add_adapters` does: A is drawn from the seed, B is 0."""
        self._tiles = tiles
        self._base: dict[str, Tensor] = {}
        self._factors: dict[str, tuple[nn.Parameter, nn.Parameter]] = {}
        for name, weight in tiles.weights.items():
            outputs, inputs = weight.shape
            used = min(rank, inputs, outputs)
            down = _first(weight.new_empty(used, inputs), seed, name)
            up = weight.new_zeros(outputs, used)
            self._base[name] = weight.clone()
            self._factors[name] = nn.Parameter(down), nn.Parameter(up)
        self.write()

    @property
    def parameters(self) -> list[nn.Parameter]:
        """A and B of every layer."""
        return [factor for pair in self._factors.values() for factor in pair]

    def write(self) -> None:
        """Write weights and adapters onto the tiles."""
        with torch.no_grad():
            for name, (down, up) in self._factors.items():
                self._tiles.write(name, self._base[name] + up @ down)

    def take_gradients(self) -> None:
        """Convert the gradients of the tiles' weights into those of A and B."""
        with torch.no_grad():
            for name, (down, up) in self._factors.items():
                by_weight = self._tiles.gradient(name)
                down.grad, up.grad = up.T @ by_weight, by_weight @ down.T

    def state(self) -> dict[str, Tensor]:
        """Return A and B of every layer, by name; not copies."""
        return {
            f"{name}/{part}": factor.data
            for name, pair in self._factors.items()
            for part, factor in zip(("down", "up"), pair, strict=True)
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state returned by `state`; the tiles are restored separately."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])


def _first(like: Tensor, seed: int, layer: str) -> Tensor:
    generator = torch.Generator().manual_seed(derive_seed(seed, "adapter", layer))
    drawn = torch.rand(like.shape, generator=generator) * 2.0 - 1.0
    return (drawn / math.sqrt(like.shape[1])).to(like.device)
