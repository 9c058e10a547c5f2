"""Trends as a picture: SVG or PNG."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from analog_bench.errors import StoreError, UsageError
from analog_bench.gate.step import Step
from analog_bench.history.trend import Point, Trend
from analog_bench.report.glyphs import glyphs
from analog_bench.report.history_words import (
    direction,
    score_name,
    spelt_date,
    spelt_step,
    trend_names,
)
from analog_bench.report.html.theme import IN_FILES, config
from analog_bench.store.atomic_file import write_atomic

MOST = 12
"""Trends in one picture."""

_WIDTH, _HEIGHT = 640, 160
_PNG_SCALE = 2.0
_GLYPH = glyphs(ascii_only=False)
_LABELS_AT_MOST = 30


def write_plot(
    path: Path, trends: Sequence[Trend], steps: Sequence[tuple[Step, ...]], *, by_release: bool
) -> None:
    """Draw trends, one above the other, and write the picture.

    A line joins the means over chips, a band is their 95 % interval, points are chips; the dashed
    line is the digital model, an upright one a step.

    Args:
        path: The file; its ending says what it is, `.svg` or `.png`.
        trends: The trends, 12 at most.
        steps: Of each trend.
        by_release: Whether runs are in the order of releases; they stand at equal distances then.

    Raises:
        UsageError: Another kind of picture, or too many trends.
        StoreError: The file cannot be written.
    """
    if path.suffix not in (".svg", ".png"):
        raise UsageError(f"--plot writes .svg or .png, found {path.name!r}")
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
        "vconcat": [
            _one(name, trend, own, by_release=by_release)
            for name, trend, own in zip(names, trends, steps, strict=True)
        ],
        "config": config(IN_FILES),
    }


def _one(name: str, trend: Trend, steps: Sequence[Step], *, by_release: bool) -> dict[str, Any]:
    points = [_values(n, point) for n, point in enumerate(trend.points)]
    colour = IN_FILES["hwa" if trend.key["variant"] == "hwa" else "direct"]
    x = _x(len(points), by_release=by_release)
    unit = f" ({trend.metric.unit})" if trend.metric.unit else ""
    y: dict[str, Any] = {
        "type": "quantitative",
        "title": f"{score_name(trend)}{unit}",
        "scale": {"zero": False, "nice": True},
        "axis": {"tickCount": 5},
    }
    chips = [
        {**point, "chip": score}
        for point, own in zip(points, trend.points, strict=True)
        for score in own.scores.values()
    ]
    layers: list[dict[str, Any]] = [
        _layer(points, {"type": "area", "opacity": 0.18, "color": colour}, x, y, "low", "high"),
        _layer(
            chips, {"type": "point", "size": 12, "opacity": 0.45, "color": colour}, x, y, "chip"
        ),
        _layer(
            points,
            {
                "type": "line",
                "color": colour,
                "strokeWidth": 2,
                "point": {"color": colour, "size": 28},
            },
            x,
            y,
            "mean",
        ),
    ]
    if all(point.digital is not None for point in trend.points):
        dashes = {"type": "line", "strokeDash": [5, 4], "color": IN_FILES["digital"]}
        layers.append(_layer(points, dashes, x, y, "digital"))
    layers += _marks(points, trend, steps, x)
    return {
        "title": {"text": name, "subtitle": _caption(trend, steps), "limit": _WIDTH},
        "width": _WIDTH,
        "height": _HEIGHT,
        "layer": layers,
    }


def _layer(
    values: list[dict[str, Any]],
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


def _marks(
    points: list[dict[str, Any]], trend: Trend, steps: Sequence[Step], x: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    values = [
        {**points[step.at], "word": spelt_step(step, trend.metric, _GLYPH), "kind": kind}
        for step in steps
        for kind in [direction(step, trend.metric)]
    ]
    if not values:
        return
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {
            "domain": ["worse", "better"],
            "range": [IN_FILES["worst"], IN_FILES["best"]],
        },
        "legend": None,
    }
    encoding = {"x": x, "color": colour}
    data = {"values": values}
    yield {"data": data, "mark": {"type": "rule", "strokeWidth": 1.5}, "encoding": encoding}
    words = {"type": "text", "align": "left", "dx": 4, "baseline": "top", "fontSize": 12}
    yield {
        "data": data,
        "mark": words,
        "encoding": {**encoding, "text": {"field": "word"}, "y": {"value": 8}},
    }


def _values(place: int, point: Point) -> dict[str, Any]:
    mean = point.mean
    low, high = mean.bounds or (mean.centre, mean.centre)
    release = point.run.aihwkit or "?"
    return {
        "place": place,
        "date": point.run.created,
        "run": f"{release}, {spelt_date(point.run.created)[5:]}",
        "mean": mean.centre,
        "low": low,
        "high": high,
        "digital": point.digital,
    }


def _x(number: int, *, by_release: bool) -> dict[str, Any]:
    if not by_release:
        scale = {"type": "utc"}
        return {
            "field": "date",
            "type": "temporal",
            "title": "start of the run (UTC)",
            "scale": scale,
        }
    every = -(-number // _LABELS_AT_MOST)
    return {
        "field": "run",
        "type": "ordinal",
        "sort": {"field": "place"},
        "title": "aihwkit, start of the run",
        "axis": {
            "labelAngle": -60,
            "labelOverlap": False,
            "labelExpr": f"datum.index * {number - 1} % {every} < 1 ? datum.label : ''",
        },
    }


def _caption(trend: Trend, steps: Sequence[Step]) -> str:
    if not steps:
        return f"no step in {len(trend.points)} runs"
    last = steps[-1]
    run = trend.points[last.at].run
    return (
        f"{direction(last, trend.metric)} by {spelt_step(last, trend.metric, _GLYPH)} since "
        f"{spelt_date(run.created)}"
    )
