"""Trends as a picture: SVG or PNG."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from analog_bench.atomic_file import write_atomic
from analog_bench.errors import StoreError, UsageError
from analog_bench.gate.step import Step
from analog_bench.history.trend import Point, RunFacts, Trend
from analog_bench.report.glyphs import glyphs
from analog_bench.report.history_words import (
    direction,
    score_name,
    spelt_date,
    spelt_step,
    trend_names,
)
from analog_bench.report.html.cells import ends_within
from analog_bench.report.html.theme import IN_FILES, config
from analog_bench.report.labels import one_line
from analog_bench.report.wording import counted

MOST = 12
"""Trends in one picture."""

_WIDTH, _HEIGHT = 640, 160
_PNG_SCALE = 2.0
_GLYPH = glyphs(ascii_only=False)
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

_Values: TypeAlias = list[dict[str, Any]]


def write_plot(
    path: Path, trends: Sequence[Trend], steps: Sequence[tuple[Step, ...]], *, by_release: bool
) -> None:
    """Draw trends, one above the other, and write the picture.

    A line joins the means over chips, a band is their 95 % interval, circles are chips; the dashed
    line is the digital model, an upright one a step.

    Args:
        path: The file; its ending says what it is, `.svg` or `.png`.
        trends: The trends, at least one, 12 at most.
        steps: Of each trend.
        by_release: Whether runs are in the order of releases; they stand at equal distances then.

    Raises:
        UsageError: Another kind of picture, no trend, or too many.
        StoreError: The file cannot be written.
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
    # Not at the top: other verbs need no V8.
    import vl_convert

    spec = json.dumps(specification(trends, steps, by_release=by_release))
    if path.suffix == ".svg":
        content = vl_convert.vegalite_to_svg(spec).encode("utf-8")
    else:
        content = vl_convert.vegalite_to_png(spec, scale=_PNG_SCALE)
    try:
        write_atomic(path, content)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise StoreError(f"cannot write the plot to {str(path)!r}: {why}") from None


def specification(
    trends: Sequence[Trend], steps: Sequence[tuple[Step, ...]], *, by_release: bool
) -> dict[str, Any]:
    """Return the picture in Vega-Lite's words."""
    names = trend_names(trends)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": IN_FILES["paper"],
        "padding": 8,
        "title": {
            "text": _LEGEND,
            "fontSize": 12,
            "fontWeight": 400,
            "color": IN_FILES["muted"],
        },
        "vconcat": [
            _one(name, trend, own, by_release=by_release)
            for name, trend, own in zip(names, trends, steps, strict=True)
        ],
        "config": config(IN_FILES),
    }


def _one(name: str, trend: Trend, steps: Sequence[Step], *, by_release: bool) -> dict[str, Any]:
    points = [_values(n, point, trend) for n, point in enumerate(trend.points)]
    colour = IN_FILES["hwa" if trend.key["variant"] == "hwa" else "direct"]
    runs = [point.run for point in trend.points]
    x = _by_release(runs) if by_release else _by_date(runs)
    unit = f" ({trend.metric.unit})" if trend.metric.unit else ""
    y: dict[str, Any] = {
        "type": "quantitative",
        "title": f"{score_name(trend)}{unit}",
        "scale": {"zero": False, "nice": True, "padding": 6},
        "axis": {"tickCount": 5},
    }
    chips = [
        {**point, "chip": score}
        for point, own in zip(points, trend.points, strict=True)
        for score in own.scores.values()
    ]
    area = {"type": "area", "opacity": 0.18, "color": colour}
    circles = {"type": "point", "size": 12, "opacity": 0.45, "color": colour}
    line = {"type": "line", "color": colour, "strokeWidth": 2}
    line["point"] = {"color": colour, "size": 28}
    layers = [
        _layer(points, area, x, y, "low", "high"),
        _layer(chips, circles, x, y, "chip"),
        _layer(points, line, x, y, "mean"),
    ]
    if all(point.digital is not None for point in trend.points):
        dashes = {"type": "line", "strokeDash": [5, 4], "color": IN_FILES["digital"]}
        layers.append(_layer(points, dashes, x, y, "digital"))
    for n, step in enumerate(steps):
        layers += _mark(points, trend, step, x, n % _LINES)
    return {
        "title": {"text": _lines_of(name), "subtitle": _caption(trend, steps)},
        "width": _WIDTH,
        "height": _HEIGHT,
        "layer": layers,
    }


def _layer(
    values: _Values,
    mark: dict[str, Any],
    x: dict[str, Any],
    y: dict[str, Any],
    field: str,
    upper: str = "",
) -> dict[str, Any]:
    encoding: dict[str, Any] = {"x": x, "y": {**y, "field": field}}
    if upper:
        encoding["y2"] = {"field": upper}
    return {"data": {"values": values}, "mark": mark, "encoding": encoding}


def _mark(
    points: _Values, trend: Trend, step: Step, x: dict[str, Any], line: int
) -> Iterator[dict[str, Any]]:
    """Yield a step's line and its words."""
    colour = IN_FILES["worst" if direction(step, trend.metric) == "worse" else "best"]
    data = {"values": [points[step.at]]}
    rule = {"type": "rule", "strokeWidth": 1.5, "color": colour}
    yield {"data": data, "mark": rule, "encoding": {"x": x}}
    far = step.at > _FAR_RIGHT * len(points)
    words = {
        "type": "text",
        "text": _spelt(trend, step),
        "align": "right" if far else "left",
        "dx": 3 if far else -3,
        "baseline": "bottom",
        "color": colour,
    }
    yield {"data": data, "mark": words, "encoding": {"x": x, "y": {"value": -3 - line * _LINE}}}


def _values(place: int, point: Point, trend: Trend) -> dict[str, Any]:
    mean = point.mean
    if trend.key["score"] in _BOUNDED:
        low, high = ends_within(mean, trend.metric)
    else:
        low, high = mean.bounds or (mean.centre, mean.centre)
    return {
        "place": place,
        "date": point.run.created,
        "mean": mean.centre,
        "low": low,
        "high": high,
        "digital": point.digital,
    }


def _by_date(runs: Sequence[RunFacts]) -> dict[str, Any]:
    days = {run.created[:10] for run in runs}
    return {
        "field": "date",
        "type": "temporal",
        "title": "start of the run (UTC)",
        "scale": {"type": "utc"},
        "axis": {
            "format": "%Y-%m-%d" if len(days) > 2 else "%Y-%m-%d %H:%M",
            "tickCount": 6,
            "labelOverlap": True,
        },
    }


def _by_release(runs: Sequence[RunFacts]) -> dict[str, Any]:
    torches = {run.torch for run in runs}
    names = [
        one_line(f"{run.aihwkit or '?'}" + (f" / {run.torch or '?'}" if len(torches) > 1 else ""))
        for run in runs
    ]
    first = {n: name for n, name in enumerate(names) if n == 0 or name != names[n - 1]}
    named = list(first)[:: -(-len(first) // _ASLANT_AT_MOST)]
    level = len(named) <= _LEVEL_AT_MOST
    what = "aihwkit and torch" if len(torches) > 1 else "aihwkit"
    return {
        "field": "place",
        "type": "quantitative",
        "title": f"runs by release of {what}, then by date",
        "scale": {"domain": [-0.5, len(runs) - 0.5], "nice": False, "zero": False},
        "axis": {
            "values": named,
            # Otherwise Vega picks a few of them.
            "tickCount": len(named),
            "labelExpr": f"({json.dumps(first)})[datum.value]",
            "labelAngle": 0 if level else -60,
            "labelAlign": "left" if level else "right",
            "labelOverlap": level,
        },
    }


def _lines_of(name: str) -> list[str]:
    """Break a long name behind strokes and commas."""
    lines = [""]
    for part in re.findall(r"[^/,]+[/,]*|[/,]+", name):
        if lines[-1] and len(lines[-1] + part) > _TITLE_AT_MOST:
            lines.append("")
        lines[-1] += part
    return lines


def _spelt(trend: Trend, step: Step) -> str:
    return f"{spelt_step(step, trend.metric, _GLYPH)} {direction(step, trend.metric)}"


def _caption(trend: Trend, steps: Sequence[Step]) -> str:
    runs = counted(len(trend.points), "run")
    if not steps:
        return f"no step in {runs}"
    since = spelt_date(trend.points[steps[-1].at].run.created)
    last = f"{_spelt(trend, steps[-1])} since {since}"
    return (
        f"{last}, {runs}" if len(steps) == 1 else f"{len(steps)} steps in {runs}, the last: {last}"
    )
