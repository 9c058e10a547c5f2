"""The history in tables: the runs, the steps, trends run by run, and answers to queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from analog_bench.gate.step_detection import Step
from analog_bench.history.score_series import Point, RunFacts, Trend
from analog_bench.report import estimates, words
from analog_bench.report.table import (
    Block,
    Blocks,
    Cell,
    Column,
    Heading,
    Line,
    Paragraph,
    Spelling,
    Table,
    line,
    number,
    paragraph,
    tabulate,
)
from analog_bench.report.trend_names import (
    changes_text,
    direction,
    score_name,
    step_text,
    steps_named,
    trend_names,
)

_SPARKS = "▁▂▃▄▅▆▇█"
_SPARKS_AT_MOST = 24

Steps: TypeAlias = Sequence[tuple[Step, ...]]


def runs_table(runs: Sequence[RunFacts], trends: Sequence[Trend], steps: Steps) -> Blocks:
    """Return which runs there are, in their order, and where the trends stepped."""

    def failures(run: RunFacts) -> Cell:
        rest = [(run.skipped, "skipped"), (run.broken, "broken")]
        return Cell(", ".join(f"{n} {word}" for n, word in rest if n), "bad" if run.broken else "")

    columns: list[tuple[Column, Spelling[RunFacts]]] = [
        *_run_columns(runs),
        number("cases", lambda run: str(run.measured)),
        (Column(""), failures),
        (Column("run", folds=True), lambda run: words.one_line(run.run)),
    ]
    return tabulate(runs, columns), *_steps(trends, steps)


def trends_table(trends: Sequence[Trend], steps: Steps) -> Blocks:
    """Return trends: one run by run, several with a row each; then their steps."""
    blocks = _one_trend(trends[0], steps[0]) if len(trends) == 1 else _side_by_side(trends)
    return *blocks, *_steps(trends, steps)


def answer_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """Return the answer to a query as a table."""

    def cell(value: Any) -> Cell:
        return Cell("null", "muted") if value is None else Cell(words.one_line(str(value)))

    columns = tuple(Column(words.one_line(name), folds=True) for name in names)
    return Table(columns, tuple(tuple(map(cell, row)) for row in rows))


def _run_columns(runs: Sequence[RunFacts]) -> list[tuple[Column, Spelling[RunFacts]]]:
    spellings: dict[str, Callable[[RunFacts], str]] = {
        "aihwkit": lambda run: words.one_line(run.aihwkit or ""),
        "torch": lambda run: words.one_line(run.torch or ""),
        "device": lambda run: words.one_line(run.device or ""),
        "commit": lambda run: words.commit_label(run.commit),
    }
    return [
        (Column("date (UTC)"), lambda run: words.date_text(run.created)),
        *(
            (Column(name, folds=name in ("device", "commit")), spell)
            for name, spell in spellings.items()
            if name == "aihwkit" or len({spell(run) for run in runs}) > 1
        ),
    ]


def _one_trend(trend: Trend, steps: Sequence[Step]) -> Blocks:
    (name,) = trend_names([trend])
    metric, at = trend.metric, {id(trend.points[step.at]): step for step in steps}

    def of_run(spell: Spelling[RunFacts]) -> Spelling[Point]:
        return lambda point: spell(point.run)

    def digital(point: Point) -> str:
        return "" if point.digital is None else words.amount(point.digital, metric)

    def step(point: Point) -> Cell:
        return _step_cell(at[id(point)], trend) if id(point) in at else Cell("")

    runs = [point.run for point in trend.points]
    columns: list[tuple[Column, Spelling[Point]]] = [
        *((column, of_run(spell)) for column, spell in _run_columns(runs)),
        number("chips", lambda point: str(len(point.scores))),
        number("digital", digital),
        number(
            score_name(trend),
            lambda point: estimates.interval_text(point.mean, metric),
            notes=_over_chips([trend]),
        ),
        (Column("step", folds=True), step),
    ]
    return Heading(name), tabulate(trend.points, columns)


def _side_by_side(trends: Sequence[Trend]) -> Blocks:
    scores = {score_name(trend) for trend in trends}
    names = dict(zip(map(id, trends), trend_names(trends), strict=True))
    columns: list[tuple[Column, Spelling[Trend]]] = [
        (Column("case", folds=True), lambda trend: names[id(trend)]),
        *([(Column("score"), score_name)] if len(scores) > 1 else []),
        number("runs", lambda trend: str(len(trend.points))),
        number("first", lambda t: estimates.interval_text(t.points[0].mean, t.metric)),
        number(
            "last",
            lambda t: estimates.interval_text(t.points[-1].mean, t.metric),
            notes=_over_chips(trends),
        ),
        (Column("trend", folds=True), lambda t: _spark([p.mean.centre for p in t.points])),
    ]
    table = tabulate(trends, columns)
    return (Heading(scores.pop()), table) if len(scores) == 1 else (table,)


def _over_chips(trends: Sequence[Trend]) -> tuple[str, ...]:
    known = (point.mean.half_width for trend in trends for point in trend.points)
    if all(half_width is None for half_width in known):
        return ()
    return ("± is half the 95 % interval over chips, for the very examples of the runs.",)


def _steps(trends: Sequence[Trend], steps: Steps) -> list[Block]:
    if not trends:
        return [paragraph("nothing was measured")]
    longest = max(len(trend.points) for trend in trends)
    searched = f"{words.counted(len(trends), 'trend')} of up to {longest} runs"
    listed = steps_named(trends, steps)
    if not listed:
        return [paragraph(f"no step in {searched}")]
    lines = [part for one in listed for part in _step_lines(*one)]
    known = {words.margin_label(trend.metric) for trend in trends if trend.key["score"] != "a_star"}
    margin = f"the margin ({', '.join(sorted(known))})" if known else "the margin"
    return [
        Heading(f"{words.counted(len(listed), 'step')} in {searched}"),
        Paragraph(tuple(lines)),
        paragraph(f"A step is beyond {margin} and significant (5 %) after correction."),
    ]


def _step_lines(name: str, trend: Trend, step: Step) -> tuple[Line, Line]:
    now, before = trend.points[step.at].run, trend.points[step.at - 1].run
    what = Cell(f"  {score_name(trend)} of {name}, {words.p_text(step.p)}")
    since = f"since {words.date_text(now.created)}, {words.one_line(now.run)}"
    changes = line(f"    {since}; what else changed then: {changes_text(now, before)}", "muted")
    return (_step_cell(step, trend), what), changes


def _step_cell(step: Step, trend: Trend) -> Cell:
    worse = direction(step, trend.metric) == "worse"
    return Cell(step_text(step, trend.metric), "regressed" if worse else "improved")


def _spark(values: Sequence[float]) -> str:
    """Draw the newest values as a row of bars, the lowest as the lowest bar."""
    shown = values[-_SPARKS_AT_MOST:]
    low, high = min(shown), max(shown)
    if low == high:
        return _SPARKS[len(_SPARKS) // 2] * len(shown)
    return "".join(
        _SPARKS[round((value - low) / (high - low) * (len(_SPARKS) - 1))] for value in shown
    )
