"""Hardware as a whole: perfect, a complete preset, or single terms of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.noise.noise_family import Noise, family
from analog_bench.value_checks import shown

TERMS: Mapping[str, str] = MappingProxyType(
    {
        "mapping": "weights become conductances, on tiles; and whatever has no name here",
        "programming": "noise of programming the devices",
        "drift": "drift of the devices, with the drift compensation that the preset has",
        "read": "1/f noise that devices accumulate, drawn once a chip and drift time",
        "input_range": "static input ranges: what lies beyond is clipped",
        "dac": "steps of the input converters",
        "inp_noise": "noise on the inputs of every product",
        "pcm_read": "noise of the devices at every product",
        "ir_drop": "voltage drop along the columns",
        "s_shape": "non-linearity of the outputs",
        "out_bound": "range of the output converters: what lies beyond is clipped",
        "adc": "steps of the output converters",
        "out_noise": "noise on the outputs of every product",
    }
)
"""The terms of a preset, in the order in which they are spelt; `mapping` is always on.

A term that a noise family also models on its own has the name of that family.
"""
STEPS_IN: Mapping[str, str] = MappingProxyType({"dac": "input_range", "adc": "out_bound"})
"""Terms whose step size is a share of another term's range, if the preset has that range."""


@family
@dataclass(frozen=True)
class Ideal(Noise):
    """Perfect hardware: the layer sits on a tile that computes exactly. Must equal digital."""

    NAME, WHERE = "ideal", "tile"
    RANDOM = False


@family
@dataclass(frozen=True)
class Preset(Noise):
    """A complete hardware preset, exactly as aihwkit (or this project's variant of it) defines it.

    `StandardHWATrainingTorch` is aihwkit's `StandardHWATrainingPreset` without the two terms that
    the torch tile rejects. `terms` switches on single terms of a preset: names of `TERMS` joined by
    `+`, or empty for all. Chips with some terms draw the same random numbers as chips with all of
    them, because a noise that is switched off is still drawn and then multiplied by zero.
    """

    NAME, WHERE = "preset", "tile"
    DRIFTS = DRAWN_ONCE = True
    name: str = "StandardHWATrainingTorch"
    terms: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for term in self.named_terms:
            if term not in TERMS:
                raise UsageError(
                    f"{self.NAME}: there is no term {shown(term)}; {did_you_mean(term, TERMS)}"
                )
        if self.terms:
            # One spelling for each noise, so that case ids agree.
            named = {"mapping", *self.named_terms}
            object.__setattr__(self, "terms", "+".join(term for term in TERMS if term in named))

    def __str__(self) -> str:
        """Return the spelling that `parse_noise` reads; empty `terms` are omitted."""
        return super().__str__().removesuffix(",terms=")

    @property
    def named_terms(self) -> tuple[str, ...]:
        """The terms that are switched on alone; empty where all are."""
        return tuple(self.terms.split("+")) if self.terms else ()

    def has(self, term: str) -> bool:
        """Return whether a term of the preset is switched on."""
        return not self.terms or term in self.named_terms
