"""What a survey of one installation finds: facts, physical quantities, presets. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from analog_bench.codec import Json, convert

# Standard errors that a measured value may lie off. Drawn anew, a sound release then fails one of
# the hundred checks that rest on random numbers once in 17,000 surveys; most are seeded, so that
# with one torch they do not vary at all.
ALLOWED_ERRORS = 5.0
# Shares of the largest figure that two releases may lie apart: single precision, summed in another
# order; and, behind a converter, a few values that rounding throws to the next level.
ROUNDING, CONVERTED = 1e-5, 1e-3
_FIGURES_A_TENSOR = 4

Kind = Literal["random numbers", "digital", "ideal tile", "deterministic", "programming", "reading"]


@dataclass(frozen=True)
class Check:
    """One physical quantity under one condition: measured, and by its closed form.

    `where` is the condition: `g = 0.3`. `measured` is None where `reason` says why there is no
    value. `tolerance` is how far the two may lie apart, above 0: `ALLOWED_ERRORS` standard errors,
    or the rounding of single precision where nothing is drawn. `formula` names its source.
    """

    family: str
    quantity: str
    where: str
    tile: str
    unit: str
    measured: float | None
    expected: float
    tolerance: float
    formula: str
    reason: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What no two checks of a survey share."""
        return self.family, self.quantity, self.where, self.tile

    @property
    def subject(self) -> str:
        """The family and the quantity: `pcm programming noise`."""
        return f"{self.family} {self.quantity}"

    @property
    def passes(self) -> bool:
        """Whether it was measured and lies within the tolerance."""
        return self.measured is not None and abs(self.measured - self.expected) <= self.tolerance

    @property
    def ratio(self) -> float | None:
        """The measured value in units of the expected one; None where it was not measured."""
        return None if self.measured is None else self.measured / self.expected

    @property
    def off(self) -> float | None:
        """How far the measured value lies off, in tolerances; above 1 it fails."""
        if self.measured is None:
            return None
        return abs(self.measured - self.expected) / self.tolerance


@dataclass(frozen=True)
class Fact:
    """Figures that sum up tensors into which nothing random enters, or only seeded draws.

    Only the kinds `programming` and `reading` draw, from torch's generator. `figures` are those of
    `summaries`, four a tensor; empty where `reason` says why. `tolerance` is the share of a
    tensor's largest figure by which releases may differ. `tile` is `none` where there is none.
    """

    kind: Kind
    name: str
    tile: str
    figures: tuple[float, ...]
    tolerance: float = ROUNDING
    reason: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What no two facts of a survey share."""
        return self.kind, self.name, self.tile

    @property
    def drawn(self) -> bool:
        """Whether it rests on random numbers."""
        return self.kind in ("programming", "reading")


@dataclass(frozen=True)
class Survey:
    """An installation, surveyed.

    `versions` are None where not installed. `tiles` maps simulators to why they cannot be used,
    empty where they can; `presets` inference presets to terms and spelt values; `reasons` what
    could not be looked at to why.
    """

    versions: Mapping[str, str | None]
    tiles: Mapping[str, str]
    facts: tuple[Fact, ...]
    checks: tuple[Check, ...]
    presets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    noise_models: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def usable(self) -> tuple[str, ...]:
        """The simulators that work."""
        return tuple(tile for tile, reason in self.tiles.items() if not reason)

    @property
    def failing(self) -> tuple[Check, ...]:
        """The checks that do not pass: off their closed form, or not measured."""
        return tuple(check for check in self.checks if not check.passes)


def apart(one: Fact, other: Fact) -> float:
    """Return the largest difference of two facts' figures, as a share of a tensor's largest figure.

    It is infinite where the two have different numbers of figures.
    """
    if len(one.figures) != len(other.figures):
        return float("inf")
    worst = 0.0
    for first in range(0, len(one.figures), _FIGURES_A_TENSOR):
        a, b = (fact.figures[first : first + _FIGURES_A_TENSOR] for fact in (one, other))
        difference = max(abs(x - y) for x, y in zip(a, b, strict=True))
        if difference > 0:
            worst = max(worst, difference / max(map(abs, (*a, *b))))
    return worst


def differ(one: Fact, other: Fact) -> bool:
    """Return whether two facts lie further apart than rounding throws them."""
    return apart(one, other) > max(one.tolerance, other.tolerance)


def survey_as_plain(survey: Survey) -> dict[str, Any]:
    """Return a survey as plain values for JSON; each check says whether it passes."""
    plain: dict[str, Any] = msgspec.to_builtins(survey)
    for check, record in zip(survey.checks, plain["checks"], strict=True):
        record["passes"] = check.passes
    return plain


def survey_from_plain(plain: Json) -> Survey:
    """Return the survey that `survey_as_plain` was given; `DocumentError` for anything else."""
    return convert(plain, Survey)
