"""The history as plain values, for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from analog_bench.gate.significance import interval_of
from analog_bench.gate.step import Step
from analog_bench.history.trend import RunFacts, Trend
from analog_bench.report.history_words import direction


def history_plain(
    runs: Sequence[RunFacts],
    counts: Mapping[str, tuple[int, int, int]],
    trends: Sequence[Trend],
    steps: Sequence[tuple[Step, ...]],
) -> dict[str, Any]:
    """Return runs, trends and steps as plain values.

    Args:
        runs: The runs, in order.
        counts: Id of a run to its cases that were measured, skipped, broken.
        trends: The trends.
        steps: Of each trend.
    """
    return {
        "runs": [
            {
                **asdict(run),
                **dict(zip(("measured", "skipped", "broken"), counts[run.run_id], strict=True)),
            }
            for run in runs
        ],
        "trends": [_trend(trend, own) for trend, own in zip(trends, steps, strict=True)],
    }


def _trend(trend: Trend, steps: Sequence[Step]) -> dict[str, Any]:
    return {
        **trend.key,
        "unit": trend.metric.unit,
        "margin": trend.metric.margin,
        "higher_is_better": trend.metric.higher_is_better,
        "points": [
            {
                "run": point.run.run,
                "run_id": point.run.run_id,
                "mean": point.mean.centre,
                "half_width": point.mean.half_width,
                "chips": list(point.scores.values()),
                "digital": point.digital,
            }
            for point in trend.points
        ],
        "steps": [_step(trend, step) for step in steps],
    }


def _step(trend: Trend, step: Step) -> dict[str, Any]:
    now, before = trend.points[step.at].run, trend.points[step.at - 1].run
    bounds = interval_of(step.effect)
    return {
        "run": now.run,
        "run_id": now.run_id,
        "change": step.effect.change,
        "interval": None if bounds is None else list(bounds),
        "direction": direction(step, trend.metric),
        "paired": step.paired,
        "p": step.p,
        "changed": {name: list(pair) for name, pair in now.changes(before).items()},
    }
