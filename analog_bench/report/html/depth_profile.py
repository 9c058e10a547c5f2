"""Loss over depth: where in the model the vulnerable layers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from analog_bench.gate.robustness import conditions_of
from analog_bench.records import Metric, Result
from analog_bench.report.contents import Contents, Judged, is_single
from analog_bench.report.html.cells import (
    GLYPH,
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
from analog_bench.report.html.selection import Selection, drawn
from analog_bench.report.html.theme import Colours
from analog_bench.report.labels import metric_label, one_line, short_layers
from analog_bench.report.wording import (
    amount_of,
    change_verb,
    condition_label,
    loss_label,
)

KINDS = ("embedding", "norm", "matmul")
SHAPES = ("diamond", "triangle-up", "circle")
_FEWEST = 4
_HEADROOM = 1.15
_FIGURES_AT_MOST = 4


def depth_profiles(contents: Contents, model: str) -> Selection:
    """Return a plot of loss over depth for each condition.

    Args:
        contents: The page's contents.
        model: The model.

    Returns:
        One figure a condition with four layers or more: the first of each study, and four in all
        where there are more.
    """
    by_study = []
    for study in contents.of_model(model):
        if study.writes:
            continue
        conditions: dict[object, list[Result]] = {}
        for result in study.measured:
            if is_single(result) and loss_of(result, study.main) is not None:
                key = replace(conditions_of(result), group=""), result.drift_s
                conditions.setdefault(key, []).append(result)
        by_study.append(
            [(study, results) for results in conditions.values() if len(results) >= _FEWEST]
        )
    return drawn(by_study, _FIGURES_AT_MOST, lambda one: _figure(contents, *one))


def kind_encoding(colours: Colours) -> dict[str, Any]:
    """Return how kinds of layers are told apart: by colour and by shape."""
    return {
        "color": {
            "field": "kind",
            "type": "nominal",
            "title": None,
            "scale": {"domain": KINDS, "range": [colours[kind] for kind in KINDS]},
        },
        "shape": {
            "field": "kind",
            "type": "nominal",
            "title": None,
            "scale": {"domain": KINDS, "range": SHAPES},
        },
    }


def _figure(contents: Contents, study: Judged, results: Sequence[Result]) -> Figure:
    metric = study.main
    short = short_layers([result.group for result in results], GLYPH.ellipsis)
    ordered = sorted(results, key=lambda result: -(loss_of(result, metric) or 0.0))
    deepest = max(result.facts.depth for result in results if result.facts)
    top = max(max(_ends(r, metric).get("high", 0.0), loss_of(r, metric) or 0.0) for r in results)
    values: list[dict[str, object]] = [
        {
            "depth": result.facts.depth,
            "loss": loss_of(result, metric),
            "kind": result.facts.kind,
            "name": one_line(short[result.group]),
            "named": result is ordered[0],
            # Beyond the middle there is more room to the left.
            "late": result.facts.depth > deepest / 2,
            "href": contents.link(result),
            **ends,
        }
        for result, ends in ((result, _ends(result, metric)) for result in results)
        if result.facts
    ]
    condition = condition_label(results[0])

    def draw(colours: Colours) -> dict[str, Any]:
        x = {
            "field": "depth",
            "type": "quantitative",
            "title": "depth: place in the order of computation",
            "scale": {"domain": [0, deepest], "nice": False},
            "axis": {"grid": False, "tickMinStep": 1},
        }
        y = {
            "field": "loss",
            "type": "quantitative",
            "title": loss_label(metric),
            # Room for the name above the layer that loses most.
            "scale": {"domainMax": _HEADROOM * max(top, metric.margin)},
        }
        text: dict[str, Any] = {"type": "text", "color": colours["ink"], "fontSize": 11}
        labels: list[dict[str, Any]] = [
            {
                "transform": [{"filter": f"datum.named && {side}"}],
                "mark": {**text, "align": align, "dx": dx, "dy": -7},
                "encoding": {"text": {"field": "name"}},
            }
            for side, align, dx in (("!datum.late", "left", 8), ("datum.late", "right", -8))
        ]
        return {
            "data": {"values": values},
            "encoding": {"x": x, "y": y},
            "layer": [
                {
                    "mark": {"type": "rule", "color": colours["muted"], "opacity": 0.5},
                    "encoding": {
                        "y": {**y, "field": "low"},
                        "y2": {"field": "high"},
                    },
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 50, "opacity": 0.9},
                    "encoding": {
                        **kind_encoding(colours),
                        "href": {"field": "href"},
                        "description": {"field": "name"},
                    },
                },
                *labels,
            ],
        }

    sheet = Sheet(
        ("depth", "layer", "kind", metric_label(metric), loss_label(metric)),
        tuple(
            (
                number(str(result.facts.depth) if result.facts else ""),
                Cell(one_line(result.group)),
                Cell(result.facts.kind if result.facts else ""),
                number(spelt_score(result, metric), contents.link(result)),
                number(spelt_loss(loss_of(result, metric), metric), contents.link(result)),
            )
            for result in sorted(results, key=lambda r: r.facts.depth if r.facts else 0)
        ),
    )
    return Figure(
        name=file_name(study.scope.model, study.scope.study, "depth", condition),
        message=_message(ordered, metric),
        note=f"{condition}. Lines are 95 % intervals over chips.",
        draw=draw,
        sheet=sheet,
    )


def _ends(result: Result, metric: Metric) -> dict[str, float]:
    """Return the ends of a loss's interval; both the loss itself where it has none."""
    score, digital = score_over(result, metric), result.digital[metric.name]
    if score is None:
        return {}
    ends = ends_within(score, metric)
    losses = [metric.loss(end, digital) for end in ends]
    return {"low": min(losses), "high": max(losses)}


def _message(ordered: Sequence[Result], metric: Metric) -> str:
    losses = [loss_of(result, metric) or 0.0 for result in ordered]
    if losses[0] <= metric.margin:
        return f"No layer {change_verb(metric)} more than the margin, at any depth."
    first, middle = (
        spelt_loss(loss, metric).lstrip("+−") for loss in (losses[0], max(0.0, median(losses)))
    )
    return (
        f"{one_line(ordered[0].group)} {change_verb(metric)} {amount_of(first, metric)}, "
        f"the median layer {middle}."
    )
