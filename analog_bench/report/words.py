"""How numbers and names are spelt: amounts, times, metrics, noises, layers, verdicts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from analog_bench.records import Metric, Result
from analog_bench.report.noise_names import noise_family as noise_family
from analog_bench.report.noise_names import noise_label as noise_label
from analog_bench.report.noise_names import short_noises as short_noises
from analog_bench.report.variant_order import WEIGHTS as WEIGHTS
from analog_bench.report.variant_order import variant_label as variant_label
from analog_bench.report.variant_order import weights_among as weights_among
from analog_bench.report.variant_order import weights_order as weights_order
from analog_bench.report.variant_order import with_weights as with_weights
from analog_bench.simulators.registry import DEFAULT_TILE, NO_TILE, label_of
from analog_bench.spelling import MINUS as MINUS
from analog_bench.spelling import counted as counted
from analog_bench.spelling import decimals_of, rounded
from analog_bench.spelling import one_line as one_line
from analog_bench.zoo.model_specs import EMBEDDED

if TYPE_CHECKING:  # they import scipy, and `--help` does without
    from analog_bench.gate.case_verdicts import Kind, Verdict

ABSENT = "–"
SIGNS: Mapping[Kind, str] = {
    "regressed": "▼",
    "broken": "✕",
    "improved": "▲",
    "equivalent": "=",
    "inconclusive": "?",
    "new": "+",
    "stale": "≠",
    "skipped": ABSENT,
}
"""Verdicts in order of concern, with their signs: colour alone does not reach every reader."""

_TIMES = ((31_536_000.0, "y"), (86_400.0, "d"), (3600.0, "h"), (60.0, "min"))
_NUMBERED_BLOCK = re.compile(r"(?P<prefix>(?:[^.\d][^.]*\.)+)(?=\d+\.)")


def metric_label(metric: Metric) -> str:
    """Return the metric's name as it heads a column: `F1`, `cross-entropy`, `bits/byte`."""
    return metric.label


def unit_label(metric: Metric) -> str:
    """Return a metric with its unit, for an axis: `F1 (points)`."""
    return f"{metric_label(metric)} ({metric.unit})".removesuffix(" ()")


def loss_noun(metric: Metric) -> str:
    """Return what a loss is called: a `drop` of F1, a `rise` of cross-entropy."""
    return "drop" if metric.higher_is_better else "rise"


def loss_label(metric: Metric) -> str:
    """Return the heading of losses: `drop of F1 (points)`, `rise of cross-entropy (nats)`."""
    return f"{loss_noun(metric)} of {unit_label(metric)}"


def margin_label(metric: Metric) -> str:
    """Return the metric's margin with its unit, where it has one: `1 point`, `0.02 nats`, `3`."""
    unit = metric.unit.removesuffix("s") if metric.margin == 1 else metric.unit
    return f"{metric.margin:g} {unit}".rstrip()


def change_verb(metric: Metric, number: int = 1) -> str:
    """Return the verb for what is worse than digital: a layer loses F1, two layers add nats."""
    verb = "lose" if metric.higher_is_better else "add"
    return verb if number != 1 else f"{verb}s"


def amount(value: float, metric: Metric, extra: int = 0) -> str:
    """Spell a score or a change with the decimals that its metric's margin makes meaningful.

    One where the margin is 1 point, three where it is 0.02 nats, and `extra` more; never `−0.0`.
    """
    return rounded(value, decimals_of(metric.margin) + extra)


def changed_by(loss: float, metric: Metric) -> str:
    """Say what something costs: `loses 12.3 points of F1`, `adds 0.210 nats of cross-entropy`.

    Or what it spares: `gains` and `saves`.
    """
    gains = "gains" if metric.higher_is_better else "saves"
    verb = gains if loss_amount(loss, metric).startswith(MINUS) else change_verb(metric)
    return f"{verb} {amount_of(loss_amount(abs(loss), metric), metric)}"


def amount_of(number: str, metric: Metric) -> str:
    """Return an amount with what it is an amount of: `12.3 points of F1`."""
    return f"{number} {metric.unit} of {metric_label(metric)}".replace("  ", " ")


def loss_amount(loss: float | None, metric: Metric, extra: int = 0) -> str:
    """Spell a loss as every table, plot and caption does: `12.3`, and `−0.4` for a gain.

    It is called a drop or a rise, so it is positive where the model is worse than digital, whatever
    the metric's direction. Empty for None.
    """
    return "" if loss is None else amount(loss, metric, extra)


def detectable_text(verdict: Verdict, metric: Metric) -> str:
    """Spell the smallest loss that would have been suspected; empty where it is not known."""
    return "" if verdict.detectable is None else amount(verdict.detectable, metric)


def chips_compared(verdict: Verdict) -> str:
    """Return which chips a verdict rests on: `initial chips, paired`."""
    chips = "confirmation" if verdict.looks > 1 else "initial"
    return f"{chips} chips, {'paired' if verdict.paired else 'unpaired'}"


def scores_text(scores: Mapping[str, float], metrics: Iterable[Metric]) -> str:
    """Spell scores of several metrics: `F1 71.2, EM 60.5`."""
    return ", ".join(
        f"{metric_label(metric)} {amount(scores[metric.name], metric)}"
        for metric in metrics
        if metric.name in scores
    )


def correlation_text(value: float) -> str:
    """Spell a correlation with its sign and two decimals: `+0.61`; never `−0.00`."""
    spelt = f"{abs(value):.2f}"
    return spelt if float(spelt) == 0 else f"{MINUS if value < 0 else '+'}{spelt}"


def concordance_text(value: float) -> str:
    """Spell Kendall's W, never as 1 where chips differ."""
    return "above 0.99" if 0.995 <= value < 1.0 - 1e-9 else f"{value:.2f}"


def percent(share: float) -> str:
    """Spell a share in percent, never as 100 where something is missing."""
    return f"{math.floor(1000 * share) / 10:g} %"


def p_text(p: float) -> str:
    """Spell a p-value: `p = 0.012`, `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def significant(value: float, digits: int = 3) -> str:
    """Spell a number with so many significant digits, zeros at its end included: `0.0500`."""
    spelt = f"{abs(value):#.{digits}g}".removesuffix(".")
    return f"{MINUS}{spelt}" if value < 0 else spelt


def reach_text(reach: float | None) -> str:
    """Spell how many standard deviations the largest weight is away: `6.1`; empty for None."""
    return "" if reach is None else f"{reach:.1f}"


def time_label(seconds: float) -> str:
    """Return a drift time in its natural unit: `0 s`, `1 h`, `30 d`, `10 y`."""
    for unit, name in _TIMES:
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:g} {name}"
    return f"{seconds:g} s"


def date_text(moment: str) -> str:
    """Return an ISO 8601 time to the minute: `2026-11-24 02:00`."""
    return one_line(moment[:16].replace("T", " "))


def commit_label(commit: str | None) -> str:
    """Return a commit with nine digits, and whether files were changed; empty for None."""
    digits, dash, changed = (commit or "").partition("-")
    return one_line(digits[:9] + dash + changed)


def kinds_counted(counts: Mapping[Kind, int]) -> str:
    """Spell how often each verdict was given, in order of concern: `1 regressed, 9 new`."""
    return ", ".join(f"{counts[kind]} {kind}" for kind in SIGNS if counts.get(kind))


def range_counted(counts: Collection[int], noun: str) -> str:
    """Spell counts from the least to the most: `3 chips`, `5 to 10 chips`; empty for none."""
    if not counts:
        return ""
    few, many = min(counts), max(counts)
    return counted(many, noun) if few == many else f"{few} to {counted(many, noun)}"


def capitalised(text: str) -> str:
    """Return a text with a capital at its beginning, all else as it is."""
    return text[:1].upper() + text[1:]


def visible(text: str) -> str:
    r"""Escape every character that would not be seen, or would steer a terminal, but line breaks.

    `\x1b` then stands for an escape, `\u202e` for a change of direction.
    """
    return "".join(
        c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def model_label(model: str) -> str:
    """Name a model; an embedded one with what it is: `bert (MiniLM-L6)`, never `bert` alone."""
    name = one_line(model)
    return f"{name} ({EMBEDDED[name]})" if name in EMBEDDED else name


def short_layers(names: Collection[str]) -> dict[str, str]:
    """Shorten names of layers in numbered blocks, unless two become equal: `…3.output`."""
    short = {name: _NUMBERED_BLOCK.sub("…", name, count=1) for name in names}
    return short if len(set(short.values())) == len(short) else {name: name for name in names}


def block_of(name: str) -> str | None:
    """Return the number of the block that a layer is in: `3`; None for a layer in none."""
    found = _NUMBERED_BLOCK.match(name)
    return None if found is None else name[found.end() :].partition(".")[0]


def group_label(name: str) -> str:
    """Name a group of layers: `whole model`, `all blocks`, or the layer itself."""
    return {"all": "whole model", "blocks": "all blocks"}.get(name, one_line(name))


def weights_label(result: Result) -> str:
    """Return the name of a result's weights, as readers know it."""
    return variant_label(result.variant)


def what_varies(results: Sequence[Result]) -> dict[str, Callable[[Result], str]]:
    """Return heading and spelling of what, layers aside, is not the same in all results."""
    noises = short_noises(result.noise for result in results)
    spellings: dict[str, Callable[[Result], str]] = {
        "noise": lambda result: noise_label(noises[result.noise]),
        "time": lambda result: time_label(result.drift_s),
        "tile": lambda result: one_line(result.tile),
        "hardware": lambda result: one_line(result.hardware),
        "weights": lambda result: one_line(result.variant),
    }
    return {head: of for head, of in spellings.items() if len({of(r) for r in results}) > 1}


# The torch tile, ideal hardware, no drift and digital weights go without saying.
_TRAITS: dict[str, Callable[[Result], str]] = {
    "time": lambda result: time_label(result.drift_s) if result.drift_s else "",
    "tile": lambda result: "" if result.tile in (NO_TILE, DEFAULT_TILE) else label_of(result.tile),
    "hardware": lambda result: "" if result.hardware == "ideal" else one_line(result.hardware),
    "weights": lambda r: "" if r.variant == "direct" else with_weights(r.variant),
}


def condition_label(result: Result, leaving_out: Collection[str] = ()) -> str:
    """Name everything about a result but its layers: `pcm · 1 d · C++ tile · HWA weights`."""
    known = {"noise": lambda result: noise_label(result.noise), **_TRAITS}
    return " · ".join(
        filter(None, (spell(result) for name, spell in known.items() if name not in leaving_out))
    )


def shared_condition(results: Sequence[Result]) -> str:
    """Name what all results have in common, as `condition_label` does; empty for nothing."""
    traits: list[Callable[[Result], str]] = [lambda result: noise_label(result.noise)]
    traits += _TRAITS.values()
    shared = [spell(results[0]) for spell in traits if len({*map(spell, results)}) == 1]
    return " · ".join(filter(None, shared))


def names_among(
    results: Sequence[Result], *, layers: bool = True, leaving_out: Collection[str] = ()
) -> Callable[[Result], str]:
    """Return how to name a result among others: by its layers, and by what varies among them."""
    groups = short_layers(sorted({result.group for result in results}))
    noises = short_noises(result.noise for result in results)
    traits: list[Callable[[Result], str]] = [lambda result: noise_label(noises[result.noise])]
    traits += [spell for name, spell in _TRAITS.items() if name not in leaving_out]
    varying = [spell for spell in traits if len({spell(result) for result in results}) > 1]

    def name(result: Result) -> str:
        group = group_label(groups[result.group]) if layers else ""
        parts = [group, *(spell(result) for spell in varying)]
        return " · ".join(filter(None, parts)) or group_label(result.group)

    return name
