"""How names and numbers are spelt for a reader."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence

from analog_bench.gate.interval import Interval
from analog_bench.gate.verdict import Verdict
from analog_bench.records import Metric, Result
from analog_bench.report.glyphs import Glyphs

_METRICS = {
    "f1": "F1",
    "em": "EM",
    "cross_entropy": "cross-entropy",
    "perplexity": "perplexity",
    "bits_per_byte": "bits/byte",
}
_UNITS = ((31_536_000.0, "y"), (86_400.0, "d"), (3600.0, "h"), (60.0, "min"))
_NUMBERED = re.compile(r"(?P<prefix>(?:[^.\d][^.]*\.)+)(?=\d+\.)")


def metric_label(metric: Metric) -> str:
    """Return the metric's name as it heads a column: `F1`, `cross-entropy`, `bits/byte`."""
    return _METRICS.get(metric.name, metric.name.replace("_", " "))


def amount(value: float, metric: Metric, extra: int = 0) -> str:
    """Spell a score or a change with the digits that its margin makes meaningful.

    Args:
        value: In the metric's unit.
        metric: Its margin decides: one decimal where it is 1 point, three where it is 0.02 nats.
        extra: Decimals more than that.

    Returns:
        The number; never `-0.0`.
    """
    decimals = 3 if metric.margin <= 0 else max(0, 1 - math.floor(math.log10(metric.margin)))
    decimals = min(decimals, 9) + extra
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def spelt_interval(
    interval: Interval, metric: Metric, glyph: Glyphs, *, signed: bool = False
) -> str:
    """Spell an estimate with half its interval, where it has one: `54.3 ±1.2`.

    Args:
        interval: In the metric's unit.
        metric: Decides the digits.
        glyph: The signs to draw with.
        signed: Write the sign of a change, `+0.3`, too.
    """
    centre = amount(interval.centre, metric)
    if signed and not centre.startswith("-"):
        centre = f"+{centre}"
    if interval.half_width is None:
        return centre
    return f"{centre} {glyph.plus_minus}{amount(interval.half_width, metric)}"


def spelt_change(verdict: Verdict, metric: Metric, glyph: Glyphs) -> str:
    """Spell what a verdict rests on: `-1.2 ±0.3`; empty where nothing was compared."""
    if verdict.change is None:
        return ""
    low, high = verdict.interval or (None, None)
    half_width = None if low is None or high is None else (high - low) / 2
    return spelt_interval(Interval(verdict.change, half_width), metric, glyph, signed=True)


def spelt_detectable(verdict: Verdict, metric: Metric) -> str:
    """Spell the smallest loss that would have been suspected; empty where it cannot be told."""
    return "" if verdict.detectable is None else amount(verdict.detectable, metric)


def share_label(share: float) -> str:
    """Spell a score without a unit, such as A*, with two decimals; never `-0.00`."""
    return f"{round(share, 2) + 0.0:.2f}"


def margin_label(metric: Metric) -> str:
    """Return the metric's margin with its unit, where it has one: `1 point`, `0.02 nats`, `3`."""
    unit = metric.unit.removesuffix("s") if metric.margin == 1 else metric.unit
    return f"{metric.margin:g} {unit}".rstrip()


def spelt_time(seconds: float) -> str:
    """Return a drift time in its natural unit: `0 s`, `1 h`, `30 d`, `10 y`."""
    for unit, name in _UNITS:
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:g} {name}"
    return f"{seconds:g} s"


def noise_label(spelling: str) -> str:
    """Name a noise on one line; a preset goes by its own name."""
    return one_line(spelling).removeprefix("preset:name=")


def short_noises(noises: Iterable[str]) -> dict[str, str]:
    """Leave out of each noise's spelling the parameters that never vary.

    Args:
        noises: Spellings such as `white_output:std=1`.

    Returns:
        Spelling to short spelling; different noises stay different.
    """
    known = sorted(set(noises))
    parts = {noise: noise.partition(":")[2].split(",") for noise in known}
    short = {}
    for noise in known:
        family = noise.partition(":")[0]
        others = [set(parts[n]) for n in known if n.partition(":")[0] == family]
        always = set.intersection(*others)
        # A preset is its name, also where there is no other to tell it from.
        varying = ",".join(
            part for part in parts[noise] if part not in always or noise.startswith("preset:")
        )
        short[noise] = f"{family}:{varying}" if varying else family
    return short


def what_varies(results: Sequence[Result]) -> dict[str, Callable[[Result], str]]:
    """Say in what, other than their layers, results differ.

    Args:
        results: The results of a table.

    Returns:
        What heads a column (`noise`, `time`, `tile`, `hardware`, `weights`) to how a result spells
        it, in this order; only for what is not the same in all of them.
    """
    noises = short_noises(result.noise for result in results)
    spellings: dict[str, Callable[[Result], str]] = {
        "noise": lambda result: noise_label(noises[result.noise]),
        "time": lambda result: spelt_time(result.drift_s),
        "tile": lambda result: one_line(result.tile),
        "hardware": lambda result: one_line(result.hardware),
        "weights": lambda result: one_line(result.variant),
    }
    return {
        header: spelt for header, spelt in spellings.items() if len({spelt(r) for r in results}) > 1
    }


def short_layers(names: Sequence[str], ellipsis: str) -> dict[str, str]:
    """Shorten the names of layers in numbered blocks: `encoder.layer.3.output` to `…3.output`.

    Args:
        names: Names of layers or groups.
        ellipsis: What stands for the part left out.

    Returns:
        Name to short name; names stay as they are where shortening would make two equal.
    """
    short = {name: _NUMBERED.sub(ellipsis, name, count=1) for name in names}
    return short if len(set(short.values())) == len(short) else {name: name for name in names}


def one_line(text: str) -> str:
    """Return the text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
