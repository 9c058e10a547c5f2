"""One thing to measure: a model, the layers that are not perfect, how, and when."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from analog_bench.noise import Noise

Variant = Literal["direct", "calibrated", "hwa"]


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
        variant: What is put on tiles: `direct` (digital weights as they are), `calibrated` (the
            same, with input ranges fitted to the hardware) or `hwa` (hardware-aware training).
        group: Short name for `layers` in ids and tables: the layer itself where there is one.
        version: Raised when the meaning of the case changes, so that old results are not compared.
        in_int8: Further layers, which compute in digital INT8 on every chip (`noise.Int8`); `group`
            stands for them, too.
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
    in_int8: tuple[str, ...] = ()

    @property
    def draws(self) -> bool:
        """Whether anything in it is random; where not, one chip says all there is to say."""
        return self.noise.RANDOM or self.hardware != "ideal"

    @property
    def id(self) -> str:
        """The case in one stable, readable word: `bert/encoder.layer.0.output.dense/...`."""
        return "/".join(full for full, _ in self._parts)

    @property
    def id_without_values(self) -> str:
        """The id without the noise's parameters, the drift time and the hardware preset."""
        return "/".join(bare for _, bare in self._parts if bare)

    @property
    def named_values(self) -> set[str]:
        """What of the left out may be asked for by its whole name: time, preset, inner family.

        Of a user's file without the fingerprint that follows `@`.
        """
        parameters = (getattr(self.noise, field.name) for field in fields(self.noise))
        left_out = {spelt_seconds(self.drift_s), self.hardware}.intersection(self.id.split("/"))
        named = left_out.union(value for value in parameters if isinstance(value, str) and value)
        return {value.partition("@")[0] for value in named}

    @property
    def _parts(self) -> list[tuple[str, str]]:
        """The parts of the id, each with what is left of it without values."""
        parts = [(self.model,) * 2, (self.group,) * 2, (str(self.noise), self.noise.NAME)]
        if self.noise.DRIFTS:
            parts.append((spelt_seconds(self.drift_s), ""))
        if self.noise.WHERE == "tile":
            parts.append((self.tile,) * 2)
            if self.hardware != "ideal":
                parts.append((self.hardware, ""))
        if self.variant != "direct":
            parts.append((self.variant,) * 2)
        return parts


def spelt_seconds(seconds: float) -> str:
    """Return `0s`, `1s`, `86400s`; fractions keep their digits."""
    return f"{seconds:.12g}s"
