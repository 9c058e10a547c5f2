"""How weights are spread in the layers that lose most, and in those that lose least."""

from __future__ import annotations

from typing import Any

from analog_bench.records import Histogram, Metric
from analog_bench.report.contents import Contents
from analog_bench.report.html.cells import Sheet, number, spelt_loss
from analog_bench.report.html.figure import Figure, file_name
from analog_bench.report.html.theme import Colours
from analog_bench.report.html.vulnerability import layered, vulnerabilities
from analog_bench.report.labels import one_line
from analog_bench.report.profile import LayerLoss
from analog_bench.report.wording import amount_of

_EACH = 3
_HEIGHT = 190


def distribution_figures(contents: Contents, model: str) -> tuple[Figure, ...]:
    """Return the weights of the three most and the three least vulnerable layers.

    All are drawn on one scale, in standard deviations of the layer's own weights: what differs is
    how far the tails reach.

    Args:
        contents: The page's contents.
        model: The model.

    Returns:
        The most vulnerable first; none where no histograms are known, as in old results files, or
        there are too few layers.
    """
    found = layered(contents.of_model(model))
    if found is None:
        return ()
    study, metric = found
    known = [
        (layer, layer.facts.histogram)
        for layer in vulnerabilities(study)
        if layer.facts.histogram is not None
    ]
    if len(known) < 2 * _EACH:
        return ()
    shown = [(*one, "worst") for one in known[:_EACH]]
    shown += [(*one, "best") for one in reversed(known[-_EACH:])]
    ends = [
        end / layer.facts.weight_std
        for layer, histogram, _ in shown
        for end in (histogram.low, histogram.high)
    ]
    domain = min(*ends, -4.0), max(*ends, 4.0)
    return tuple(
        _figure(contents, layer, histogram, side, place, metric, domain)
        for place, (layer, histogram, side) in enumerate(shown)
    )


def _figure(
    contents: Contents,
    layer: LayerLoss,
    histogram: Histogram,
    side: str,
    place: int,
    metric: Metric,
    domain: tuple[float, float],
) -> Figure:
    std, total = layer.facts.weight_std, max(1, sum(histogram.counts))
    width = (histogram.high - histogram.low) / max(1, len(histogram.counts))
    bins = [
        (histogram.low + n * width, histogram.low + (n + 1) * width, count)
        for n, count in enumerate(histogram.counts)
        if count
    ]
    values = [
        {"from": low / std, "to": high / std, "share": 100.0 * count / total}
        for low, high, count in bins
    ]
    least = 100.0 / total

    def draw(colours: Colours) -> dict[str, Any]:
        # A single weight has a bar, too: it starts below.
        floor = least / 2
        return {
            "data": {"values": [{**value, "floor": floor} for value in values]},
            "mark": {"type": "bar", "color": colours[side], "stroke": None},
            "encoding": {
                "x": {
                    "field": "from",
                    "type": "quantitative",
                    "title": "weight (in standard deviations of the layer)",
                    "scale": {"domain": domain, "nice": True},
                    "axis": {"tickCount": 6, "grid": False},
                },
                "x2": {"field": "to"},
                "y": {
                    "field": "share",
                    "type": "quantitative",
                    "title": "weights (%)",
                    "scale": {"type": "log", "domain": [floor, 100], "nice": False},
                    "axis": {"values": [1e-5, 1e-3, 0.1, 10], "format": "~g"},
                },
                "y2": {"field": "floor"},
            },
        }

    link = contents.link(layer.result)
    sheet = Sheet(
        ("from", "to", "weights"),
        tuple(
            (number(f"{low:.4g}"), number(f"{high:.4g}"), number(str(count)))
            for low, high, count in bins
        ),
    )
    rank = ("most", "least")[side == "best"]
    return Figure(
        name=file_name(layer.result.model, "weights", f"{place + 1}", layer.layer),
        message=(f"{one_line(layer.layer)}: {amount_of(spelt_loss(layer.loss, metric), metric)}"),
        note=(
            f"Among the {rank} vulnerable. {layer.facts.weights:,} weights, standard deviation "
            f"{std:#.3g}, the largest reaches {layer.reach:.1f} of them."
        ),
        draw=draw,
        sheet=sheet,
        height=_HEIGHT,
        href=link,
    )
