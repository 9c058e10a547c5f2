"""The whole model under one noise after the other: which kind costs most?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analog_bench.records import Metric, Result
from analog_bench.report.contents import Contents, Judged, is_single
from analog_bench.report.html.cells import (
    Cell,
    Sheet,
    ends_within,
    loss_of,
    number,
    score_over,
    spelt_loss,
    spelt_score,
)
from analog_bench.report.html.figure import Figure, file_name
from analog_bench.report.html.theme import Colours
from analog_bench.report.labels import metric_label
from analog_bench.report.wording import (
    amount_of,
    capitalised,
    change_verb,
    condition_label,
    loss_label,
    names_within,
    unit_label,
    weights_label,
)

# Of more times there is a curve.
_TIMES_AT_MOST = 2
_ROW_PIXELS = 24


def condition_figures(contents: Contents, model: str) -> tuple[Figure, ...]:
    """Return a plot of the scores under the conditions of each study of several layers at once.

    Args:
        contents: The page's contents.
        model: The model.

    Returns:
        One plot a study that has two conditions or more.
    """
    figures = []
    for study in contents.of_model(model):
        results = [
            result
            for result in study.measured
            if not is_single(result) and loss_of(result, study.main) is not None
        ]
        times = {result.drift_s for result in results}
        if len(results) > 1 and len(times) <= _TIMES_AT_MOST and not study.writes:
            figures.append(_figure(contents, study, results))
    return tuple(figures)


def _figure(contents: Contents, study: Judged, results: Sequence[Result]) -> Figure:
    metric = study.main
    ordered = sorted(results, key=lambda result: -(loss_of(result, metric) or 0.0))
    name = _names(ordered)
    values = []
    for result in ordered:
        score = score_over(result, metric)
        if score is not None:
            low, high = ends_within(score, metric)
            values.append(
                {
                    "name": name(result),
                    "score": score.centre,
                    "low": low,
                    "high": high,
                    "weights": weights_label(result),
                    "href": contents.link(result),
                }
            )
    digital = ordered[0].digital[metric.name]
    weights = [label for label in ("direct", "HWA") if any(v["weights"] == label for v in values)]

    def draw(colours: Colours) -> dict[str, Any]:
        y = {
            "field": "name",
            "type": "nominal",
            "sort": [value["name"] for value in values],
            "title": None,
            "axis": {"labelLimit": 210, "ticks": False, "domain": False, "labelFontSize": 11},
        }
        scale = {"zero": False, "nice": True}
        x = {"type": "quantitative", "title": unit_label(metric), "scale": scale}
        colour = {
            "field": "weights",
            "type": "nominal",
            "scale": {
                "domain": ["digital", *weights],
                "range": [colours["digital"], *(colours[label.lower()] for label in weights)],
            },
        }
        return {
            "layer": [
                {
                    "data": {"values": [{"score": digital, "weights": "digital"}]},
                    "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 2},
                    "encoding": {"x": {**x, "field": "score"}, "color": colour},
                },
                {
                    "data": {"values": values},
                    "mark": {"type": "rule", "strokeWidth": 2},
                    "encoding": {
                        "y": y,
                        "x": {**x, "field": "low"},
                        "x2": {"field": "high"},
                        "color": colour,
                    },
                },
                {
                    "data": {"values": values},
                    "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                    "encoding": {
                        "y": y,
                        "x": {**x, "field": "score"},
                        "color": colour,
                        "href": {"field": "href"},
                    },
                },
            ]
        }

    sheet = Sheet(
        ("condition", unit_label(metric), loss_label(metric)),
        tuple(
            (
                Cell(condition_label(result)),
                number(spelt_score(result, metric), contents.link(result)),
                number(spelt_loss(loss_of(result, metric), metric), contents.link(result)),
            )
            for result in ordered
        ),
    )
    return Figure(
        name=file_name(study.scope.model, study.scope.study),
        message=_message(ordered, metric),
        note=(
            f"{capitalised(study.scope.question)} {study.scope.examples} {study.scope.data}; lines "
            f"are 95 % intervals over chips, the dashed one is digital ({metric_label(metric)})."
        ),
        draw=draw,
        sheet=sheet,
        height=110 + _ROW_PIXELS * len(values),
    )


def _names(results: Sequence[Result]) -> Any:
    name = names_within(results)
    if len({result.group for result in results}) > 1:
        return name
    # What all of them share goes without saying.
    shared = name(results[0]).partition(" · ")[0]
    return lambda result: name(result).removeprefix(f"{shared} · ")


def _message(ordered: Sequence[Result], metric: Metric) -> str:
    losses = [loss_of(result, metric) or 0.0 for result in ordered]
    name = _names(ordered)
    most = spelt_loss(max(losses[0], 0.0), metric).lstrip("+−")
    beyond = sum(loss > metric.margin for loss in losses)
    if not beyond:
        return f"None of {len(losses)} conditions {change_verb(metric)} more than the margin."
    return (
        f"{name(ordered[0])} costs most: it {change_verb(metric)} {amount_of(most, metric)}; "
        f"{beyond} of {len(losses)} conditions exceed the margin."
    )
