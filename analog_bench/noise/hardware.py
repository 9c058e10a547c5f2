"""Complete hardware: perfect, or as a preset describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from analog_bench.noise.base import Noise, Where, family


@family
@dataclass(frozen=True)
class Ideal(Noise):
    """Everything perfect: the layer sits on a tile that computes exactly. Must equal digital."""

    NAME: ClassVar[str] = "ideal"
    WHERE: ClassVar[Where] = "tile"
    RANDOM: ClassVar[bool] = False


@family
@dataclass(frozen=True)
class Preset(Noise):
    """A complete hardware preset, exactly as aihwkit (or this project's variant of it) defines it.

    Attributes:
        name: An inference preset of aihwkit, such as `StandardHWATrainingPreset`, or
            `StandardHWATrainingTorch`, the same without the two terms the torch tile refuses.
    """

    NAME: ClassVar[str] = "preset"
    WHERE: ClassVar[Where] = "tile"
    DRIFTS: ClassVar[bool] = True
    DRAWN_ONCE: ClassVar[bool] = True
    name: str = "StandardHWATrainingTorch"
