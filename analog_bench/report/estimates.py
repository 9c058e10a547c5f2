"""How estimates are spelt: each with half its intervals, where it has any."""

from __future__ import annotations

import re
from collections.abc import Callable

from analog_bench.gate.case_verdicts import Verdict
from analog_bench.gate.significance import Interval
from analog_bench.records import Metric
from analog_bench.report.words import amount, loss_amount
from analog_bench.spelling import MINUS, rounded

_NUMBER = r"\d+(?:\.\d+)?"
_ESTIMATE = re.compile(rf"([+{MINUS}-]?{_NUMBER}) ±({_NUMBER})(?: \(±({_NUMBER})\))?")


def interval_text(interval: Interval | None, metric: Metric, *, signed: bool = False) -> str:
    """Spell an estimate with half its intervals, where it has any: `54.3 ±1.2`, `+0.3 ±0.1 (±0.4)`.

    The first is over chips, the one in brackets over chips and examples.
    """
    return _with_intervals(interval, lambda value: amount(value, metric), signed=signed)


def split_estimate(text: str) -> tuple[str, ...]:
    """Return the numbers of a spelt estimate: `("54.3", "1.2", "1.9")`; any other text is alone."""
    found = _ESTIMATE.fullmatch(text)
    return (text,) if found is None else tuple(part for part in found.groups() if part is not None)


def both_text(interval: Interval | None, metric: Metric) -> str:
    """Spell half the interval over chips and examples alone: `±1.9`; empty where there is none."""
    if interval is None or interval.with_examples is None:
        return ""
    return f"±{amount(interval.with_examples, metric)}"


def loss_text(lost: Interval | None, metric: Metric) -> str:
    """Spell a loss as `loss_amount` does, with half its interval over both: `12.3 (±1.9)`."""
    if lost is None:
        return ""
    both = both_text(lost, metric)
    return f"{loss_amount(lost.centre, metric)}{both and f' ({both})'}"


def change_text(verdict: Verdict, metric: Metric) -> str:
    """Spell the change that a verdict rests on: `−1.2 ±0.3`; empty without a comparison."""
    change = verdict.change
    return "" if change is None else estimate_text(change, verdict.interval, metric)


def estimate_text(change: float, ends: tuple[float, float] | None, metric: Metric) -> str:
    """Spell a change and its interval, given by its ends: `−1.2 ±0.3`."""
    return interval_text(Interval(change, ends and (ends[1] - ends[0]) / 2), metric, signed=True)


def a_star_text(interval: Interval | None) -> str:
    """Spell A*, which has no unit, as `interval_text` does, with two decimals."""
    return decimals_text(interval, 2)


def decimals_text(interval: Interval | None, decimals: int) -> str:
    """Spell an estimate of no metric as `interval_text` does, with so many decimals."""
    return _with_intervals(interval, lambda value: rounded(value, decimals))


def ranged_text(value: float, low: float, high: float) -> str:
    """Spell an estimate with the ends of its interval: `0.61 (−0.08 to 0.90)`."""
    return f"{rounded(value, 2)} ({range_text(low, high)})"


def range_text(low: float, high: float) -> str:
    """Spell the ends of an interval: `−0.08 to 0.90`."""
    return f"{rounded(low, 2)} to {rounded(high, 2)}"


def _with_intervals(
    interval: Interval | None, spell: Callable[[float], str], *, signed: bool = False
) -> str:
    if interval is None:
        return ""
    centre = spell(interval.centre)
    if signed and not centre.startswith(MINUS):
        centre = f"+{centre}"
    if interval.half_width is None:
        return centre
    over_chips = f"{centre} ±{spell(interval.half_width)}"
    if interval.with_examples is None:
        return over_chips
    return f"{over_chips} (±{spell(interval.with_examples)})"
