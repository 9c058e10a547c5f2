"""Tables for the page: cells of text, each with the way to its raw values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from analog_bench.gate.interval import Interval, mean_interval
from analog_bench.gate.verdict import Kind
from analog_bench.records import Metric, Result
from analog_bench.report.glyphs import glyphs
from analog_bench.report.labels import amount, spelt_interval

GLYPH = glyphs(ascii_only=False)

# A colour alone says nothing to a colour-blind reader, nor on paper.
SIGNS: Mapping[Kind, str] = {
    "regressed": "▼",
    "broken": "✕",
    "improved": "▲",
    "equivalent": "=",
    "inconclusive": "?",
    "new": "+",
    "stale": "≠",
    "skipped": "–",
}


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: What it says.
        href: Where its raw values are; empty where it has none.
        number: Whether it stands to the right, as numbers do.
        kind: The verdict that it names; empty where it names none.
    """

    text: str
    href: str = ""
    number: bool = False
    kind: str = ""

    @property
    def sign(self) -> str:
        """The sign of its verdict."""
        return next((sign for kind, sign in SIGNS.items() if kind == self.kind), "")


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes:
        headers: What heads the columns.
        rows: Cells, one for each header.
        name: What opens it.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    name: str = "Table"


def number(text: str, href: str = "") -> Cell:
    """Return a cell that holds a number."""
    return Cell(text or GLYPH.absent, href if text else "", number=True)


def score_over(result: Result, metric: Metric) -> Interval | None:
    """Return a result's mean over the initial chips, with its interval.

    Args:
        result: The result.
        metric: The metric.

    Returns:
        The mean; None where a chip has no such score.
    """
    scores = result.scores(metric.name)
    return mean_interval(scores) if scores else None


def ends_within(score: Interval, metric: Metric) -> tuple[float, float]:
    """Return the ends of an interval, as far as scores can reach: a few chips' interval goes on.

    Args:
        score: The interval.
        metric: Points lie between 0 and 100, no metric below 0.

    Returns:
        Lower and upper end; the centre twice where there is no interval.
    """
    low, high = score.bounds or (score.centre, score.centre)
    most = max(100.0, score.centre) if metric.unit == "points" else math.inf
    return max(min(0.0, score.centre), low), min(most, high)


def spelt_score(result: Result, metric: Metric) -> str:
    """Spell a result's score: `54.3 ±1.2`; empty where it has none."""
    found = score_over(result, metric)
    return "" if found is None else spelt_interval(found, metric, GLYPH)


def loss_of(result: Result, metric: Metric) -> float | None:
    """Return what was lost against digital: positive is worse, whatever the metric's direction."""
    found, digital = score_over(result, metric), result.digital.get(metric.name)
    if found is None or digital is None:
        return None
    return metric.loss(found.centre, digital)


def spelt_loss(loss: float | None, metric: Metric) -> str:
    """Spell a loss in the metric's own direction: `−12.3` points of F1, `+1.204` nats."""
    if loss is None:
        return ""
    spelt = amount(abs(loss), metric)
    if float(spelt) == 0:
        return spelt
    return f"{GLYPH.minus if metric.higher_is_better == (loss > 0) else '+'}{spelt}"
