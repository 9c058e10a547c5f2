"""A model whose layers sit on tiles that learn, and the digital model it stands for at any time.

    with trainable_tiles(model, layers, config, ranges, seed=1) as tiles:
        loss(model(...)).backward()          # through the tiles: noisy, rounded, clipped
        optimiser.step()
        with tiles.digital() as ranges:      # the weights read back into the digital layers
            with install(model, ..., input_ranges=ranges): ...

Chips are never programmed from the learning tiles themselves: aihwkit keeps the weights that a
layer was first programmed with, and a layer that has drifted once would go back to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

import analog_bench.simulators.aihwkit as kit
from analog_bench.analog.layers import Place, find
from analog_bench.analog.random_draws import seeded
from analog_bench.analog.tile_protocol import InputRange
from analog_bench.seeds import derive_seed
from analog_bench.simulators.aihwkit import training_tiles as training
from analog_bench.simulators.aihwkit.training_tiles import TileParameters
from analog_bench.zoo.adapter import adapter_of, move_adapter


class TrainableTiles:
    """Layers of a model on trainable tiles; made by `trainable_tiles`."""

    def __init__(
        self, model: nn.Module, layers: Sequence[tuple[Place, Any]], *, learns_weights: bool
    ) -> None:
        self._model = model
        self._layers = tuple(layers)
        self._learns_weights = learns_weights

    @property
    def learning(self) -> TileParameters:
        """The trainable parameters of all tiles, without adapters."""
        parts: dict[str, list[nn.Parameter]] = {f.name: [] for f in fields(TileParameters)}
        for _, analog in self._layers:
            found = training.tile_parameters(analog)
            adapter = adapter_of(analog)
            own = set() if adapter is None else {id(p) for p in adapter.parameters()}
            parts["contexts"] += found.contexts
            parts["ranges"] += found.ranges
            if self._learns_weights:
                parts["weights"] += found.weights
                parts["digital"] += [p for p in found.digital if id(p) not in own]
        return TileParameters(**{name: tuple(part) for name, part in parts.items()})

    @property
    def paths(self) -> tuple[str, ...]:
        """Prefixes of the names of all parameters on tiles."""
        return tuple(f"{place.path}." for place, _ in self._layers)

    @property
    def ranges(self) -> dict[str, tuple[float, ...]]:
        """Input ranges of each layer's tiles by public name, where there are any."""
        found = {place.name: training.read_ranges(analog) for place, analog in self._layers}
        return {name: values for name, values in found.items() if values}

    @property
    def weights(self) -> dict[str, Tensor]:
        """Weights of the digital layers, (outputs, inputs), by public name."""
        return {place.name: _linear(place).weight.detach() for place, _ in self._layers}

    def state(self) -> dict[str, Tensor]:
        """Return all tensors on the tiles that training changes, by name; not copies."""
        return {
            f"{place.path}/{name}": tensor
            for place, analog in self._layers
            for name, tensor in training.training_state(analog).items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state returned by `state`."""
        for place, analog in self._layers:
            training.restore(analog, part_of(state, f"{place.path}/"))

    def write(self, name: str, weight: Tensor) -> None:
        """Write a layer's weight, (outputs, inputs), onto its tiles, clipped as after a step."""
        training.write_weights(self._of(name), weight)

    def gradient(self, name: str) -> Tensor:
        """Return and clear the gradient of a layer's weight; only on the torch tile."""
        layer = self._of(name)
        found = training.weight_gradient(layer)
        for parameter in training.tile_parameters(layer).weights:
            parameter.grad = None
        return found

    @contextmanager
    def digital(self) -> Iterator[dict[str, tuple[float, ...]]]:
        """Put the digital layers back with what the tiles have learned; yield `ranges`.

        Frozen weights are not read back: they are those of the digital layers, to the bit.
        """
        with torch.no_grad():
            for place, analog in self._layers if self._learns_weights else ():
                weight, bias = training.read_back(analog)
                _linear(place).weight.copy_(weight)
                if bias is not None:
                    _linear(place).bias.copy_(bias)
        self.detach()
        try:
            yield self.ranges
        finally:
            self.attach()

    def attach(self) -> None:
        """Replace the digital layers by layers on tiles."""
        for place, analog in self._layers:
            self._model.set_submodule(place.path, analog)

    def detach(self) -> None:
        """Put the digital layers back as they were last read back."""
        for place, _ in self._layers:
            self._model.set_submodule(place.path, place.module)

    def _of(self, name: str) -> Any:
        return next(analog for place, analog in self._layers if place.name == name)


@contextmanager
def trainable_tiles(
    model: nn.Module,
    layers: Sequence[str],
    config: Any,
    input_ranges: Mapping[str, InputRange],
    *,
    seed: int,
    learns_weights: bool = True,
) -> Iterator[TrainableTiles]:
    """Put layers of a digital model on trainable tiles, and the digital ones back on exit.

    The model must be prepared and in evaluation mode. Only the tiles are in training mode, so
    nothing else is noisy. Layers that are not on tiles stay unchanged, and a digital adapter beside
    a layer moves with it.

    Args:
        model: The model.
        layers: Public names or module paths.
        config: A configuration from `training_config`.
        input_ranges: Initial input ranges by public name, if `config` has input ranges.
        seed: Seed of what aihwkit draws while it builds layers.
        learns_weights: Whether to train the weights. If not, they are neither changed nor clipped,
            and only input ranges (and adapters) are trained.

    Raises:
        UsageError: A layer does not exist, or has another number of tiles than ranges.
    """
    used = config if learns_weights else training.frozen(config)
    device = next(model.parameters()).device
    built: list[tuple[Place, Any]] = []
    for place in find(model, layers):
        with seeded(derive_seed(seed, "build", place.name), device), torch.enable_grad():
            analog = training.trainable(_linear(place), used, input_ranges.get(place.name))
        if not learns_weights:
            found = training.tile_parameters(analog)
            for parameter in (*found.weights, *found.digital):
                parameter.requires_grad_(False)
        move_adapter(place.module, analog)
        built.append((place, analog))
    tiles = TrainableTiles(model, built, learns_weights=learns_weights)
    tiles.attach()
    try:
        yield tiles
    finally:
        tiles.detach()
        for _, analog in built:
            kit.release(analog)


def part_of(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the part of a state whose names have a prefix, by their names without it."""
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def _linear(place: Place) -> nn.Linear:
    if not isinstance(place.module, nn.Linear):
        raise TypeError(f"{place.name} is a {type(place.module).__name__}, not an nn.Linear")
    return place.module
