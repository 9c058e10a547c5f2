"""What a chip needs of a simulator that puts layers on tiles. Needs no torch."""

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
    """One layer on tiles, as a simulator builds it: not programmed yet.

    All randomness comes from torch's global generators, which the chip seeds before each call and
    before each forward pass of the module.
    """

    @property
    def module(self) -> nn.Module:
        """What replaces the digital layer; a forward pass is a read.

        Its class is registered with `OnTiles`, so that coverage counts it.
        """

    @property
    def draws_at_read(self) -> bool:
        """Whether a forward pass draws random numbers."""

    def program(self) -> Sequence[Tensor]:
        """Program the weights, and return what was drawn, for the chip's fingerprint.

        That is the programmed weights in the units of the layer, and what decides their drift.
        """

    def drift(self, seconds: float) -> None:
        """Bring the layer to this age, in seconds since programming; also back to a lesser one."""

    def release(self) -> None:
        """Free what the layer holds; it is not used again."""


class TileSimulator(Protocol):
    """A simulator as a chip sees it; the whole of it is `analog_bench.simulators.protocol`.

    `label` names it in sentences: `torch tile`. It is `seeded` if reads draw from torch's
    generators, too, so that chips of two runs are pairs. `presets` says whether tiles have static
    input ranges.
    """

    label: str
    seeded: bool
    presets: Mapping[str, bool]

    def require(self, device: str) -> None:
        """Raise `TileUnavailable`, with the reason, where it does not work on this device here."""

    @abstractmethod
    def build(
        self,
        linear: nn.Linear,
        noise: Noise,
        hardware: str,
        input_range: InputRange | None,
    ) -> Tiles:
        """Map a digital layer, left as it is, onto tiles.

        `hardware` is `ideal`, or the preset that the noise goes on top of. Hardware with static
        input ranges takes one for all tiles of the layer, or one for each.

        Raises:
            UsageError: A noise or a preset that it lacks; other numbers of tiles and ranges.
        """
