"""The history, and the answer to a query, as plain values for JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from analog_bench.errors import UsageError
from analog_bench.gate.significance import interval_of
from analog_bench.gate.step import Step
from analog_bench.history.trend import RunFacts, Trend
from analog_bench.report.history_words import direction


def history_plain(
    runs: Sequence[RunFacts],
    trends: Sequence[Trend],
    steps: Sequence[tuple[Step, ...]],
) -> dict[str, Any]:
    """Return runs, trends and steps as plain values.

    Args:
        runs: The runs, in order.
        trends: The trends.
        steps: Of each trend.
    """
    return {
        "runs": [asdict(run) for run in runs],
        "trends": [_trend(trend, own) for trend, own in zip(trends, steps, strict=True)],
    }


def answer_plain(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return the answer to a query as plain values.

    What JSON has no number for (NaN, infinity) becomes null; dates, durations and the like become
    texts.

    Args:
        names: Names of the columns.
        rows: The rows.

    Raises:
        UsageError: Two columns have the same name.
    """
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise UsageError(
            f"two columns of the answer are named {twice[0]!r}; tell them apart with `as`"
        )
    return [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _plain(float(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return str(value)


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
