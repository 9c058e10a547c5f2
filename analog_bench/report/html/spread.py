"""Loss against the spread of a layer's weights: do layers with wider weights lose more?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analog_bench.gate.ranking import RankCorrelation, spearman_with_interval
from analog_bench.gate.significance import CONFIDENCE
from analog_bench.records import Metric
from analog_bench.report.contents import Contents
from analog_bench.report.html.cells import GLYPH, Cell, Sheet, number, spelt_loss
from analog_bench.report.html.depth_profile import kind_encoding
from analog_bench.report.html.figure import Figure, file_name
from analog_bench.report.html.theme import Colours
from analog_bench.report.html.vulnerability import layered, vulnerabilities
from analog_bench.report.labels import one_line
from analog_bench.report.numerals import signed
from analog_bench.report.profile import LayerLoss
from analog_bench.report.wording import change_verb, loss_label, weights_label


def spread_figures(contents: Contents, model: str) -> tuple[Figure, ...]:
    """Return loss against two measures of how weights are spread.

    Args:
        contents: The page's contents.
        model: The model.

    Returns:
        One plot for the standard deviation, one for how far the largest weight reaches beyond it;
        none with fewer than four layers.
    """
    found = layered(contents.of_model(model))
    if found is None:
        return ()
    study, metric = found
    layers = vulnerabilities(study)
    stds = [layer.facts.weight_std for layer in layers]
    reaches = [layer.reach for layer in layers]
    return tuple(
        _figure(contents, layers, values, metric, *words)
        for values, words in (
            (stds, ("spread", "wider weights", "standard deviation of the weights")),
            (
                reaches,
                ("reach", "larger outliers", "largest weight (in standard deviations)"),
            ),
        )
        if spearman_with_interval(values, [layer.loss for layer in layers]) is not None
    )


def _figure(
    contents: Contents,
    layers: Sequence[LayerLoss],
    spreads: Sequence[float],
    metric: Metric,
    name: str,
    trait: str,
    axis: str,
) -> Figure:
    found = spearman_with_interval(spreads, [layer.loss for layer in layers])
    values = [
        {
            "x": spread,
            "loss": layer.loss,
            "kind": layer.facts.kind,
            "name": one_line(layer.layer),
            "href": contents.link(layer.result),
        }
        for layer, spread in zip(layers, spreads, strict=True)
    ]

    def draw(colours: Colours) -> dict[str, Any]:
        return {
            "data": {"values": values},
            "mark": {"type": "point", "filled": True, "size": 50, "opacity": 0.85},
            "encoding": {
                "x": {
                    "field": "x",
                    "type": "quantitative",
                    "title": axis,
                    "scale": {"type": "log", "nice": False, "padding": 10},
                    "axis": {"tickCount": 5, "format": "~g", "grid": False},
                },
                "y": {"field": "loss", "type": "quantitative", "title": loss_label(metric)},
                **kind_encoding(colours),
                "href": {"field": "href"},
                "description": {"field": "name"},
            },
        }

    sheet = Sheet(
        ("layer", "kind", axis, loss_label(metric)),
        tuple(
            (
                Cell(one_line(layer.layer)),
                Cell(layer.facts.kind),
                number(f"{spread:#.3g}", contents.link(layer.result)),
                number(spelt_loss(layer.loss, metric), contents.link(layer.result)),
            )
            for layer, spread in zip(layers, spreads, strict=True)
        ),
    )
    return Figure(
        name=file_name(layers[0].result.model, name),
        message=_message(found, trait, metric),
        note=_note(found, layers),
        draw=draw,
        sheet=sheet,
    )


def _message(found: RankCorrelation | None, trait: str, metric: Metric) -> str:
    if found is None or not _shown(found):
        return f"Whether layers with {trait} {change_verb(metric, 2)} more cannot be told."
    direction = "more" if found.rho > 0 else "less"
    return f"Layers with {trait} {change_verb(metric, 2)} {direction}."


def _shown(found: RankCorrelation) -> bool:
    """Whether there is an association: a perfect one has no interval, and few layers hit it."""
    if found.interval is None:
        return found.p <= 1.0 - CONFIDENCE
    low, high = found.interval
    return not low <= 0 <= high


def _note(found: RankCorrelation | None, layers: Sequence[LayerLoss]) -> str:
    if found is None:
        return ""
    spelt = f"Spearman correlation {signed(found.rho, GLYPH)}"
    if found.interval is not None:
        low, high = found.interval
        spelt += f", 95 % interval {signed(low, GLYPH)} to {signed(high, GLYPH)}"
    else:
        spelt += f", p {'< 0.001' if found.p < 0.001 else f'= {found.p:.2g}'}"
    return f"{spelt}, {len(layers)} layers with {weights_label(layers[0].result)} weights."
