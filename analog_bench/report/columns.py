"""The columns of a study's table: their cells, and how much each matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from rich.console import JustifyMethod
from rich.text import Text

from analog_bench.gate.verdict import Kind, Verdict
from analog_bench.records import SEVERAL, Identity, Metric, Result
from analog_bench.report.glyphs import Glyphs
from analog_bench.report.labels import (
    amount,
    metric_label,
    one_line,
    share_label,
    spelt_change,
    spelt_detectable,
    spelt_interval,
    what_varies,
)
from analog_bench.report.layout import LAYER, Column, plain_column
from analog_bench.report.profile import Row, worst

A_STAR = "A*"
CHANGE = "change"
BAR_CELLS = 10
WORST_STYLE = "bold red"
VERDICT_STYLES: Mapping[Kind, str] = {
    "regressed": "bold red",
    "broken": "bold red",
    "improved": "bold green",
    "equivalent": "green",
    "inconclusive": "yellow",
    "new": "cyan",
    "stale": "magenta",
    "skipped": "dim",
}

# What a row shows in a column; empty where it has nothing to show.
Spelling: TypeAlias = Callable[[Row], str]


def columns(
    rows: Sequence[Row],
    verdicts: Mapping[Identity, Verdict],
    metrics: Sequence[Metric],
    glyph: Glyphs,
) -> list[Column]:
    """Return every column the table could have, from left to right, layers by their full name.

    Args:
        rows: The rows, as `profile` returns them.
        verdicts: What tells a result apart to its verdict.
        metrics: The metrics, the main one first.
        glyph: The signs to draw with.

    Returns:
        The columns; those for noise, drift time, tile, hardware and weights only where they vary,
        the one for A* only where a row has it, those about single layers only where a row is one.
    """
    main, *others = metrics

    def column(header: str, rank: int, spelt: Spelling, justify: JustifyMethod = "right") -> Column:
        return plain_column(header, rank, (spelt(row) for row in rows), glyph, justify)

    def of_result(header: str, spelt: Callable[[Result], str]) -> Column:
        found = column(header, 0, lambda row: spelt(row.result), "left")
        return replace(found, folds=header == "noise")

    single = not all(row.result.facts and row.result.facts.kind == SEVERAL for row in rows)
    depth = column("#", 2, lambda row: str(row.result.facts.depth) if row.result.facts else "")
    kind = column("kind", 7, lambda row: row.result.facts.kind if row.result.facts else "", "left")
    spread = (column("w std", 5, _weight_std), column("max/std", 4, _relative_spread))
    return [
        *([depth] if single else []),
        column(LAYER, 0, lambda row: one_line(row.result.group), "left"),
        *([kind] if single else []),
        *(of_result(*varying) for varying in what_varies([row.result for row in rows]).items()),
        column("digital", 8, lambda row: _digital(row, main)),
        column(metric_label(main), 0, lambda row: _score(row, main, glyph)),
        *(column(metric_label(other), 3, _score_of(other, glyph)) for other in others),
        *([column(A_STAR, 6, _a_star)] if any(row.a_star for row in rows) else []),
        *_drop_and_bar(rows, main, glyph),
        *(spread if single else ()),
        *_change(rows, verdicts, main, glyph),
        Column("verdict", tuple(_verdict(row, verdicts, glyph) for row in rows), 0, "left"),
    ]


def _change(
    rows: Sequence[Row], verdicts: Mapping[Identity, Verdict], metric: Metric, glyph: Glyphs
) -> list[Column]:
    """Return what verdicts rest on; nothing where nothing was compared."""
    compared = [
        verdict if verdict is not None and verdict.change is not None else None
        for verdict in (verdicts.get(row.result.identity) for row in rows)
    ]
    if not any(compared):
        return []

    def column(header: str, rank: int, spelt: Callable[[Verdict], str]) -> Column:
        texts = (spelt(verdict) if verdict else "" for verdict in compared)
        return plain_column(header, rank, texts, glyph)

    return [
        column(CHANGE, 4, lambda verdict: spelt_change(verdict, metric, glyph)),
        column("detects", 5, lambda verdict: spelt_detectable(verdict, metric)),
        column("chips", 9, lambda verdict: "paired" if verdict.paired else "unpaired"),
    ]


def _digital(row: Row, metric: Metric) -> str:
    score = row.result.digital.get(metric.name)
    return "" if score is None else amount(score, metric)


def _score(row: Row, metric: Metric, glyph: Glyphs) -> str:
    interval = row.scores.get(metric.name)
    return "" if interval is None else spelt_interval(interval, metric, glyph)


def _score_of(metric: Metric, glyph: Glyphs) -> Spelling:
    return lambda row: _score(row, metric, glyph)


def _a_star(row: Row) -> str:
    return "" if row.a_star is None else share_label(row.a_star.centre)


def _drop_and_bar(rows: Sequence[Row], metric: Metric, glyph: Glyphs) -> list[Column]:
    marked = {row.result.case_id for row in worst(rows, metric)}
    longest = max([metric.margin, *(row.drops.get(metric.name, 0.0) for row in rows)])
    drops, bars = [], []
    for row in rows:
        drop = row.drops.get(metric.name)
        if drop is None:
            drops.append(Text(glyph.absent, style="dim"))
            bars.append(Text(""))
            continue
        is_worst = row.result.case_id in marked
        style = WORST_STYLE if is_worst else "" if drop > metric.margin else "dim"
        sign = f"{glyph.worst} " if is_worst else ""
        drops.append(Text(f"{sign}{amount(drop, metric)}", style=style))
        share = drop / longest if longest > 0 else 0.0
        bars.append(Text(glyph.bar(share, BAR_CELLS), style="red" if is_worst else "blue"))
    header = "drop" if metric.higher_is_better else "rise"
    return [Column(header, tuple(drops), 0), Column("", tuple(bars), 1, "left")]


def _weight_std(row: Row) -> str:
    facts = row.result.facts
    return f"{facts.weight_std:#.3g}" if facts else ""


def _relative_spread(row: Row) -> str:
    spread = row.relative_spread
    return "" if spread is None else f"{spread:.1f}"


def _verdict(row: Row, verdicts: Mapping[Identity, Verdict], glyph: Glyphs) -> Text:
    verdict = verdicts.get(row.result.identity)
    if verdict is not None:
        return Text(verdict.kind, style=VERDICT_STYLES[verdict.kind])
    status = row.result.status
    return Text(glyph.absent if status == "measured" else status, style="dim")
