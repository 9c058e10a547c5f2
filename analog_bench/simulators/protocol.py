"""The interface of a simulator of analog hardware. Needs no torch.

A simulator is a subclass of `Simulator`, registered with `registry.register`. Its facts are read at
collection. `build` imports the code that computes, when a chip is programmed.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from analog_bench.analog.tile_protocol import TileSimulator
from analog_bench.errors import TileUnavailable, UsageError
from analog_bench.noise import Noise, Pcm
from analog_bench.simulators.versions import versions
from analog_bench.zoo.devices import CPU, CUDA, device_type

if TYPE_CHECKING:
    from analog_bench.analog.input_ranges import Converters


@dataclass(frozen=True)
class TileStatus:
    """Whether a simulator works here; if not, `reason` says why in one line."""

    usable: bool
    reason: str


class Cost(NamedTuple):
    """Cost of tiles relative to a clean pass through the same layers.

    `passes` is the cost of a read in clean passes. `programming` includes drift and is in tokens of
    clean passes.
    """

    passes: float
    programming: float


class Periphery(NamedTuple):
    """A tile's largest numbers of inputs and outputs (0 for any) and its converters' bits."""

    inputs: int
    outputs: int
    input_bits: int
    output_bits: int


class Simulator(TileSimulator, Protocol):
    """A simulator: build, program, drift and read (`analog.tile_protocol.Tiles`), support and cost.

    Attributes:
        noises: The supported noise families; `Ideal` is always among them.
        presets: Names of the hardware presets, and whether they have static input ranges.
        terms: Preset name to those of its terms (`noise.whole_hardware.TERMS`) that can be switched
            on and off one by one.
        seeded: Whether the simulator follows the seeds. Chips of one that does not are never
            paired.
        devices: Types of devices that it can compute on.
        package: The distribution that must be installed, if any.
        optional: Whether reports of the environment omit the package if it is not installed.
    """

    name: str
    noises: Collection[type[Noise]]
    presets: Mapping[str, bool] = MappingProxyType({})
    terms: Mapping[str, Collection[str]] = MappingProxyType({})
    seeded: bool = True
    devices: Collection[str] = (CPU, CUDA)
    package: str = ""
    optional: bool = False

    @property
    def advice(self) -> str:
        """The versions to install, which were measured to work."""
        return self.package

    def cost(self, noise: Noise, hardware: str) -> Cost:
        """Estimate the cost of a noise on this hardware, for forecasts."""
        return Cost(passes=2.0, programming=1e4)

    def converters(self, noise: Noise, hardware: str) -> Converters:
        """Return the converters of inputs and outputs, to which input ranges are fitted.

        Raises:
            UsageError: This simulator does not describe them.
        """
        raise UsageError(
            f"the {self.label} does not say what its converters do, so no input ranges can be "
            "fitted to them; measure the variant direct"
        )

    def periphery(self, hardware: str) -> Periphery:
        """Return the size of the tiles of some hardware and the resolution of their converters.

        Raises:
            UsageError: This simulator does not describe them, or the converters are perfect.
        """
        raise UsageError(f"the {self.label} does not say what converters {hardware} has")

    @property
    def installed(self) -> bool:
        """Whether its package is installed."""
        return not self.package or versions(self.package)[self.package] is not None

    @functools.cached_property
    def status(self) -> TileStatus:
        """Whether it works here, tried once on a small layer."""
        return _tried(self)

    def require(self, device: str = CPU) -> None:
        """Check that the simulator works on the device that the model is on.

        Raises:
            TileUnavailable: It does not; the message gives the reason and a remedy.
        """
        if device_type(device) not in self.devices:
            raise TileUnavailable(
                f"the {self.label} computes on {' and '.join(self.devices)} only, and the model is "
                f"on {device}; measure this case with --device {next(iter(self.devices))}"
            )
        if not self.status.usable:
            raise TileUnavailable(self.status.reason)


def _tried(simulator: Simulator) -> TileStatus:
    package, found = simulator.package, versions(simulator.package)
    if not simulator.installed:
        return TileStatus(False, f"{package} is not installed; install {simulator.advice}")
    # Deferred: it imports torch.
    from analog_bench.simulators.engine_trial import spelt, try_out

    name = f"{package} {found[package]}" if package else f"the {simulator.label}"
    here = f"{name} with torch {found['torch']} on Python {found['python']}"
    try:
        wrong = try_out(simulator, drifts=Pcm in simulator.noises)
        wrong = wrong and f"the {simulator.label} of {here} fails ({wrong})"
    except (ImportError, OSError) as problem:
        wrong = f"{here} does not import ({spelt(problem)})"
    except Exception as problem:  # what a mismatched binary extension raises is not declared
        wrong = f"the {simulator.label} of {here} fails ({spelt(problem)})"
    advice = f"; measured to work: {simulator.advice}" if simulator.advice else ""
    return TileStatus(not wrong, wrong and wrong + advice)
