"""How reports name cases and amounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from analog_bench.records import Metric, Result
from analog_bench.report.glyphs import glyphs
from analog_bench.report.labels import (
    metric_label,
    noise_label,
    one_line,
    short_layers,
    short_noises,
    spelt_time,
)
from analog_bench.simulators.registry import DEFAULT_TILE, NO_TILE, label_of

_GLYPH = glyphs(ascii_only=False)
WEIGHTS = {"direct": "direct", "hwa": "HWA"}


def unit_label(metric: Metric) -> str:
    """Return a metric with its unit, for an axis: `F1 (points)`."""
    label = metric_label(metric)
    return f"{label} ({metric.unit})" if metric.unit else label


def loss_label(metric: Metric) -> str:
    """Return what heads a loss: `drop of F1 (points)`, `rise of cross-entropy (nats)`."""
    return f"{'drop' if metric.higher_is_better else 'rise'} of {unit_label(metric)}"


def change_verb(metric: Metric, number: int = 1) -> str:
    """Return what a case does that is worse than digital: it loses F1, it adds nats."""
    verb = "lose" if metric.higher_is_better else "add"
    return verb if number != 1 else f"{verb}s"


def amount_of(spelt: str, metric: Metric) -> str:
    """Return an amount with what it is an amount of: `12.3 points of F1`."""
    return f"{spelt} {metric.unit} of {metric_label(metric)}".replace("  ", " ")


def weights_label(result: Result) -> str:
    """Return the name of a result's weights, as readers know it."""
    return WEIGHTS.get(result.variant, one_line(result.variant))


def names_within(results: Sequence[Result]) -> Callable[[Result], str]:
    """Return how to name a result among others: by its layers, and by whatever differs.

    Args:
        results: The results that it is to be told from.
    """
    groups = short_layers(sorted({result.group for result in results}), _GLYPH.ellipsis)
    details = details_within(results)

    def name(result: Result) -> str:
        group = group_label(groups[result.group])
        differs = details(result)
        return f"{group} {_GLYPH.dot} {differs}" if differs else group

    return name


def details_within(results: Sequence[Result]) -> Callable[[Result], str]:
    """Return how to tell a result from others, layers aside: by noise, time, tile, weights.

    Args:
        results: The results that it is to be told from.
    """
    noises = short_noises(result.noise for result in results)
    spellings: tuple[Callable[[Result], str], ...] = (
        lambda result: noise_label(noises[result.noise]),
        *_PARTICULARS,
    )
    varying = [spelt for spelt in spellings if len({spelt(result) for result in results}) > 1]

    def details(result: Result) -> str:
        return _joined(spelt(result) for spelt in varying)

    return details


def group_label(name: str) -> str:
    """Name a group of layers: `whole model`, `all blocks`, or the layer itself."""
    return {"all": "whole model", "blocks": "all blocks"}.get(name, one_line(name))


def condition_label(result: Result) -> str:
    """Name everything about a result but its layers: `pcm · 1 d · C++ tile · HWA weights`.

    The torch tile, ideal hardware, no drift and digital weights go without saying.
    """
    return _joined([noise_label(result.noise), *(spelt(result) for spelt in _PARTICULARS)])


def capitalised(text: str) -> str:
    """Return a text with a capital at its beginning, all else as it is."""
    return text[:1].upper() + text[1:]


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 chip`, `3 chips`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_PARTICULARS: tuple[Callable[[Result], str], ...] = (
    lambda result: spelt_time(result.drift_s) if result.drift_s else "",
    lambda result: "" if result.tile in (NO_TILE, DEFAULT_TILE) else label_of(result.tile),
    lambda result: "" if result.hardware == "ideal" else one_line(result.hardware),
    lambda result: "" if result.variant == "direct" else f"{weights_label(result)} weights",
)


def _joined(parts: Iterable[str]) -> str:
    return f" {_GLYPH.dot} ".join(filter(None, parts))
