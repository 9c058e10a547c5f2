"""One physical quantity: what was measured, what its closed form says, how far apart they may lie.

Needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# Standard errors that a measured value may lie off. Drawn anew, a sound release then fails one of
# the hundred checks that rest on random numbers once in 17,000 surveys; most are seeded, so that
# with one torch they do not vary at all.
ALLOWED_ERRORS = 5.0


@dataclass(frozen=True)
class Check:
    """One quantity under one condition.

    Attributes:
        family: The noise family: `pcm`, `hermes`, ...
        quantity: What was measured: `programming noise`, `drift exponent`, ...
        where: Under which condition: `g = 0.3`.
        tile: The tile engine.
        unit: Unit of the numbers; empty where they have none.
        measured: The measured value; None where it could not be measured.
        expected: Value of the closed form; not 0 where it was measured.
        tolerance: How far the two may lie apart, above 0: `ALLOWED_ERRORS` standard errors of the
            measurement, or what rounding in single precision makes where nothing is drawn.
        formula: The closed form, with its source.
        reason: Why it could not be measured; empty where it was.
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
        return (
            None if self.measured is None else abs(self.measured - self.expected) / self.tolerance
        )


def check_as_plain(check: Check) -> dict[str, Any]:
    """Return a check as plain values for JSON, with whether it passes."""
    return {**asdict(check), "passes": check.passes}


def check_from_plain(plain: Mapping[str, Any]) -> Check:
    """Return the check that `check_as_plain` was given."""
    return Check(**{name: value for name, value in plain.items() if name != "passes"})


def finite_or_none(value: float) -> float | None:
    """Return a number, or None where it is none that JSON knows."""
    return value if math.isfinite(value) else None
