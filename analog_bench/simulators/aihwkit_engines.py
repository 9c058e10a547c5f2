"""aihwkit's two tile engines, defined without importing aihwkit, as collection requires."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from analog_bench.analog.compatibility import IDEAL, preset_name
from analog_bench.defining_files import note_code
from analog_bench.errors import UsageError
from analog_bench.noise import (
    InpNoise,
    IrDropShipped,
    Noise,
    OutNoise,
    PcmRead,
    Preset,
    Quantise,
    SShape,
)
from analog_bench.simulators.protocol import Cost, Periphery, Simulator
from analog_bench.simulators.versions import CPP, TORCH, TORCH_VARIANT, versions, working_pair
from analog_bench.zoo.devices import CPU

if TYPE_CHECKING:
    from torch import nn

    from analog_bench.analog.input_ranges import Converters
    from analog_bench.analog.tile_protocol import InputRange, Tiles

Handler = Callable[[Any, Any, Any], Any]
"""Function from a noise, the base configuration and `kit` to the configuration of the tiles."""
H = TypeVar("H", bound=Handler)
_CELLS = ("mapping", "programming", "drift", "read")
_INPUTS, _OUTPUTS = ("input_range", "dac"), ("out_bound", "adc", "out_noise")
_READING = (Preset, OutNoise, InpNoise, Quantise, PcmRead, SShape)
_EVERY_DEVICE = Cost(passes=4e4, programming=6e3)


class AihwkitEngine(Simulator):
    """One of aihwkit's tile engines."""

    package = "aihwkit"
    _devices: Cost
    _reads: Cost

    def __init__(self) -> None:
        self.handlers: dict[type[Noise], Handler] = {}
        self.noises = self.handlers.keys()

    @property
    def advice(self) -> str:
        """The versions that were measured to work with this Python."""
        return str(working_pair(versions()["python"] or "3.12"))

    def cost(self, noise: Noise, hardware: str) -> Cost:
        """Return the cost measured on two cores (docs/method.md); converters and noise add."""
        if isinstance(noise, IrDropShipped):
            return _EVERY_DEVICE
        return self._reads if isinstance(noise, _READING) or hardware != IDEAL else self._devices

    def build(
        self,
        linear: nn.Linear,
        noise: Noise,
        hardware: str,
        input_range: InputRange | None,
    ) -> Tiles:
        """Map a layer onto tiles; see `TileSimulator.build`."""
        import analog_bench.simulators.aihwkit as kit

        return kit.AihwkitTiles(linear, self._config(noise, hardware, kit), input_range)

    def converters(self, noise: Noise, hardware: str) -> Converters:
        """Return the converters of inputs and outputs, of the whole preset if terms are off."""
        import analog_bench.simulators.aihwkit as kit

        noise = replace(noise, terms="") if isinstance(noise, Preset) else noise
        return kit.converters(self._config(noise, hardware, kit))

    def periphery(self, hardware: str) -> Periphery:
        """Return sizes and resolutions; see `Simulator.periphery`."""
        import analog_bench.simulators.aihwkit as kit

        return kit.periphery(self._config(Preset(hardware), IDEAL, kit), hardware)

    def _config(self, noise: Noise, hardware: str, kit: Any) -> Any:
        handler, preset = self.handlers.get(type(noise)), preset_name(noise, hardware)
        if handler is None or not (preset is None or preset in self.presets):
            raise UsageError(f"{noise} on {hardware} cannot be had on the {self.label}")
        return handler(noise, kit.base_config(self.name, preset or IDEAL), kit)


class TorchTile(AihwkitEngine):
    """`TorchInferenceRPUConfig`."""

    name, label, seeded = TORCH, "torch tile", True
    # Kept by hand so that collection needs no aihwkit; a test compares it with what aihwkit offers.
    terms = {  # noqa: RUF012
        "FloatingPointPreset": _CELLS,
        TORCH_VARIANT: (*_CELLS, *_INPUTS, *_OUTPUTS),
    }
    presets = {name: "input_range" in own for name, own in terms.items()}  # noqa: RUF012
    _devices, _reads = Cost(1.3, 6e3), Cost(2.3, 6e3)


class CppTile(AihwkitEngine):
    """`InferenceRPUConfig`. It seeds its reads from the clock."""

    name, label, seeded = CPP, "C++ tile", False
    devices = (CPU,)
    terms = {"StandardHWATrainingPreset": (*_CELLS, *_INPUTS, "pcm_read", "ir_drop", *_OUTPUTS)}  # noqa: RUF012
    presets = {name: "input_range" in own for name, own in terms.items()}  # noqa: RUF012
    # The second is for a preset.
    _devices, _reads = Cost(5.5, 9e4), Cost(100.0, 9e4)


TORCH_TILE, CPP_TILE = TorchTile(), CppTile()


def configures(family: type[Noise], *engines: AihwkitEngine) -> Callable[[H], H]:
    """Register how a family changes a tile's configuration, for both engines if none is named."""

    def register(handler: H) -> H:
        for engine in engines or (TORCH_TILE, CPP_TILE):
            if family in engine.handlers:
                raise ValueError(f"two handlers for {family.__name__} on the {engine.label}")
            engine.handlers[family] = handler
        note_code(family, handler)
        return handler

    return register
