"""The interface that a chip needs of a simulator. Needs no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from analog_bench.noise import Noise

if TYPE_CHECKING:
    from torch import Tensor, nn


InputRange: TypeAlias = float | tuple[float, ...]
"""The static input range of a layer: one for all its tiles, or one for each."""


class OnTiles(ABC):  # noqa: B024  (a marker: simulators register their layers' classes)
    """A module that computes on tiles: `OnTiles.register(AnalogLayer)` makes a class one."""


class Tiles(Protocol):
    """One layer on tiles as a simulator builds it, not yet programmed.

    All randomness must come from torch's global generators, which the chip seeds before each call
    and before each forward pass of the module.
    """

    @property
    def module(self) -> nn.Module:
        """The replacement of the digital layer; a forward pass is a read.

        Its class is registered with `OnTiles`, so that coverage counts it.
        """

    @property
    def draws_at_read(self) -> bool:
        """Whether a forward pass draws random numbers."""

    def program(self) -> Sequence[Tensor]:
        """Program the weights, and return what was drawn, for the chip's fingerprint.

        That is the programmed weights in the layer's units, and what determines their drift.
        """

    def drift(self, seconds: float) -> None:
        """Set the layer's age in seconds since programming; the age may also decrease."""

    def release(self) -> None:
        """Free the layer's resources; it is not used again."""


class TileSimulator(Protocol):
    """A simulator as a chip sees it; the full interface is `analog_bench.simulators.protocol`.

    `label` names it in sentences: `torch tile`. It is `seeded` if reads also draw from torch's
    generators, so that chips of two runs can be paired. `presets` says whether tiles have static
    input ranges.
    """

    label: str
    seeded: bool
    presets: Mapping[str, bool]

    def require(self, device: str) -> None:
        """Check that the simulator works on this device.

        Raises:
            TileUnavailable: It does not; the message gives the reason.
        """

    @abstractmethod
    def build(
        self,
        linear: nn.Linear,
        noise: Noise,
        hardware: str,
        input_range: InputRange | None,
    ) -> Tiles:
        """Map a digital layer, which is not changed, onto tiles.

        `hardware` is `ideal`, or the preset to which the noise is added. Hardware with static input
        ranges takes one for all tiles of the layer, or one for each.

        Raises:
            UsageError: It lacks the noise or the preset, or the numbers of tiles and ranges differ.
        """
