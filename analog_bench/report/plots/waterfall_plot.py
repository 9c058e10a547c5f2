"""Waterfalls: how the loss grows from the digital model to complete hardware, term by term."""

from __future__ import annotations

from typing import Any

from analog_bench.gate.hardware_steps import Waterfall, waterfalls
from analog_bench.records import Metric
from analog_bench.report import words
from analog_bench.report.measured_on import source_line
from analog_bench.report.plots.chart import Spec, axis, by_weights, colour, layer
from analog_bench.report.plots.figure import Figure, file_name
from analog_bench.report.report_contents import Contents, Judged
from analog_bench.report.waterfall_table import waterfall_table

_BAR_PIXELS = 13


def waterfall_plots(contents: Contents, model: str) -> tuple[Figure, ...]:
    """Return the bars of each waterfall of a model's studies; none where there is none."""
    return tuple(
        _figure(contents, study, waterfall)
        for study in contents.of_model(model)
        for waterfall in ([] if study.guesses else waterfalls(study.measured, study.main))
    )


def _figure(contents: Contents, study: Judged, waterfall: Waterfall) -> Figure:
    metric, first = study.main, waterfall.measured[0]
    variants = sorted(waterfall.steps, key=words.weights_order)
    bars = [bar for variant in variants for bar in _bars(contents, waterfall, variant)]
    terms = [words.one_line(term) for term in waterfall.terms]
    time, group = words.time_label(first.drift_s), words.group_label(first.group)
    return Figure(
        name=file_name(study.scope.model, study.scope.study, first.group, waterfall.hardware, time),
        message=_message(waterfall, variants, metric),
        note=(
            f"{words.capitalised(group)} on {words.one_line(waterfall.hardware)} after {time}, "
            "one more term a row. A bar is what a term adds, the line at its end the 95 % interval "
            "of that, chip by chip."
        ),
        source=source_line(contents, study, waterfall.measured),
        spec=_spec(bars, terms, variants, metric),
        table=waterfall_table(waterfall, metric, contents.link),
        height=90 + _BAR_PIXELS * len(terms) * (len(variants) + 1),
    )


def _bars(contents: Contents, waterfall: Waterfall, variant: str) -> list[dict[str, Any]]:
    bars = []
    for term, step in zip(waterfall.terms, waterfall.steps[variant], strict=True):
        if step is not None and step.added is not None:
            end = step.loss.centre
            room = step.added.half_width or 0.0
            bars.append(
                {
                    "term": words.one_line(term),
                    "weights": words.variant_label(variant),
                    "from": end - step.added.centre,
                    "to": end,
                    "low": end - room,
                    "high": end + room,
                    "href": contents.link(step.result),
                }
            )
    return bars


def _spec(
    bars: list[dict[str, Any]], terms: list[str], variants: list[str], metric: Metric
) -> Spec:
    labels = list(map(words.variant_label, variants))
    bare = {"labelLimit": 210, "ticks": False, "domain": False}
    y = axis("term", kind="nominal", sort=terms, axis=bare)
    x = axis("from", words.loss_label(metric))
    offset = {"field": "weights", "type": "nominal", "sort": labels}
    color, href = by_weights(labels), {"field": "href"}
    rule = {"type": "rule", "strokeWidth": 1.5, "color": colour("ink")}
    return {
        "layer": [
            layer(
                bars,
                # Of a term that adds nothing a line is left.
                {"type": "bar", "opacity": 0.75, "minBandSize": 1, "strokeWidth": 1},
                **{"y": y, "x": x, "x2": {"field": "to"}, "yOffset": offset, "color": color},
                href=href,
                stroke=color,
            ),
            layer(
                bars,
                rule,
                **{"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
                yOffset=offset,
            ),
        ]
    }


def _message(waterfall: Waterfall, variants: list[str], metric: Metric) -> str:
    parts = []
    for variant in variants:
        known = [
            (step.added.centre, term)
            for term, step in zip(waterfall.terms, waterfall.steps[variant], strict=True)
            if step is not None and step.added is not None
        ]
        if known:
            most, term = max(known)
            share = words.amount_of(words.loss_amount(most, metric), metric)
            parts.append(f"{share} with {words.with_weights(variant)} ({words.one_line(term)})")
    return f"The term that costs most takes {', '.join(parts)}."
