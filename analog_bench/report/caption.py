"""The sentences below a study's table: what was done, and what stands out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from analog_bench.gate.ranking import RankCorrelation
from analog_bench.records import SEVERAL, Metric, Result
from analog_bench.report.glyphs import Glyphs
from analog_bench.report.labels import (
    amount,
    margin_label,
    metric_label,
    noise_label,
    one_line,
    spelt_time,
    what_varies,
)
from analog_bench.report.numerals import percent, signed
from analog_bench.report.profile import (
    ConditionRanking,
    Row,
    rankings,
    spread_correlation,
    worst,
)
from analog_bench.report.wording import WEIGHTS

_NAMED_AT_MOST = 3


def caption(rows: Sequence[Row], metrics: Sequence[Metric], data: str, glyph: Glyphs) -> Text:
    """Return the sentences below a table, one a paragraph.

    Args:
        rows: The table's rows, at least one.
        metrics: Its metrics, the main one first.
        data: The examples and their number, in words; empty where that is not known.
        glyph: The signs to draw with.

    Returns:
        What was done; how much of the model was on tiles, where a row has several layers; the worst
        layers; how sure their order is; how the drop goes with the spread of the weights.
    """
    said = Text("\n")
    said.append(_what_was_done(rows, metrics, data, glyph))
    said.append("\n")
    covered = _what_was_covered(rows)
    if covered:
        said.append(f"{covered}\n")
    said.append_text(_what_was_worst(rows, metrics[0], glyph))
    # Of single layers alone: a group of them is no layer that could lose more than another.
    single = [row for row in rows if not _several(row)]
    for found in rankings(single, metrics[0]):
        said.append(f"\n{_order(found, rows, metrics[0])}")
    correlation = _correlation(single, metrics[0], glyph)
    if correlation:
        said.append(f"\n{correlation}")
    return said


def _what_was_done(rows: Sequence[Row], metrics: Sequence[Metric], data: str, glyph: Glyphs) -> str:
    results = [row.result for row in rows]
    measured = [result for result in results if result.chips]
    parts = [_listed({noise_label(result.noise) for result in results}, "noises")]
    times = [spelt_time(t) for t in sorted({result.drift_s for result in results})]
    if times != ["0 s"]:
        spelt = f"{len(times)} times from {times[0]} to {times[-1]}"
        parts.append(f"{spelt if len(times) > 3 else ', '.join(times)} after programming")
    tiles = sorted({result.tile for result in results} - {"none"})
    if tiles:
        parts.append(f"{' and '.join(tiles)} tile")
    chips = _counted({len(result.initial_chips) for result in measured}, "chip")
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


def _what_was_covered(rows: Sequence[Row]) -> str:
    """Say what share of the model sat on tiles in each group of several layers."""
    shares: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        facts = row.result.facts
        if facts and _several(row) and row.result.tile != "none" and row.result.chips:
            share = (facts.coverage_weights, facts.coverage_macs)
            shares.setdefault(one_line(row.result.group), []).append(share)
    if not shares:
        return ""
    groups = (
        f"{group} {percent(min(found)[0])} and {percent(min(found)[1])}"
        for group, found in shares.items()
    )
    return (
        "On tiles, of the weights of all matrix multiplications and of their multiply-accumulates: "
        f"{'; '.join(groups)}."
    )


def _several(row: Row) -> bool:
    return row.result.facts is not None and row.result.facts.kind == SEVERAL


def of_a_star(metric: Metric, glyph: Glyphs) -> str:
    """Say what A* is."""
    label = metric_label(metric)
    return (
        f"A*: ({label} {glyph.minus} guessing) / (digital {glyph.minus} guessing), 1 is as good as "
        "digital, 0 as good as guessing."
    )


def of_change(metric: Metric) -> str:
    """Say what the columns about the baseline hold."""
    return (
        f"change: against the baseline, where {margin_label(metric)} of {metric_label(metric)} "
        "matters; detects: the smallest true loss that would have been suspected four times in "
        "five."
    )


def _what_was_worst(rows: Sequence[Row], metric: Metric, glyph: Glyphs) -> Text:
    label = metric_label(metric)
    lost = worst(rows, metric)
    margin = margin_label(metric)
    if not lost:
        direction = "loses" if metric.higher_is_better else "adds"
        none = "No row" if all(map(_several, rows)) else "No layer"
        return Text(f"{none} {direction} more than the margin of {margin} of {label}.")
    sign = glyph.minus if metric.higher_is_better else "+"
    names = [
        f"{_named(row.result, rows)} {sign}{amount(row.drops[metric.name], metric)}" for row in lost
    ]
    drops = [row.drops[metric.name] for row in rows if metric.name in row.drops]
    exceeding = sum(drop > metric.margin for drop in drops)
    verb = "lose" if metric.higher_is_better else "add"
    said = Text()
    said.append(f"{glyph.worst} Worst in {label}: ", style="bold red")
    said.append(", ".join(names), style="bold")
    said.append(f"; {exceeding} of {len(drops)} rows {verb} more than the margin of {margin}.")
    return said


def _named(result: Result, rows: Sequence[Row]) -> str:
    """Name a row by its layers, and by whatever else varies."""
    details = _details(result, rows)
    return f"{one_line(result.group)} ({details})" if details else one_line(result.group)


def _details(result: Result, rows: Sequence[Row]) -> str:
    varying = what_varies([row.result for row in rows])
    return ", ".join(spelt(result) for spelt in varying.values())


def _order(found: ConditionRanking, rows: Sequence[Row], metric: Metric) -> str:
    ranking, details = found.ranking, _details(found.result, rows)
    first = ranking.layers[0]
    low, high = first.interval or (first.rank, first.rank)
    agreement = _concordance(ranking.concordance or 0.0)
    where = f" ({details})" if details else ""
    return (
        f"Ranking of {len(ranking.layers)} layers over {ranking.chips} chips{where}: "
        f"{one_line(first.layer)} {'loses' if metric.higher_is_better else 'adds'} most "
        f"(95 % interval of its rank: {low:g} to {high:g}); "
        f"Kendall's W {agreement} (1: every chip gives the same order)."
    )


def _concordance(found: float) -> str:
    """Spell Kendall's W, never as 1 where chips differ."""
    spelt = f"{found:.2f}"
    return "above 0.99" if spelt == "1.00" and found < 1.0 - 1e-9 else spelt


def _correlation(rows: Sequence[Row], metric: Metric, glyph: Glyphs) -> str:
    found = spread_correlation(rows, metric)
    if found is None:
        return ""
    parts = [
        f"{_with_interval(value, glyph)} with {what}"
        for value, what in (
            (found.with_std, "their standard deviation (w std)"),
            (found.with_relative, "their largest over it (max/std)"),
        )
        if value is not None
    ]
    if not parts:
        return ""
    # Other weights spread otherwise: it is said of which where that is not plain.
    several = len({row.result.variant for row in rows}) > 1 or found.variant != "direct"
    weights = f" with {WEIGHTS.get(found.variant, one_line(found.variant))} weights"
    return (
        f"Spearman correlation of the drop with the spread of the weights: {', '.join(parts)} "
        f"({found.layers} layers{weights if several else ''}; in brackets the 95 % interval)."
    )


def _with_interval(found: RankCorrelation, glyph: Glyphs) -> str:
    rho = signed(found.rho, glyph)
    if found.interval is None:
        return rho
    low, high = found.interval
    return f"{rho} ({signed(low, glyph)} to {signed(high, glyph)})"


def _listed(names: Iterable[str], noun: str) -> str:
    known = [one_line(name) for name in (sorted(names) if isinstance(names, set) else names)]
    return ", ".join(known) if len(known) <= _NAMED_AT_MOST else f"{len(known)} {noun}"


def _counted(counts: set[int], noun: str) -> str:
    if not counts:
        return ""
    few, many = min(counts), max(counts)
    number = f"{few}" if few == many else f"{few} to {many}"
    return f"{number} {noun}" if many == 1 else f"{number} {noun}s"
