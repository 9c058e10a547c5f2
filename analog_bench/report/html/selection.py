"""Which plots a page has room for, where there are more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from analog_bench.report.html.figure import Figure

T = TypeVar("T")


@dataclass(frozen=True)
class Selection:
    """The plots that are drawn, and how many are not.

    Attributes:
        figures: The plots.
        left: How many more there would be.
    """

    figures: tuple[Figure, ...]
    left: int

    def note(self, one: str, many: str) -> str:
        """Say how many are not drawn, and where their numbers are; empty where all are."""
        if not self.left:
            return ""
        what = f"1 more {one} is" if self.left == 1 else f"{self.left} more {many} are"
        return f"{what} not drawn here; the numbers are among the raw values."


def drawn(by_study: Sequence[Sequence[T]], most: int, draw: Callable[[T], Figure]) -> Selection:
    """Choose as `chosen` does, and draw.

    Args:
        by_study: What there is of each study, the most important first.
        most: How many to draw, but the first of each study in any case.
        draw: Draws one.
    """
    taken = chosen(by_study, most)
    return Selection(tuple(map(draw, taken)), sum(map(len, by_study)) - len(taken))


def chosen(by_study: Sequence[Sequence[T]], most: int) -> list[T]:
    """Choose from several studies in turn, so that a large one takes no place of the others.

    Args:
        by_study: What there is of each study, the most important first.
        most: How many to choose, but the first of each study in any case.

    Returns:
        The chosen ones, in the order given.
    """
    places = [(turn, n) for n, found in enumerate(by_study) for turn in range(len(found))]
    most = max(most, sum(1 for found in by_study if found))
    taken = set(sorted(places)[:most])
    return [
        one
        for n, found in enumerate(by_study)
        for turn, one in enumerate(found)
        if (turn, n) in taken
    ]
