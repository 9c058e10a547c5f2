"""A result's score and loss: means over the initial chips, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from analog_bench.gate.drift_band import Array
from analog_bench.gate.example_scores import example_scores, interval
from analog_bench.gate.pigeonhole_bootstrap import Resamples
from analog_bench.gate.precision import certainty_of
from analog_bench.gate.significance import Interval, mean_interval
from analog_bench.records import Metric, Result


def score(result: Result, metric: Metric) -> Interval | None:
    """Return a result's mean over the initial chips, with its 95 % intervals, in the metric's unit.

    None where a chip has no such score.
    """
    scores = _by_chip(result, result.scores(metric.name))
    of = example_scores(result, metric.name)
    return interval(scores, of, result.seed, certainty=certainty_of(result, metric))


def loss_interval(result: Result, metric: Metric) -> Interval | None:
    """Return what was lost against digital, as `loss` has it, with its 95 % intervals.

    Chips and the digital model meet the same examples, so what is hard for both makes no difference
    to it. None where there is no loss.
    """
    if loss(result, metric) is None:
        return None
    of = example_scores(result, metric.name)
    sign = metric.loss(1.0, 0.0)

    def lost(resamples: Resamples) -> Array | None:
        digital = None if of is None else of.of_digital(resamples)
        if of is None or digital is None:
            return None
        return sign * (of.of_chips(resamples) - digital)

    losses, certainty = _by_chip(result, result.losses(metric)), certainty_of(result, metric)
    return interval(losses, of, result.seed, lost, certainty)


def loss(result: Result, metric: Metric) -> float | None:
    """Return what was lost against digital: positive is worse, whatever the metric's direction.

    None where a chip or the digital model has no such score, or they lie further apart than a float
    reaches.
    """
    scores, digital = result.scores(metric.name), result.digital.get(metric.name)
    if not scores or digital is None:
        return None
    lost = metric.loss(mean_interval(scores).centre, digital)
    return lost if math.isfinite(lost) else None


def bounds_cut(interval: Interval, metric: Metric) -> tuple[float, float]:
    """Return the ends of a score's interval, cut where scores end: a few chips' goes beyond.

    Points lie between 0 and 100, no metric below 0. The centre twice where there is no interval.
    """
    low, high = interval.bounds or (interval.centre, interval.centre)
    most = max(100.0, interval.centre) if metric.unit == "points" else math.inf
    return max(min(0.0, interval.centre), low), min(most, high)


def ends_note(intervals: Iterable[Interval | None], metric: Metric) -> tuple[str, ...]:
    """Say where intervals end of which a half reaches beyond what scores can be; empty for none."""
    most = 100.0 if metric.unit == "points" else math.inf
    known = ((one.centre, one.with_examples or one.half_width or 0.0) for one in intervals if one)
    if all(centre - half >= 0.0 and centre + half <= most for centre, half in known):
        return ()
    ends = "0 or 100" if metric.unit == "points" else "0"
    return (f"Where ± reaches beyond {ends}, the interval ends there: no score lies beyond.",)


def _by_chip(result: Result, values: Sequence[float]) -> dict[int, float]:
    return dict(zip((chip.chip for chip in result.initial_chips), values, strict=False))
