"""The history for a terminal: the runs, the steps, and trends run by run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Group, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analog_bench.gate.step import Step
from analog_bench.history.trend import RunFacts, Trend
from analog_bench.report.glyphs import Glyphs, glyphs
from analog_bench.report.history_words import (
    direction,
    score_name,
    spelt_changes,
    spelt_commit,
    spelt_date,
    spelt_digital,
    spelt_p,
    spelt_step,
    trend_names,
)
from analog_bench.report.labels import margin_label, one_line, spelt_interval
from analog_bench.report.wording import counted

_STYLES = {"worse": "bold red", "better": "bold green"}
_SPARKS = "▁▂▃▄▅▆▇█"
_SPARKS_AT_MOST = 24

# Columns that give way where there is little room.
_LONG = ("case", "run", "step", "trend", "commit", "device")

Steps = Sequence[tuple[Step, ...]]


def overview(
    runs: Sequence[RunFacts],
    trends: Sequence[Trend],
    steps: Steps,
    *,
    ascii_only: bool = False,
) -> RenderableType:
    """Draw what runs there are, and where they stepped.

    Args:
        runs: The runs, in order.
        trends: What was searched for steps.
        steps: Of each trend.
        ascii_only: Draw with ASCII alone.
    """
    glyph = glyphs(ascii_only)
    spelt = _facts(runs, glyph)
    table = _table(*spelt, ">cases", "", "run")
    for run in runs:
        rest = [(run.skipped, "skipped"), (run.broken, "broken")]
        _add(
            table,
            *(spell(run) for spell in spelt.values()),
            str(run.measured),
            Text(", ".join(f"{n} {word}" for n, word in rest if n), "red" if run.broken else ""),
            one_line(run.run),
        )
    return Group(table, Text(), *_steps(trends, steps, glyph))


def trend_table(
    trends: Sequence[Trend], steps: Steps, *, ascii_only: bool = False
) -> RenderableType:
    """Draw trends: one run by run, several with a row each.

    Args:
        trends: The trends.
        steps: Of each trend.
        ascii_only: Draw with ASCII alone.
    """
    glyph = glyphs(ascii_only)
    if len(trends) == 1:
        table = _runs_of(trends[0], steps[0], glyph)
    else:
        table = _side_by_side(trends, glyph, ascii_only=ascii_only)
    return Group(table, Text(), *_steps(trends, steps, glyph))


def answer_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> RenderableType:
    """Draw the answer to a query.

    Args:
        names: Names of the columns.
        rows: The rows.
    """
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(Text(one_line(name)), overflow="fold")
    for row in rows:
        _add(table, *(Text("null", "dim") if v is None else one_line(str(v)) for v in row))
    return table


def _runs_of(trend: Trend, steps: Sequence[Step], glyph: Glyphs) -> Table:
    (name,) = trend_names([trend])
    spelt = _facts([point.run for point in trend.points], glyph)
    table = _table(*spelt, ">chips", ">digital", f">{score_name(trend)}", "step")
    table.title, table.title_justify = Text(name, "bold"), "left"
    at = {step.at: step for step in steps}
    for n, point in enumerate(trend.points):
        mark = Text()
        if n in at:
            word = direction(at[n], trend.metric)
            mark = Text(f"{spelt_step(at[n], trend.metric, glyph)} {word}", _STYLES[word])
        _add(
            table,
            *(spell(point.run) for spell in spelt.values()),
            str(len(point.scores)),
            spelt_digital(point.digital, trend.metric, glyph),
            spelt_interval(point.mean, trend.metric, glyph),
            mark,
        )
    return table


def _facts(runs: Sequence[RunFacts], glyph: Glyphs) -> dict[str, Callable[[RunFacts], str]]:
    """Return the columns about runs: when, and whatever of the rest is not always the same."""
    spellings: dict[str, Callable[[RunFacts], str]] = {
        "aihwkit": lambda run: one_line(run.aihwkit or glyph.absent),
        "torch": lambda run: one_line(run.torch or glyph.absent),
        "device": lambda run: one_line(run.device or glyph.absent),
        "commit": lambda run: spelt_commit(run.commit, glyph),
    }
    varying = {
        name: spell
        for name, spell in spellings.items()
        if name == "aihwkit" or len({spell(run) for run in runs}) > 1
    }
    return {"date (UTC)": lambda run: spelt_date(run.created), **varying}


def _side_by_side(trends: Sequence[Trend], glyph: Glyphs, *, ascii_only: bool) -> Table:
    scores = {score_name(trend) for trend in trends}
    several = len(scores) > 1
    spark = "" if ascii_only else "trend"
    table = _table("case", *(["score"] if several else []), ">runs", ">first", ">last", spark)
    if len(scores) == 1:
        table.title, table.title_justify = Text(scores.pop(), "bold"), "left"
    for name, trend in zip(trend_names(trends), trends, strict=True):
        first, last = trend.points[0], trend.points[-1]
        _add(
            table,
            name,
            *([score_name(trend)] if several else []),
            str(len(trend.points)),
            spelt_interval(first.mean, trend.metric, glyph),
            spelt_interval(last.mean, trend.metric, glyph),
            "" if ascii_only else _spark([point.mean.centre for point in trend.points]),
        )
    return table


def _steps(trends: Sequence[Trend], steps: Steps, glyph: Glyphs) -> list[RenderableType]:
    found = [
        (name, trend, step)
        for name, trend, own in zip(trend_names(trends), trends, steps, strict=True)
        for step in own
    ]
    if not trends:
        return [Text("nothing was measured")]
    longest = max(len(trend.points) for trend in trends)
    searched = f"{counted(len(trends), 'trend')} of up to {longest} runs"
    if not found:
        return [Text(f"no step in {searched}")]
    # The newest first, of one run the largest in units of what matters.
    found.sort(key=lambda f: (f[1].points[f[2].at].run.created, _size(f[1], f[2])), reverse=True)
    lines: list[RenderableType] = []
    for name, trend, step in found:
        word = direction(step, trend.metric)
        now, before = trend.points[step.at].run, trend.points[step.at - 1].run
        line = Text(f"{spelt_step(step, trend.metric, glyph)} {word}", _STYLES[word])
        line.append(f"  {score_name(trend)} of {name}, {spelt_p(step)}", "")
        since = f"since {spelt_date(now.created)}, {one_line(now.run)}; what else changed then: "
        lines += [
            line,
            Padding(Text(since + spelt_changes(now, before), "dim"), (0, 0, 0, 4), expand=False),
        ]
    number = len(found)
    return [
        Text(f"{counted(number, 'step')} in {searched}", "bold"),
        *lines,
        Text(f"\nA step is beyond {_margins(trends)} and significant (5 %) after correction."),
    ]


def _margins(trends: Sequence[Trend]) -> str:
    known = {margin_label(trend.metric) for trend in trends if trend.key["score"] != "a_star"}
    return f"the margin ({', '.join(sorted(known))})" if known else "the margin"


def _size(trend: Trend, step: Step) -> float:
    return abs(step.effect.change) / max(trend.metric.margin, 1e-9)


def _spark(values: Sequence[float]) -> str:
    """Draw the newest values as a row of bars, the lowest as the lowest bar."""
    shown = values[-_SPARKS_AT_MOST:]
    low, high = min(shown), max(shown)
    if low == high:
        return _SPARKS[len(_SPARKS) // 2] * len(shown)
    return "".join(
        _SPARKS[round((value - low) / (high - low) * (len(_SPARKS) - 1))] for value in shown
    )


def _table(*headers: str) -> Table:
    """Return an empty table; `>` before a header sets its column flush right."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for header in headers:
        justify: JustifyMethod = "right" if header.startswith(">") else "left"
        table.add_column(
            Text(header.removeprefix(">")),
            justify=justify,
            overflow="fold",
            # Dates, versions and numbers are read at a glance only where they stand on one line.
            no_wrap=header not in _LONG,
        )
    return table


def _add(table: Table, *cells: str | Text) -> None:
    # A bare string would be read as markup: names and answers hold what they like.
    table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))
