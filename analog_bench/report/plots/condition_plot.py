"""The whole model under one noise after the other: which kind costs most?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analog_bench.gate.hardware_steps import waterfalls
from analog_bench.records import Metric, Result
from analog_bench.report import words
from analog_bench.report.case_energy import energy_columns
from analog_bench.report.measured_on import source_line
from analog_bench.report.plots.chart import DASHES, axis, by_weights, layer, points
from analog_bench.report.plots.figure import Figure, file_name, loss_column, score_column
from analog_bench.report.report_contents import Contents, Judged, is_single
from analog_bench.report.score_and_loss import bounds_cut, loss, score
from analog_bench.report.table import Column, tabulate

# Of more times there is a curve.
_TIMES_AT_MOST = 2
_ROW_PIXELS = 24


def noise_plots(contents: Contents, model: str) -> tuple[Figure, ...]:
    """Return the scores of each study of several layers at once under two conditions or more.

    Results that a waterfall shows are not among them, nor plans.
    """
    figures = []
    for study in contents.of_model(model):
        metric = study.main
        steps = {r.identity for w in waterfalls(study.measured, metric) for r in w.measured}
        results = [
            result
            for result in study.measured
            if not is_single(result)
            and loss(result, metric) is not None
            and result.identity not in steps
            and result.plan is None
        ]
        times = {result.drift_s for result in results}
        told = not (study.writes or study.guesses)
        if len(results) > 1 and len(times) <= _TIMES_AT_MOST and told:
            results.sort(key=lambda result: -(loss(result, metric) or 0.0))
            figures.append(_figure(contents, study, results))
    return tuple(figures)


def _figure(contents: Contents, study: Judged, results: Sequence[Result]) -> Figure:
    metric, scope = study.main, study.scope
    name = words.names_among(results, layers=len({result.group for result in results}) > 1)
    values = []
    for result in results:
        mean = score(result, metric)
        if mean is not None:
            low, high = bounds_cut(mean, metric)
            bounds = {"score": mean.centre, "low": low, "high": high}
            weights = words.weights_label(result)
            link = contents.link(result)
            values.append({"name": name(result), **bounds, "weights": weights, "href": link})
    digital = {"score": results[0].digital[metric.name], "weights": "digital"}
    bare = {"labelLimit": 210, "ticks": False, "domain": False, "labelFontSize": 11}
    y = axis("name", kind="nominal", sort=[value["name"] for value in values], axis=bare)
    x = axis("score", words.unit_label(metric), scale={"zero": False, "nice": True})
    start, end = {**x, "field": "low"}, {"field": "high"}
    color, href = by_weights(words.weights_among([digital, *values])), {"field": "href"}
    digital_line = {"type": "rule", "strokeDash": DASHES, "strokeWidth": 2}
    layers = [
        layer([digital], digital_line, x=x, color=color),
        layer(values, {"type": "rule", "strokeWidth": 2}, y=y, x=start, x2=end, color=color),
        layer(values, points(70), y=y, x=x, color=color, href=href),
    ]
    return Figure(
        name=file_name(scope.model, scope.study),
        message=_message(results, metric, name),
        note=(
            f"{words.capitalised(scope.question)} Lines are 95 % intervals over chips, the dashed "
            f"one is digital ({words.metric_label(metric)})."
        ),
        source=source_line(contents, study, results),
        spec={"layer": layers},
        table=tabulate(
            results,
            [
                (Column("condition"), words.condition_label),
                score_column(contents, metric, words.unit_label(metric)),
                loss_column(contents, metric),
                *energy_columns(results, contents.shapes),
            ],
        ),
        height=110 + _ROW_PIXELS * len(values),
    )


def _message(results: Sequence[Result], metric: Metric, name: Callable[[Result], str]) -> str:
    losses = [loss(result, metric) or 0.0 for result in results]
    verb = words.change_verb(metric)
    beyond = sum(lost > metric.margin for lost in losses)
    if not beyond:
        return f"None of {words.counted(len(losses), 'condition')} {verb} more than the margin."
    most = words.amount_of(words.loss_amount(losses[0], metric), metric)
    return (
        f"{name(results[0])} costs most: it {verb} {most}; {beyond} of "
        f"{words.counted(len(losses), 'condition')} {'exceeds' if beyond == 1 else 'exceed'} the "
        "margin."
    )
