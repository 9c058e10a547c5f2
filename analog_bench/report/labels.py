"""How names and numbers are spelt for a reader."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from analog_bench.result import Metric

_METRICS = {"f1": "F1", "em": "EM", "cross_entropy": "cross-entropy", "perplexity": "perplexity"}
_UNITS = ((31_536_000.0, "y"), (86_400.0, "d"), (3600.0, "h"), (60.0, "min"))
_NUMBERED = re.compile(r"(?P<prefix>(?:[^.\d][^.]*\.)+)(?=\d+\.)")


def metric_label(metric: Metric) -> str:
    """Return the metric's name as it heads a column: `F1`, `EM`, `cross-entropy`."""
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


def margin_label(metric: Metric) -> str:
    """Return the metric's margin with its unit: `1 point`, `0.02 nats`."""
    unit = metric.unit.removesuffix("s") if metric.margin == 1 else metric.unit
    return f"{metric.margin:g} {unit}"


def spelt_time(seconds: float) -> str:
    """Return a drift time in its natural unit: `0 s`, `1 h`, `30 d`, `10 y`."""
    for unit, name in _UNITS:
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:g} {name}"
    return f"{seconds:g} s"


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
        varying = ",".join(part for part in parts[noise] if part not in always)
        short[noise] = f"{family}:{varying}" if varying else family
    return short


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
