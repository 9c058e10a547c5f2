"""The effect of a noise on one layer of one chip, and handlers of the families without tiles.

`@handles(TheFamily)` registers a function from (noise, site) to an `Effect`. Families that act on
tiles belong to the simulators (`tile_effect`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from analog_bench.analog.layers import Place
from analog_bench.analog.tile_protocol import InputRange, TileSimulator
from analog_bench.defining_files import note_code
from analog_bench.noise import Noise
from analog_bench.seeds import derive_seed


@dataclass(frozen=True, eq=False)
class Site:
    """One layer of one chip.

    Seeds depend on the noise's `family` and not on its parameters, so that one family at two
    strengths uses the same draws. `suite_seed` is the run's one seed.
    """

    model: nn.Module
    place: Place
    family: str
    chip: int
    suite_seed: int
    simulator: TileSimulator | None
    hardware: str
    input_range: InputRange | None

    @property
    def device(self) -> torch.device:
        """The device of the layer's weight."""
        return next(self.place.module.parameters()).device

    def seed(self, purpose: str) -> int:
        """Return the seed of this layer on this chip for `program`, `drift:<t>`, `read:<batch>`."""
        return derive_seed(self.suite_seed, self.family, self.chip, self.place.name, purpose)

    def not_read(self) -> RuntimeError:
        """Return the error for a forward pass that draws but is not told its batch."""
        return RuntimeError(f"{self.place.name} was computed outside of chip.reading(batch=...)")


class Effect(ABC):
    """A noise on one layer. Constructing it programs it; only `attached` changes the model.

    `paired` says whether every draw derives from the seed. `fingerprint` summarises what was drawn
    at programming; it is empty if nothing was.
    """

    paired: bool = True
    fingerprint: tuple[float, ...] = ()

    @abstractmethod
    def attached(self) -> AbstractContextManager[None]:
        """Apply the effect to the model, and restore the model exactly on exit."""

    def drift_to(self, seconds: float) -> None:  # noqa: B027  (not all noises drift)
        """Set the time since programming, in seconds."""

    def reading(self, batch: int, attention_mask: Tensor | None) -> AbstractContextManager[None]:
        """Make the draws of a read of one batch while the context lasts."""
        return nullcontext()


Handler = Callable[[Any, Site], Effect]
H = TypeVar("H", bound=Handler)
_HANDLERS: dict[type[Noise], Handler] = {}


def handles(family: type[Noise]) -> Callable[[H], H]:
    """Register a handler for a noise family; use as a decorator."""

    def register(handler: H) -> H:
        if family in _HANDLERS:
            raise ValueError(f"two handlers for {family.__name__}")
        _HANDLERS[family] = handler
        note_code(family, handler)
        return handler

    return register


def effect_of(noise: Noise, site: Site) -> Effect:
    """Build a noise's effect on a layer.

    Raises:
        NotImplementedError: The family has no handler.
    """
    handler = _HANDLERS.get(type(noise))
    if handler is None:
        raise NotImplementedError(f"no handler for the noise family {noise.NAME!r}")
    return handler(noise, site)
