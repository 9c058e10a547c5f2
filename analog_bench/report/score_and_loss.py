"""A result's score and loss: means over the initial chips, with their intervals."""

from __future__ import annotations

import math

from analog_bench.gate.significance import Interval, mean_interval
from analog_bench.records import Metric, Result


def score(result: Result, metric: Metric) -> Interval | None:
    """Return a result's mean over the initial chips, with its 95 % interval, in the metric's unit.

    None where a chip has no such score.
    """
    scores = result.scores(metric.name)
    return mean_interval(scores) if scores else None


def loss(result: Result, metric: Metric) -> float | None:
    """Return what was lost against digital: positive is worse, whatever the metric's direction.

    None where a chip or the digital model has no such score, or they lie further apart than a float
    reaches.
    """
    measured, digital = score(result, metric), result.digital.get(metric.name)
    if measured is None or digital is None:
        return None
    lost = metric.loss(measured.centre, digital)
    return lost if math.isfinite(lost) else None


def bounds_cut(interval: Interval, metric: Metric) -> tuple[float, float]:
    """Return the ends of a score's interval, cut where scores end: a few chips' goes beyond.

    Points lie between 0 and 100, no metric below 0. The centre twice where there is no interval.
    """
    low, high = interval.bounds or (interval.centre, interval.centre)
    most = max(100.0, interval.centre) if metric.unit == "points" else math.inf
    return max(min(0.0, interval.centre), low), min(most, high)
