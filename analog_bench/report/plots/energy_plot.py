"""Accuracy beside energy: what each choice of layers and weights costs, and what it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from analog_bench.gate.robustness_scores import DAY_S
from analog_bench.gate.significance import Interval
from analog_bench.planning.constants import LARGEST_ERROR, MEAN_ERROR
from analog_bench.planning.energy import ModelEnergy
from analog_bench.records import Metric, Result
from analog_bench.report import words
from analog_bench.report.case_energy import energy_columns, energy_of
from analog_bench.report.energy_table import energy_text
from analog_bench.report.measured_on import source_line
from analog_bench.report.plots.chart import axis, by_weights, layer, log_ticks, marks_at, points
from analog_bench.report.plots.figure import Figure, file_name, loss_column, score_column
from analog_bench.report.report_contents import Contents, Judged
from analog_bench.report.score_and_loss import bounds_cut, score
from analog_bench.report.table import Column, tabulate

# Of the range of energies, as a factor: room on both sides.
_ROOM = 1.25


class _Point(NamedTuple):
    result: Result
    energy: ModelEnergy
    score: Interval

    @property
    def nj_per_token(self) -> float:
        return self.energy.pj_per_token / 1e3


def energy_plots(contents: Contents, model: str) -> tuple[Figure, ...]:
    """Return score over energy for each study of a whole model with several plans or weights.

    Of a condition at several times, the one nearest to a day counts.
    """
    figures = []
    for study in contents.of_model(model):
        found = [] if study.guesses else _points(contents, study)
        plans = {(p.result.group, p.result.hardware, p.result.variant) for p in found}
        if len(plans) > 1:
            figures.append(_figure(contents, study, found))
    return tuple(figures)


def _points(contents: Contents, study: Judged) -> list[_Point]:
    nearest: dict[object, _Point] = {}
    for result in study.measured:
        energy, mean = energy_of(result, contents.shapes), score(result, study.main)
        if energy is None or mean is None or study.writes:
            continue
        condition = (result.group, result.noise, result.tile, result.hardware, result.variant)
        point, other = _Point(result, energy, mean), nearest.get(condition)
        if other is None or _from_a_day(result) < _from_a_day(other.result):
            nearest[condition] = point
    return sorted(nearest.values(), key=lambda point: point.nj_per_token)


def _from_a_day(result: Result) -> float:
    return abs(result.drift_s - DAY_S)


def _figure(contents: Contents, study: Judged, found: Sequence[_Point]) -> Figure:
    metric, scope = study.main, study.scope
    results = [point.result for point in found]
    energy = found[0].energy
    digital = results[0].digital.get(metric.name)
    name = words.names_among(results, layers=True)
    values = []
    for point in found:
        low, high = bounds_cut(point.score, metric)
        values.append(
            {
                "energy": point.nj_per_token,
                "score": point.score.centre,
                "low": low,
                "high": high,
                "weights": words.weights_label(point.result),
                "layers": words.group_label(point.result.group),
                "name": name(point.result),
                "href": contents.link(point.result),
            }
        )
    int8 = energy.int8_pj / energy.shape.tokens / 1e3
    machine = {"energy": int8, "score": digital, "weights": "digital"}
    reference = [] if digital is None else [machine]
    costs = [int8, *(point.nj_per_token for point in found)]
    domain = (min(costs) / _ROOM, max(costs) * _ROOM)
    ticks = marks_at(log_ticks(*domain), format=",~g")
    x = axis("energy", "nJ a token", scale={"type": "log", "domain": domain}, axis=ticks)
    y = axis("score", words.unit_label(metric), scale={"zero": False, "nice": True})
    color = by_weights(words.weights_among([*reference, *values]))
    several = len({value["layers"] for value in values}) > 1
    shape = axis("layers", kind="nominal", legend={"orient": "bottom"} if several else None)
    ends = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
    layers = [
        layer(values, {"type": "rule", "strokeWidth": 2}, x=x, color=color, **ends),
        layer(reference, points(90), x=x, y=y, color=color),
        layer(values, points(90), x=x, y=y, color=color, shape=shape, href={"field": "href"}),
    ]
    return Figure(
        name=file_name(scope.model, scope.study, "energy"),
        message=_message(found, metric, int8),
        note=(
            "Lines are 95 % intervals over chips. Energy is an "
            f"estimate for {energy.shape.tokens} tokens an inference on {energy.scenario.title} "
            f"({energy.scenario.name}), whatever hardware was simulated; such models are off by "
            f"{100 * MEAN_ERROR:.0f} % on average, {100 * LARGEST_ERROR:.0f} % at most."
        ),
        source=source_line(contents, study, results),
        spec={"layer": layers},
        table=tabulate(
            results,
            [
                (Column("condition"), name),
                *energy_columns(results, contents.shapes),
                score_column(contents, metric, words.unit_label(metric)),
                loss_column(contents, metric),
            ],
        ),
    )


def _message(found: Sequence[_Point], metric: Metric, int8: float) -> str:
    def worse(point: _Point) -> float:
        return -point.score.centre if metric.higher_is_better else point.score.centre

    best = min(found, key=worse)
    least = min(found, key=lambda point: (point.nj_per_token, worse(point)))
    label = words.metric_label(metric)
    text = (
        f"The best {label}, {words.amount(best.score.centre, metric)}, takes "
        f"{energy_text(best.nj_per_token)} nJ a token"
    )
    if least.nj_per_token < best.nj_per_token:
        kept = words.amount(least.score.centre, metric)
        text += f"; the least energy, {energy_text(least.nj_per_token)} nJ, leaves {kept}"
    return f"{text}; digital INT8 takes {energy_text(int8)} nJ."
