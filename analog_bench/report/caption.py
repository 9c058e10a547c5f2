"""The sentences below a study's table: what was done, and what stands out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from analog_bench.report.glyphs import Glyphs
from analog_bench.report.labels import (
    amount,
    margin_label,
    metric_label,
    one_line,
    short_noises,
    spelt_time,
)
from analog_bench.report.profile import Row, spread_correlation, worst
from analog_bench.result import Metric

_NAMED_AT_MOST = 3


def caption(rows: Sequence[Row], metrics: Sequence[Metric], data: str, glyph: Glyphs) -> Text:
    """Return the sentences below a table, one a paragraph.

    Args:
        rows: The table's rows, at least one.
        metrics: Its metrics, the main one first.
        data: The examples and their number, in words; empty where that is not known.
        glyph: The signs to draw with.

    Returns:
        What was done; the worst layers; how the drop goes with the spread of the weights.
    """
    said = Text("\n")
    said.append(_what_was_done(rows, metrics, data, glyph))
    said.append("\n")
    said.append_text(_what_was_worst(rows, metrics[0], glyph))
    correlation = _correlation(rows, metrics[0], glyph)
    if correlation:
        said.append(f"\n{correlation}")
    return said


def _what_was_done(rows: Sequence[Row], metrics: Sequence[Metric], data: str, glyph: Glyphs) -> str:
    results = [row.result for row in rows]
    measured = [result for result in results if result.chips]
    parts = [_listed({result.noise for result in results}, "noises")]
    times = [spelt_time(t) for t in sorted({result.drift_s for result in results})]
    if times != ["0 s"]:
        spelt = f"{len(times)} times from {times[0]} to {times[-1]}"
        parts.append(f"{spelt if len(times) > 3 else ', '.join(times)} after programming")
    tiles = sorted({result.tile for result in results} - {"none"})
    if tiles:
        parts.append(f"{' and '.join(tiles)} tile")
    chips = _counted({len(result.chips) for result in measured}, "chip")
    examples = _counted(
        {len(scores) for r in measured for chip in r.chips for scores in chip.per_example.values()},
        "example",
    )
    parts += [part for part in (chips, one_line(data) or examples) if part]
    digital = next((result.digital for result in results if result.digital), {})
    scores = ", ".join(
        f"{metric_label(m)} {amount(digital[m.name], m, extra=1)}"
        for m in metrics
        if m.name in digital
    )
    models = _listed({result.model for result in results}, "models")
    sentence = f"Each row perturbs only what it names: {', '.join(parts)}. Model {models}"
    sentence += f", digital {scores}." if scores else "."
    if any(score.half_width is not None for row in rows for score in row.scores.values()):
        sentence += f" {glyph.plus_minus} is half the 95 % interval over chips."
    return sentence


def _what_was_worst(rows: Sequence[Row], metric: Metric, glyph: Glyphs) -> Text:
    label = metric_label(metric)
    lost = worst(rows, metric)
    margin = margin_label(metric)
    if not lost:
        direction = "loses" if metric.higher_is_better else "adds"
        return Text(f"No layer {direction} more than the margin of {margin} of {label}.")
    sign = glyph.minus if metric.higher_is_better else "+"
    names = [f"{_named(row, rows)} {sign}{amount(row.drops[metric.name], metric)}" for row in lost]
    drops = [row.drops[metric.name] for row in rows if metric.name in row.drops]
    exceeding = sum(drop > metric.margin for drop in drops)
    verb = "lose" if metric.higher_is_better else "add"
    said = Text()
    said.append(f"{glyph.worst} Worst in {label}: ", style="bold red")
    said.append(", ".join(names), style="bold")
    said.append(f"; {exceeding} of {len(drops)} rows {verb} more than the margin of {margin}.")
    return said


def _named(row: Row, rows: Sequence[Row]) -> str:
    """Name a row by its layers, and by its noise and time where those vary."""
    noises = short_noises(other.result.noise for other in rows)
    details = [noises[row.result.noise]] if len(noises) > 1 else []
    if len({other.result.drift_s for other in rows}) > 1:
        details.append(spelt_time(row.result.drift_s))
    return one_line(f"{row.result.group} ({', '.join(details)})" if details else row.result.group)


def _correlation(rows: Sequence[Row], metric: Metric, glyph: Glyphs) -> str:
    found = spread_correlation(rows, metric)
    if found is None:
        return ""
    parts = [
        f"{_signed(value, glyph)} with {what}"
        for value, what in (
            (found.with_std, "their standard deviation (w std)"),
            (found.with_relative, "their largest over it (max/std)"),
        )
        if value is not None
    ]
    if not parts:
        return ""
    return (
        f"Spearman correlation of the drop with the spread of the weights: {', '.join(parts)} "
        f"({found.layers} layers)."
    )


def _signed(value: float, glyph: Glyphs) -> str:
    spelt = f"{abs(value):.2f}"
    if float(spelt) == 0:
        return spelt
    return f"{glyph.minus if value < 0 else '+'}{spelt}"


def _listed(names: Iterable[str], noun: str) -> str:
    known = [one_line(name) for name in (sorted(names) if isinstance(names, set) else names)]
    return ", ".join(known) if len(known) <= _NAMED_AT_MOST else f"{len(known)} {noun}"


def _counted(counts: set[int], noun: str) -> str:
    if not counts:
        return ""
    few, many = min(counts), max(counts)
    number = f"{few}" if few == many else f"{few} to {many}"
    return f"{number} {noun}" if many == 1 else f"{number} {noun}s"
