"""Drift curves: what is left of a model as its devices age, under digital and HWA weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs

from analog_bench.gate.bootstrap import trajectory_band
from analog_bench.gate.robustness import conditions_of
from analog_bench.records import Metric, Result
from analog_bench.report.contents import Contents, Judged, is_single
from analog_bench.report.html.cells import Cell, Sheet, number, score_over, spelt_score
from analog_bench.report.html.figure import Figure, file_name
from analog_bench.report.html.selection import Selection, drawn
from analog_bench.report.html.theme import Colours
from analog_bench.report.labels import amount, metric_label, spelt_time
from analog_bench.report.wording import (
    capitalised,
    condition_label,
    names_within,
    unit_label,
    weights_label,
)

_FIGURES_AT_MOST = 12
# Of the range of what was measured: room above and below it.
_ROOM = 0.08
_DASHES = {"digital": [5, 4], "direct": [1, 0], "HWA": [1, 0]}


@dataclass(frozen=True)
class _Curve:
    """One kind of weights: its results by time."""

    weights: str
    results: tuple[Result, ...]

    def bands(self, metric: Metric) -> list[tuple[float, float] | None]:
        """Return the 95 % band of the mean at each time, from whole trajectories where it can."""
        chips = [{c.chip: c.scores[metric.name] for c in r.initial_chips} for r in self.results]
        if len(chips[0]) > 1 and all(scores.keys() == chips[0].keys() for scores in chips):
            rows = [[scores[chip] for scores in chips] for chip in chips[0]]
            low, high = trajectory_band(rows, seed=self.results[0].seed)
            return list(zip(low.tolist(), high.tolist(), strict=True))
        found = [score_over(result, metric) for result in self.results]
        return [one.bounds if one else None for one in found]


def drift_figures(contents: Contents, model: str) -> Selection:
    """Return a plot of score over time since programming for each noise and group of layers.

    Args:
        contents: The page's contents.
        model: The model.

    Returns:
        The plots: the first of each study, and twelve in all where there are more; none where
        nothing was measured at several times.
    """
    by_study = []
    for study in contents.of_model(model):
        members: dict[object, dict[str, list[Result]]] = {}
        for result in study.measured:
            if score_over(result, study.main) is None:
                continue
            same = replace(conditions_of(result), variant="", weights="")
            members.setdefault(same, {}).setdefault(weights_label(result), []).append(result)
        several = {
            key: curves
            for key, curves in members.items()
            if any(len(results) > 1 for results in curves.values())
        }
        # Layers one by one have columns in the heat map; their curves come where nothing else does.
        whole = {key: found for key, found in several.items() if not is_single(_any(found))}
        groups = whole or several
        shown = [r for curves in groups.values() for results in curves.values() for r in results]
        same_weights = [structs.replace(r, variant="direct", drift_s=0.0) for r in shown]
        by_study.append([(study, curves, same_weights) for curves in groups.values()])
    return drawn(by_study, _FIGURES_AT_MOST, lambda one: _figure(contents, *one))


def _any(found: Mapping[str, list[Result]]) -> Result:
    return next(iter(found.values()))[0]


def _figure(
    contents: Contents, study: Judged, found: Mapping[str, list[Result]], among: Sequence[Result]
) -> Figure:
    metric = study.main
    curves = [
        _Curve(weights, tuple(sorted(found[weights], key=lambda result: result.drift_s)))
        for weights in sorted(found, key=lambda weights: weights != "direct")
    ]
    first = structs.replace(curves[0].results[0], variant="direct", drift_s=0.0)
    what = names_within(among)(first)
    return Figure(
        name=file_name(study.scope.model, study.scope.study, first.group, condition_label(first)),
        message=_message(curves, capitalised(what), metric),
        note=_note(study, curves, first),
        draw=_drawing(contents, curves, metric),
        sheet=_sheet(contents, curves, study.metrics),
    )


def _drawing(contents: Contents, curves: Sequence[_Curve], metric: Metric) -> Any:
    digital = curves[0].results[0].digital.get(metric.name)
    times = sorted({result.drift_s for curve in curves for result in curve.results})
    chips = [
        {
            "time": result.drift_s,
            "score": chip.scores[metric.name],
            "weights": curve.weights,
            "chip": f"{curve.weights} {chip.chip}",
        }
        for curve in curves
        for result in curve.results
        for chip in result.initial_chips
    ]
    scores = [float(str(row["score"])) for row in chips]
    scores += [digital] if digital is not None else []
    room = _ROOM * (max(scores) - min(scores) or 1.0)
    domain = min(scores) - room, max(scores) + room
    if min(scores) >= 0:
        domain = max(0.0, domain[0]), domain[1]
    means = []
    for curve in curves:
        for result, band in zip(curve.results, curve.bands(metric), strict=True):
            mean = score_over(result, metric)
            if mean is None:
                continue
            low, high = band or (mean.centre, mean.centre)
            means.append(
                {
                    "time": result.drift_s,
                    "weights": curve.weights,
                    "mean": mean.centre,
                    "low": max(low, domain[0]),
                    "high": min(high, domain[1]),
                    "href": contents.link(result),
                }
            )
    names = [*(["digital"] if digital is not None else []), *(curve.weights for curve in curves)]
    spelt = " : ".join(f"datum.value == {time!r} ? '{spelt_time(time)}'" for time in times)

    def draw(colours: Colours) -> dict[str, Any]:
        colour = {
            "field": "weights",
            "type": "nominal",
            "title": None,
            "scale": {"domain": names, "range": [colours[name.lower()] for name in names]},
            "legend": {"symbolType": "stroke", "symbolStrokeWidth": 3, "symbolOpacity": 1},
        }
        x = {
            "field": "time",
            "type": "quantitative",
            "title": "time since programming",
            # As a logarithm, but for 0, which has a place, too.
            "scale": {"type": "symlog", "constant": 0.1, "domain": [times[0], times[-1]]},
            "axis": {
                "values": times,
                "labelExpr": f"{spelt} : ''",
                "labelOverlap": "greedy",
                "grid": False,
            },
        }

        def y(field: str) -> dict[str, Any]:
            return {
                "field": field,
                "type": "quantitative",
                "title": unit_label(metric),
                "scale": {"domain": domain, "nice": True, "zero": False},
            }

        layers: list[dict[str, Any]] = [
            {
                "data": {"values": means},
                "mark": {"type": "area", "opacity": 0.16},
                "encoding": {"x": x, "y": y("low"), "y2": {"field": "high"}, "color": colour},
            },
            {
                "data": {"values": chips},
                "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.35},
                "encoding": {
                    "x": x,
                    "y": y("score"),
                    "color": colour,
                    "detail": {"field": "chip"},
                },
            },
            {
                "data": {"values": means},
                "mark": {"type": "line", "strokeWidth": 2.5},
                "encoding": {"x": x, "y": y("mean"), "color": colour},
            },
            {
                "data": {"values": means},
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y("mean"),
                    "color": colour,
                    "href": {"field": "href"},
                },
            },
        ]
        if digital is not None:
            layers.append(
                {
                    "data": {"values": [{"mean": digital, "weights": "digital"}]},
                    "mark": {"type": "rule", "strokeDash": _DASHES["digital"], "strokeWidth": 2},
                    "encoding": {"y": y("mean"), "color": colour},
                }
            )
        return {"layer": layers}

    return draw


def _sheet(contents: Contents, curves: Sequence[_Curve], metrics: Sequence[Metric]) -> Sheet:
    rows = tuple(
        (
            Cell(spelt_time(result.drift_s)),
            Cell(curve.weights),
            *(number(spelt_score(result, metric), contents.link(result)) for metric in metrics),
            number(str(len(result.initial_chips))),
        )
        for curve in curves
        for result in curve.results
    )
    return Sheet(("time", "weights", *map(unit_label, metrics), "chips"), rows)


def _message(curves: Sequence[_Curve], what: str, metric: Metric) -> str:
    last = curves[0].results[-1]
    scores = [
        f"{amount(mean.centre, metric)} with {curve.weights} weights"
        for curve in curves
        for result in curve.results
        if result.drift_s == last.drift_s and (mean := score_over(result, metric)) is not None
    ]
    digital = last.digital.get(metric.name)
    against = f", digital {amount(digital, metric)}" if digital is not None else ""
    return (
        f"{what} after {spelt_time(last.drift_s)}: {metric_label(metric)} "
        f"{' and '.join(scores)}{against}."
    )


def _note(study: Judged, curves: Sequence[_Curve], first: Result) -> str:
    chips = max(len(result.initial_chips) for curve in curves for result in curve.results)
    said = f"{condition_label(first)}. {study.scope.examples} {study.scope.data}."
    if chips > 1:
        said += (
            f" Thin lines are {chips} chips, the band is the 95 % interval of their mean, cut at "
            "the frame."
        )
    return said
