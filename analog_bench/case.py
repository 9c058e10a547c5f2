"""One thing to measure: a model, the layers that are not perfect, how, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analog_bench.noise import Noise

Variant = Literal["direct", "hwa"]


@dataclass(frozen=True)
class Case:
    """A cell of a study's grid. Equal cases have equal ids and give equal numbers.

    Attributes:
        study: Name of the study that lists the case.
        model: Name of the model in the zoo.
        layers: The layers that are perturbed or put on tiles, in the order of computation.
        noise: What happens in them.
        drift_s: Seconds since programming.
        tile: The simulator, for noises that act on tiles.
        hardware: Name of the hardware preset the tiles start from; `ideal` adds nothing.
        variant: Which weights: `direct` (digital weights as they are) or `hwa`.
        group: Short name for `layers` in ids and tables: the layer itself where there is one.
        version: Raised when the meaning of the case changes, so that old results are not compared.
    """

    study: str
    model: str
    layers: tuple[str, ...]
    noise: Noise
    drift_s: float
    tile: str
    hardware: str
    variant: Variant
    group: str
    version: int = 1

    @property
    def draws(self) -> bool:
        """Whether anything in it is random; where not, one chip says all there is to say."""
        return self.noise.RANDOM or self.hardware != "ideal"

    @property
    def id(self) -> str:
        """The case in one stable, readable word: `bert/encoder.layer.0.output.dense/...`."""
        parts = [self.model, self.group, str(self.noise)]
        if self.noise.DRIFTS:
            parts.append(spelt_seconds(self.drift_s))
        if self.noise.WHERE == "tile":
            parts.append(self.tile)
            if self.hardware != "ideal":
                parts.append(self.hardware)
        if self.variant != "direct":
            parts.append(self.variant)
        return "/".join(parts)


def spelt_seconds(seconds: float) -> str:
    """Return `0s`, `1s`, `86400s`; fractions keep their digits."""
    return f"{seconds:.12g}s"
