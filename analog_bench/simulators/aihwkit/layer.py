"""A layer on tiles: built, programmed, drifted, released."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from aihwkit.inference import PCMLikeNoiseModel, ReRamWan2022NoiseModel
from aihwkit.inference.converter.conductance import SinglePairConductanceConverter
from aihwkit.inference.noise.hermes import HermesNoiseModel
from aihwkit.nn import AnalogLinear
from aihwkit.nn.modules.base import AnalogLayerBase
from aihwkit.simulator.tiles.inference_torch import TorchInferenceTile
from aihwkit.simulator.tiles.torch_tile import TorchSimulatorTile
from torch import Tensor, nn

from analog_bench.analog.tile_protocol import InputRange, OnTiles
from analog_bench.errors import UsageError
from analog_bench.simulators.aihwkit.config import (
    draws_once,
    has_input_range,
    reads_randomly,
    torch_variant,
)
from analog_bench.simulators.aihwkit.extra_devices import Exact, MeasuredDevices, StuckDevices
from analog_bench.simulators.aihwkit.product import StepModule, StepTile
from analog_bench.zoo.devices import CPU

OnTiles.register(AnalogLayerBase)
_ON_ANY_DEVICE = (
    *(PCMLikeNoiseModel, ReRamWan2022NoiseModel, HermesNoiseModel),
    *(Exact, MeasuredDevices, StuckDevices),
)
"""Noise models that compute where their weights are; aihwkit's others need numpy."""
_AIHWKITS = TorchInferenceTile, TorchSimulatorTile
_OURS = StepModule, StepTile


class _Float32Linear(AnalogLinear):  # type: ignore[misc]
    """aihwkit's layer, in float32 also where the model around it computes in another precision.

    Converters and noise are finer than what bfloat16 rounds to.
    """

    def reset_parameters(self) -> None:
        """Draw no first weights: `from_digital` sets others, and on a GPU waits for these."""

    def forward(self, x_input: Tensor) -> Tensor:
        with torch.autocast(x_input.device.type, enabled=False):
            found: Tensor = super().forward(x_input.float())
        return found


class AihwkitTiles:
    """A layer on aihwkit's tiles; see `analog.tile_protocol.Tiles`."""

    def __init__(self, linear: nn.Linear, config: Any, input_range: InputRange | None) -> None:
        self._config = config
        self.module = build(linear, config, input_range)
        self.draws_at_read = reads_randomly(config)

    def program(self) -> list[Tensor]:
        """Program the weights; return them and aihwkit's drift terms where any are drawn."""
        _program_in_place(self.module, self._config.noise_model)
        with _quietly():
            self.module.program_analog_weights()
        return programmed(self.module) if draws_once(self._config) else []

    def drift(self, seconds: float) -> None:
        """Let this much time pass since programming."""
        with _quietly():
            self.module.drift_analog_weights(seconds)

    def release(self) -> None:
        """Free the tiles."""
        release(self.module)


def build(linear: nn.Linear, config: Any, input_range: InputRange | None) -> Any:
    """Map a layer onto tiles: an `AnalogLinear`, in eval mode, closed to training, not programmed.

    aihwkit's torch tiles compute with `StepModule`, in fewer passes and to the same bits; in a
    release of aihwkit where the bits are others, with aihwkit's own steps.
    """
    classes = getattr(config, "tile_class", None), getattr(config, "simulator_tile_class", None)
    if classes == _AIHWKITS and _steps_agree():
        config.tile_class, config.simulator_tile_class = _OURS
    layer = _Float32Linear.from_digital(linear, config).eval().requires_grad_(False)
    if has_input_range(config):
        set_input_ranges(layer, input_range)
    return layer


@cache
def _steps_agree() -> bool:
    """Return whether our steps give the bits that the installed aihwkit computes."""
    outputs = []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        linear, x = nn.Linear(40, 20), torch.randn(64, 40)
        for classes in (_AIHWKITS, _OURS):
            config = torch_variant()
            config.tile_class, config.simulator_tile_class = classes
            layer = AnalogLinear.from_digital(linear, config).eval()
            set_input_ranges(layer, 2.0)
            torch.manual_seed(1)
            outputs.append(layer(x))
            release(layer)
    return torch.equal(*outputs)


def set_input_ranges(layer: Any, input_range: InputRange | None) -> None:
    """Set tiles' static input ranges: one for all or one each; `UsageError` for other counts."""
    tiles = list(layer.analog_tiles())
    ranges = input_range if isinstance(input_range, tuple) else (input_range,) * len(tiles)
    if len(ranges) != len(tiles):
        raise UsageError(
            f"{len(ranges)} input ranges were given for a layer of {len(tiles)} tiles; they come "
            "from hardware with tiles of another size"
        )
    for tile, value in zip(tiles, ranges, strict=True):
        tile.set_input_range(value)


def _program_in_place(layer: Any, noise_model: Any) -> None:
    """Let aihwkit program on the device that the tiles are on, and drift there.

    It would fetch each tile's weights to the processor, and send what it makes of them back.
    """
    devices = getattr(noise_model, "healthy", noise_model)
    anywhere = type(devices) in _ON_ANY_DEVICE
    anywhere = anywhere and type(devices.g_converter) is SinglePairConductanceConverter
    for tile in layer.analog_tiles():
        if anywhere and tile.device.type != CPU:
            tile.reference_combined_weights = tile.tile.weight.detach().clone()


def programmed(layer: Any) -> list[Tensor]:
    """Return what programming drew: weights in the units of the layer, and drift terms.

    On a GPU the weights are a list by tiles: aihwkit puts them together on the processor.
    """
    tiles = list(layer.analog_tiles())
    terms = [
        term.reshape(-1).float()
        for tile in tiles
        for term in tile.drift_noise_parameters
        if isinstance(term, Tensor)
    ]
    if tiles[0].device.type == CPU:
        weights = layer.get_weights()[0]
    else:
        weights = torch.cat([_scaled_weights(tile).flatten() for tile in tiles])
    return [weights, *([torch.cat(terms)] if terms else [])]


def _scaled_weights(tile: Any) -> Tensor:
    weight: Tensor = tile.tile.weight.detach()
    scales = tile.get_scales()
    return weight if scales is None else weight * scales.view(-1, 1)


def release(layer: Any) -> None:
    """Break the cycle of tile and context that would keep a layer's tiles in memory.

    Python would find it only when it next looks through all objects: beside large libraries,
    gigabytes of chips later.
    """
    for tile in layer.analog_tiles():
        tile.analog_ctx.analog_tile = None


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence two warnings that aihwkit 1.1's noise models raise about their own code, row by row.

    They announce changes in torch and numpy; the tests against published formulas would notice.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using a non-tuple sequence")
        warnings.filterwarnings("ignore", "__array_wrap__ must accept")
        yield
