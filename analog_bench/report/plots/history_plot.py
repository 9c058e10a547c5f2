"""Trends as a picture: SVG or PNG."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analog_bench.atomic_file import write_atomic
from analog_bench.errors import StoreError, UsageError, reason_of
from analog_bench.gate.step_detection import Step
from analog_bench.history.score_series import Point, RunFacts, Trend
from analog_bench.regular_file import is_free_for
from analog_bench.report import words
from analog_bench.report.plots.chart import (
    DASHES,
    SCHEMA,
    Spec,
    axis,
    colour,
    config,
    for_file,
    layer,
    marks_at,
    png,
    svg,
)
from analog_bench.report.score_and_loss import bounds_cut
from analog_bench.report.trend_names import direction, score_name, step_text, trend_names

MOST = 12
"""Trends in one picture."""

_WIDTH, _HEIGHT = 640, 160
_LEGEND = (
    "line: mean over chips, band: its 95 % interval, circles: chips, dashed: digital model, "
    "upright: step"
)
# Releases that have room side by side; more are named aslant, and of still more not every one.
_LEVEL_AT_MOST, _ASLANT_AT_MOST = 7, 24
_TITLE_AT_MOST = 84
# Steps are named above the plot, neighbours on two lines, those far right to the left of the step.
_LINES, _LINE = 2, 15
_FAR_RIGHT = 0.8
# Scores on the metric's own scale; A* and losses over time go below 0.
_BOUNDED = ("plain", "one_day")


def write_plot(
    path: Path, trends: Sequence[Trend], steps: Sequence[tuple[Step, ...]], *, by_release: bool
) -> None:
    """Draw trends, one above the other, and write the picture.

    A line joins the means over chips, a band is their 95 % interval, circles are chips; the dashed
    line is the digital model, an upright one a step. Runs by release stand at equal distances.

    Raises:
        UsageError: Another kind of picture, no trend, or too many.
        StoreError: The file cannot be written, or what is there is no picture.
    """
    if path.suffix not in (".svg", ".png"):
        raise UsageError(f"--plot writes .svg or .png, found {path.name!r}")
    if not trends:
        raise UsageError("there is nothing to plot: no case was measured")
    if len(trends) > MOST:
        raise UsageError(
            f"{len(trends)} trends are too many for one picture, {MOST} at most; narrow them with "
            "--case, --metric or --where"
        )
    spec = specification(trends, steps, by_release=by_release)
    drawing = svg(spec)
    content = drawing.encode("utf-8") if path.suffix == ".svg" else png(drawing)
    try:
        if not is_free_for(path, b"<svg" if path.suffix == ".svg" else b"\x89PNG"):
            raise StoreError(
                f"{str(path)!r} is there and is no {path.suffix[1:].upper()}; it stays as it is: "
                "choose another file"
            )
        write_atomic(path, content)
    except (OSError, ValueError) as problem:
        why = reason_of(problem)
        raise StoreError(f"cannot write the plot to {str(path)!r}: {why}") from None


def specification(
    trends: Sequence[Trend], steps: Sequence[tuple[Step, ...]], *, by_release: bool
) -> Spec:
    """Return the picture in Vega-Lite's words."""
    quiet = {"fontSize": 12, "fontWeight": 400, "color": colour("muted")}
    return for_file(
        {
            "$schema": SCHEMA,
            "background": colour("paper"),
            "padding": 8,
            "title": {"text": _LEGEND, **quiet},
            "vconcat": [
                _plot(name, trend, own, by_release=by_release)
                for name, trend, own in zip(trend_names(trends), trends, steps, strict=True)
            ],
            "config": config(),
        }
    )


def _plot(name: str, trend: Trend, steps: Sequence[Step], *, by_release: bool) -> Spec:
    means = [_values(n, point, trend) for n, point in enumerate(trend.points)]
    chips = [
        {**mean, "chip": score}
        for mean, point in zip(means, trend.points, strict=True)
        for score in point.scores.values()
    ]
    runs = [point.run for point in trend.points]
    x = _by_release(runs) if by_release else _by_date(runs)
    unit = f" ({trend.metric.unit})" if trend.metric.unit else ""

    def y(field: str) -> Spec:
        scale = {"zero": False, "nice": True, "padding": 6}
        return axis(field, f"{score_name(trend)}{unit}", scale=scale, axis={"tickCount": 5})

    variant = str(trend.key["variant"])
    own = colour(variant if variant in words.WEIGHTS else "direct")
    band = {"type": "area", "opacity": 0.18, "color": own}
    circles = {"type": "point", "size": 12, "opacity": 0.45, "color": own}
    line = {"type": "line", "color": own, "strokeWidth": 2, "point": {"color": own, "size": 28}}
    layers = [
        layer(means, band, x=x, y=y("low"), y2={"field": "high"}),
        layer(chips, circles, x=x, y=y("chip")),
        layer(means, line, x=x, y=y("mean")),
    ]
    if all(point.digital is not None for point in trend.points):
        dashes = {"type": "line", "strokeDash": DASHES, "color": colour("digital")}
        layers.append(layer(means, dashes, x=x, y=y("digital")))
    for n, step in enumerate(steps):
        layers += _mark(means, trend, step, x, n % _LINES)
    return {
        "title": {"text": _broken(name), "subtitle": _caption(trend, steps)},
        "width": _WIDTH,
        "height": _HEIGHT,
        "layer": layers,
    }


def _mark(
    means: Sequence[Mapping[str, Any]], trend: Trend, step: Step, x: Spec, line: int
) -> Iterator[Spec]:
    own = colour("worst" if direction(step, trend.metric) == "worse" else "best")
    yield layer([means[step.at]], {"type": "rule", "strokeWidth": 1.5, "color": own}, x=x)
    far = step.at > _FAR_RIGHT * len(means)
    text = {
        "type": "text",
        "text": step_text(step, trend.metric),
        "align": "right" if far else "left",
        "dx": 3 if far else -3,
        "baseline": "bottom",
        "color": own,
    }
    yield layer([means[step.at]], text, x=x, y={"value": -3 - line * _LINE})


def _values(place: int, point: Point, trend: Trend) -> dict[str, Any]:
    mean = point.mean
    if trend.key["score"] in _BOUNDED:
        low, high = bounds_cut(mean, trend.metric)
    else:
        low, high = mean.bounds or (mean.centre, mean.centre)
    bounds = {"mean": mean.centre, "low": low, "high": high}
    return {"place": place, "date": point.run.created, **bounds, "digital": point.digital}


def _by_date(runs: Sequence[RunFacts]) -> Spec:
    days = {run.created[:10] for run in runs}
    spelling = "%Y-%m-%d" if len(days) > 2 else "%Y-%m-%d %H:%M"
    ticks = {"format": spelling, "tickCount": 6, "labelOverlap": True}
    return axis("date", "start of the run (UTC)", "temporal", scale={"type": "utc"}, axis=ticks)


def _by_release(runs: Sequence[RunFacts]) -> Spec:
    several = len({run.torch for run in runs}) > 1
    names = [
        words.one_line(f"{run.aihwkit or '?'}" + (f" / {run.torch or '?'}" if several else ""))
        for run in runs
    ]
    first = {n: name for n, name in enumerate(names) if n == 0 or name != names[n - 1]}
    named = list(first)[:: -(-len(first) // _ASLANT_AT_MOST)]
    level = len(named) <= _LEVEL_AT_MOST
    return axis(
        "place",
        f"runs by release of {'aihwkit and torch' if several else 'aihwkit'}, then by date",
        scale={"domain": [-0.5, len(runs) - 0.5], "nice": False, "zero": False},
        axis={
            **marks_at(named),
            "labelExpr": f"({json.dumps(first)})[datum.value]",
            "labelAngle": 0 if level else -60,
            "labelAlign": "left" if level else "right",
            "labelOverlap": level,
        },
    )


def _broken(name: str) -> list[str]:
    """Break a long name behind strokes and commas."""
    lines = [""]
    for part in re.findall(r"[^/,]+[/,]*|[/,]+", name):
        if lines[-1] and len(lines[-1] + part) > _TITLE_AT_MOST:
            lines.append("")
        lines[-1] += part
    return lines


def _caption(trend: Trend, steps: Sequence[Step]) -> str:
    runs = words.counted(len(trend.points), "run")
    if not steps:
        return f"no step in {runs}"
    since = words.date_text(trend.points[steps[-1].at].run.created)
    last = f"{step_text(steps[-1], trend.metric)} since {since}"
    if len(steps) == 1:
        return f"{last}, {runs}"
    return f"{len(steps)} steps in {runs}, the last: {last}"
