"""Drift curves: what is left of a model as its devices age, by what is on tiles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analog_bench.gate.drift_band import trajectory_band
from analog_bench.gate.robustness_scores import conditions_of
from analog_bench.gate.significance import FEWEST_CHIPS
from analog_bench.records import Metric, Result
from analog_bench.report import words
from analog_bench.report.case_energy import energy_columns
from analog_bench.report.measured_on import source_line
from analog_bench.report.plots.chart import DASHES, Spec, axis, by_weights, layer, marks_at, points
from analog_bench.report.plots.figure import Figure, Selection, file_name, score_column, select
from analog_bench.report.report_contents import Contents, Judged, is_single
from analog_bench.report.score_and_loss import score
from analog_bench.report.table import Column, Table, number, tabulate

_FIGURES_AT_MOST = 12
# Of the range of what was measured: room above and below it.
_ROOM = 0.08
_TIMES_WITH_ROOM = 8
_NEITHER = ("time", "weights")


@dataclass(frozen=True)
class _Curve:
    """One kind of weights: its results by time."""

    variant: str
    results: tuple[Result, ...]

    @property
    def weights(self) -> str:
        """Their name, as the legend has it."""
        return words.weights_label(self.results[0])

    def bands(self, metric: Metric) -> list[tuple[float, float] | None]:
        """Return the 95 % band of the mean at each time, from whole trajectories where it can."""
        chips = [{c.chip: c.scores[metric.name] for c in r.initial_chips} for r in self.results]
        if len(chips[0]) >= FEWEST_CHIPS and all(
            scores.keys() == chips[0].keys() for scores in chips
        ):
            rows = [[scores[chip] for scores in chips] for chip in chips[0]]
            low, high = trajectory_band(rows, seed=self.results[0].seed)
            return list(zip(low.tolist(), high.tolist(), strict=True))
        means = [score(result, metric) for result in self.results]
        return [mean.bounds if mean else None for mean in means]


def drift_plots(contents: Contents, model: str) -> Selection:
    """Return a plot of score over time since programming for each noise and group of layers.

    The first of each study, and twelve in all; none where nothing was measured at several times.
    """
    by_study = []
    for study in contents.of_model(model):
        members: dict[object, dict[str, list[Result]]] = {}
        for result in study.measured:
            if score(result, study.main) is not None:
                same = replace(conditions_of(result), variant="", weights="")
                of_weights = members.setdefault(same, {})
                of_weights.setdefault(result.variant, []).append(result)
        several = [own for own in members.values() if any(len(some) > 1 for some in own.values())]
        # Layers one by one have columns in the heat map; their curves come where nothing else does.
        whole = [curves for curves in several if not is_single(next(iter(curves.values()))[0])]
        shown = whole or several
        among = [r for curves in shown for results in curves.values() for r in results]
        by_study.append([(study, curves, among) for curves in shown])
    return select(by_study, _FIGURES_AT_MOST, lambda one: _figure(contents, *one))


def _figure(
    contents: Contents, study: Judged, results: Mapping[str, list[Result]], among: Sequence[Result]
) -> Figure:
    curves = [
        _Curve(variant, tuple(sorted(results[variant], key=lambda result: result.drift_s)))
        for variant in sorted(results, key=words.weights_order)
    ]
    first, scope = curves[0].results[0], study.scope
    condition = words.condition_label(first, leaving_out=_NEITHER)
    note = ""
    chips = max(len(result.initial_chips) for curve in curves for result in curve.results)
    if chips >= FEWEST_CHIPS:
        note = (
            f"Thin lines are {chips} chips, the band is the 95 % interval of their mean, cut at "
            "the frame."
        )
    elif chips > 1:
        note = f"Thin lines are {chips} chips: too few for an interval."
    what = words.names_among(among, leaving_out=_NEITHER)(first)
    return Figure(
        name=file_name(scope.model, scope.study, first.group, condition),
        message=_message(curves, words.capitalised(what), study.main),
        note=note,
        source=source_line(contents, study, [r for curve in curves for r in curve.results]),
        spec=_spec(contents, curves, study.main),
        table=_table(contents, curves, study.metrics),
    )


def time_axis(seconds: Collection[float]) -> Spec:
    """Return the channel of `time`: as a logarithm, but for 0, which has a place, too."""
    times = sorted(seconds)
    labels = [f"datum.value == {t!r} ? '{words.time_label(t)}'" for t in times]
    spelling = " : ".join([*labels, "''"])
    overlap = "greedy" if len(times) > _TIMES_WITH_ROOM else False
    ticks = marks_at(times, labelExpr=spelling, labelOverlap=overlap, grid=False)
    log = {"type": "symlog", "constant": 0.1, "domain": [times[0], times[-1]]}
    return axis("time", "time since programming", scale=log, axis=ticks)


def _spec(contents: Contents, curves: Sequence[_Curve], metric: Metric) -> Spec:
    digital = curves[0].results[0].digital.get(metric.name)
    chips: list[dict[str, Any]] = [
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
    domain = _domain([chip["score"] for chip in chips], digital)
    means = _means(contents, curves, metric, domain)
    x = time_axis({result.drift_s for curve in curves for result in curve.results})
    scale = {"domain": domain, "nice": True, "zero": False}
    y = axis("mean", words.unit_label(metric), scale=scale)
    low, one_chip, high = {**y, "field": "low"}, {**y, "field": "score"}, {"field": "high"}
    names = [*(["digital"] if digital is not None else []), *(curve.weights for curve in curves)]
    legend = {"symbolType": "stroke", "symbolStrokeWidth": 3, "symbolOpacity": 1}
    color = by_weights(names, legend=legend)
    thin = {"type": "line", "strokeWidth": 1, "opacity": 0.35}
    detail, href = {"field": "chip"}, {"field": "href"}
    layers = [
        layer(means, {"type": "area", "opacity": 0.16}, x=x, y=low, y2=high, color=color),
        layer(chips, thin, x=x, y=one_chip, color=color, detail=detail),
        layer(means, {"type": "line", "strokeWidth": 2.5}, x=x, y=y, color=color),
        layer(means, points(60), x=x, y=y, color=color, href=href),
    ]
    if digital is not None:
        dashed = {"type": "rule", "strokeDash": DASHES, "strokeWidth": 2}
        layers.append(layer([{"mean": digital, "weights": "digital"}], dashed, y=y, color=color))
    return {"layer": layers}


def _domain(scores: Sequence[float], digital: float | None) -> tuple[float, float]:
    known = [*scores, *([digital] if digital is not None else [])]
    low, high = min(known), max(known)
    room = _ROOM * (high - low or 1.0)
    return max(0.0, low - room) if low >= 0 else low - room, high + room


def _means(
    contents: Contents, curves: Sequence[_Curve], metric: Metric, domain: tuple[float, float]
) -> list[dict[str, Any]]:
    means = []
    for curve in curves:
        for result, band in zip(curve.results, curve.bands(metric), strict=True):
            mean = score(result, metric)
            if mean is not None:
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
    return means


def _table(contents: Contents, curves: Sequence[_Curve], metrics: Sequence[Metric]) -> Table:
    results = [result for curve in curves for result in curve.results]
    return tabulate(
        results,
        [
            (Column("time"), lambda result: words.time_label(result.drift_s)),
            (Column("weights"), words.weights_label),
            *(score_column(contents, metric, words.unit_label(metric)) for metric in metrics),
            *energy_columns(results, contents.shapes),
            number("chips", lambda result: str(len(result.initial_chips))),
        ],
    )


def _message(curves: Sequence[_Curve], what: str, metric: Metric) -> str:
    last = curves[0].results[-1]
    scores = [
        f"{words.amount(mean.centre, metric)} with {words.with_weights(curve.variant)}"
        for curve in curves
        for result in curve.results
        if result.drift_s == last.drift_s and (mean := score(result, metric)) is not None
    ]
    digital = last.digital.get(metric.name)
    against = f", digital {words.amount(digital, metric)}" if digital is not None else ""
    return (
        f"{what} after {words.time_label(last.drift_s)}: {words.metric_label(metric)} "
        f"{' and '.join(scores)}{against}."
    )
