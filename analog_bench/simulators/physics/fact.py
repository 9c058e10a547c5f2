"""One thing that nothing random enters, or only random numbers that follow from a seed.

Needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["random numbers", "digital", "ideal tile", "deterministic", "programming", "reading"]

# Shares of the largest figure that two releases may lie apart: single precision, summed in another
# order; and, behind a converter, a few values that rounding throws to the next level.
ROUNDING, CONVERTED = 1e-5, 1e-3
_GROUP = 4


@dataclass(frozen=True)
class Fact:
    """Figures that sum up one tensor, or several.

    Attributes:
        kind: What they are about. `programming` and `reading` draw from torch's generator, the
            others draw nothing.
        name: What was computed: `pcm`, `quantise`, ...
        tile: The tile engine; `none` where there is none.
        figures: As `summaries` returns them, four a tensor; empty where it could not be computed.
        tolerance: Share of a tensor's largest figure by which releases may differ.
        reason: Why it could not be computed; empty where it was.
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


def apart(one: Fact, other: Fact) -> float:
    """Return how far two facts lie apart, as a share of the largest figure of a tensor.

    Args:
        one: A fact.
        other: The same fact of another release.

    Returns:
        The largest share; infinite where the two have other numbers of figures.
    """
    if len(one.figures) != len(other.figures):
        return float("inf")
    worst = 0.0
    for first in range(0, len(one.figures), _GROUP):
        a, b = one.figures[first : first + _GROUP], other.figures[first : first + _GROUP]
        scale = max(map(abs, (*a, *b)))
        difference = max(abs(x - y) for x, y in zip(a, b, strict=True))
        if difference > 0:
            worst = max(worst, difference / scale)
    return worst


def differ(one: Fact, other: Fact) -> bool:
    """Return whether two facts lie further apart than rounding throws them."""
    return apart(one, other) > max(one.tolerance, other.tolerance)


def fact_as_plain(fact: Fact) -> dict[str, Any]:
    """Return a fact as plain values for JSON."""
    return {**asdict(fact), "figures": list(fact.figures)}


def fact_from_plain(plain: Mapping[str, Any]) -> Fact:
    """Return the fact that `fact_as_plain` was given."""
    return Fact(**{**plain, "figures": tuple(plain["figures"])})
