"""Loss and the weights of single layers: against their spread, and how they are distributed."""

from __future__ import annotations

from collections.abc import Sequence

from analog_bench.gate.layer_ranking import RankCorrelation, spearman_with_interval
from analog_bench.gate.significance import CONFIDENCE
from analog_bench.layer_facts_record import Histogram
from analog_bench.records import Metric
from analog_bench.report import words
from analog_bench.report.layer_losses import LayerLoss, layer_losses
from analog_bench.report.measured_on import source_line
from analog_bench.report.plots.chart import (
    axis,
    by_kind,
    colour,
    layer,
    log_ticks,
    marks_at,
    points,
)
from analog_bench.report.plots.figure import Figure, file_name
from analog_bench.report.report_contents import Contents, Judged
from analog_bench.report.table import Cell, Column, linked, number, tabulate

_EACH = 3
_HEIGHT = 190


def spread_plots(contents: Contents, model: str) -> tuple[Figure, ...]:
    """Return loss against the weights' standard deviation, and how far the largest reaches beyond.

    None with fewer than four layers.
    """
    study, layers = _layers(contents.of_model(model))
    stds = [layer.facts.weight_std for layer in layers]
    reaches = [layer.reach for layer in layers]
    reach = "largest weight (in standard deviations)"
    return tuple(
        _spread_plot(contents, study, layers, values, *names)
        for values, names in (
            (stds, ("spread", "wider weights", "standard deviation of the weights")),
            (reaches, ("reach", "larger outliers", reach)),
        )
        if layers and spearman_with_interval(values, [one.loss for one in layers]) is not None
    )


def distribution_plots(contents: Contents, model: str) -> tuple[Figure, ...]:
    """Return the weights of the three most and the three least vulnerable layers.

    All are drawn on one scale, in standard deviations of the layer's own weights: what differs is
    how far the tails reach. The most vulnerable come first; there are none where no histograms are
    known, as in old results files, or too few layers.
    """
    study, layers = _layers(contents.of_model(model))
    known = [(one, one.facts.histogram) for one in layers if one.facts.histogram is not None]
    if len(known) < 2 * _EACH:
        return ()
    shown = [(*one, "most") for one in known[:_EACH]]
    shown += [(*one, "least") for one in reversed(known[-_EACH:])]
    ends = [
        end / one.facts.weight_std
        for one, histogram, _ in shown
        for end in (histogram.low, histogram.high)
    ]
    domain = min(*ends, -4.0), max(*ends, 4.0)
    return tuple(
        _distribution_plot(contents, study, n, *one, domain) for n, one in enumerate(shown, start=1)
    )


def _layers(studies: Sequence[Judged]) -> tuple[Judged, list[LayerLoss]]:
    """Return the layers of the study that has most by themselves, the worst first."""
    losses = [
        (study, [] if study.writes or study.guesses else layer_losses(study.measured, study.main))
        for study in studies
    ]
    return max(losses, key=lambda pair: len(pair[1]))


def _spread_plot(
    contents: Contents,
    study: Judged,
    layers: Sequence[LayerLoss],
    spreads: Sequence[float],
    name: str,
    trait: str,
    title: str,
) -> Figure:
    metric = study.main
    values = [
        {
            "x": spread,
            "loss": one.loss,
            "kind": one.facts.kind,
            "name": words.one_line(one.layer),
            "href": contents.link(one.result),
        }
        for one, spread in zip(layers, spreads, strict=True)
    ]
    scale = {"type": "log", "nice": False, "padding": 10}
    ticks = log_ticks(min(spreads), max(spreads))
    x = axis("x", title, scale=scale, axis=marks_at(ticks, format="~g", grid=False))
    y = axis("loss", words.loss_label(metric))
    href, description = {"field": "href"}, {"field": "name"}
    correlation = spearman_with_interval(spreads, [one.loss for one in layers])

    def to_raw(one: LayerLoss, text: str) -> Cell:
        return linked(text, contents.link(one.result))

    return Figure(
        name=file_name(layers[0].result.model, name),
        message=_message(correlation, trait, metric),
        note=_note(correlation, layers),
        source=source_line(contents, study, [one.result for one in layers]),
        spec=layer(
            values, points(50, 0.85), x=x, y=y, **by_kind(), href=href, description=description
        ),
        table=tabulate(
            zip(layers, spreads, strict=True),
            [
                (Column("layer"), lambda pair: words.one_line(pair[0].layer)),
                (Column("kind"), lambda pair: pair[0].facts.kind),
                number(title, lambda pair: to_raw(pair[0], words.significant(pair[1]))),
                number(
                    words.loss_label(metric),
                    lambda pair: to_raw(pair[0], words.loss_amount(pair[0].loss, metric)),
                ),
            ],
        ),
    )


def _message(correlation: RankCorrelation | None, trait: str, metric: Metric) -> str:
    verb = words.change_verb(metric, 2)
    if correlation is None or not _significant(correlation):
        return f"Whether layers with {trait} {verb} more cannot be told."
    return f"Layers with {trait} {verb} {'more' if correlation.rho > 0 else 'less'}."


def _significant(correlation: RankCorrelation) -> bool:
    """Whether there is an association: a perfect one has no interval, and few layers hit it."""
    if correlation.interval is None:
        return correlation.p <= 1.0 - CONFIDENCE
    low, high = correlation.interval
    return not low <= 0 <= high


def _note(correlation: RankCorrelation | None, layers: Sequence[LayerLoss]) -> str:
    if correlation is None:
        return ""
    spelt = f"Spearman correlation {words.correlation_text(correlation.rho)}, "
    if correlation.interval is not None:
        low, high = map(words.correlation_text, correlation.interval)
        spelt += f"95 % interval {low} to {high}"
    else:
        spelt += words.p_text(correlation.p)
    weights = words.weights_label(layers[0].result)
    return f"{spelt}, {len(layers)} layers with {weights} weights."


def _distribution_plot(
    contents: Contents,
    study: Judged,
    place: int,
    one: LayerLoss,
    histogram: Histogram,
    rank: str,
    domain: tuple[float, float],
) -> Figure:
    metric = study.main
    std, total = one.facts.weight_std, max(1, sum(histogram.counts))
    width = (histogram.high - histogram.low) / max(1, len(histogram.counts))
    bins = [
        (histogram.low + n * width, histogram.low + (n + 1) * width, count)
        for n, count in enumerate(histogram.counts)
        if count
    ]
    # A single weight has a bar, too: it starts below.
    floor = 100.0 / total / 2
    values = [
        {"from": low / std, "to": high / std, "share": 100.0 * count / total, "floor": floor}
        for low, high, count in bins
    ]
    scale, ticks = {"domain": domain, "nice": True}, {"tickCount": 6, "grid": False}
    x = axis("from", "weight (in standard deviations of the layer)", scale=scale, axis=ticks)
    log = {"type": "log", "domain": [floor, 100], "nice": False}
    powers = {"values": [1e-5, 1e-3, 0.1, 10], "format": "~g"}
    y = axis("share", "weights (%)", scale=log, axis=powers)
    bars = {"type": "bar", "color": colour("worst" if rank == "most" else "best"), "stroke": None}
    return Figure(
        name=file_name(one.result.model, "weights", f"{place}", one.layer),
        message=f"{words.one_line(one.layer)} {words.changed_by(one.loss, metric)}",
        note=(
            f"Among the {rank} vulnerable. {one.facts.weights:,} weights, standard deviation "
            f"{words.significant(std)}, the largest reaches {words.reach_text(one.reach)} of them."
        ),
        source=source_line(contents, study, [one.result]),
        spec=layer(values, bars, x=x, x2={"field": "to"}, y=y, y2={"field": "floor"}),
        table=tabulate(
            bins,
            [
                number("from", lambda edges: f"{edges[0]:.4g}"),
                number("to", lambda edges: f"{edges[1]:.4g}"),
                number("weights", lambda edges: str(edges[2])),
            ],
        ),
        height=_HEIGHT,
        href=contents.link(one.result),
    )
