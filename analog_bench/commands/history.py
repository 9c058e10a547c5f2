"""`analog-bench history`: the results of many runs, and where they changed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analog_bench.commands.arguments import Verbs, add_json, positive
from analog_bench.commands.arguments import add_verb as _add

if TYPE_CHECKING:
    from analog_bench.gate.step import Step
    from analog_bench.history.database import History
    from analog_bench.history.trend import Trend

RUNS = (Path("runs"), Path("runs/history"))
_SCORES = ("a_star", "one_day", "avm")
_ORDERS = ("date", "release")


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "history",
        "show the results of many runs, how cases went over them, and where they stepped",
        "analog-bench history\n"
        "analog-bench history runs nightly --case 'bert/all/*' --metric em --plot trend.svg\n"
        "analog-bench history nightly --score one_day --order release\n"
        'analog-bench history nightly --sql "select model, avg(value) from scores group by model"\n'
        "analog-bench history runs --export nightly/",
        run,
    )
    parser.add_argument(
        "runs",
        type=Path,
        nargs="*",
        metavar="RUNS",
        help="run files, histories (.parquet, .jsonl), or folders of them (default: runs, and "
        "runs/history where that is there)",
    )
    which = parser.add_argument_group("what")
    which.add_argument(
        "--case",
        action="append",
        default=[],
        metavar="ID",
        help="show how a case went: its id, or a pattern such as 'bert/all/*'; may be repeated",
    )
    which.add_argument(
        "--score",
        choices=_SCORES,
        help="show a robustness score in place of the metric itself",
    )
    which.add_argument(
        "--metric", metavar="NAME", help="in this metric (default: the one verdicts are about)"
    )
    which.add_argument(
        "--where",
        metavar="SQL",
        help="only rows that fulfil a condition, such as \"aihwkit = '1.2.0'\"",
    )
    which.add_argument("--last", type=positive, metavar="N", help="only the newest N runs")
    which.add_argument(
        "--order",
        choices=_ORDERS,
        default="date",
        help="runs by date, or by release of aihwkit and torch first (default: %(default)s)",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--plot", type=Path, metavar="FILE", help="draw it, too: .svg or .png")
    one = how.add_mutually_exclusive_group()
    one.add_argument("--sql", metavar="QUERY", help="ask in SQL; tables are scores and runs")
    one.add_argument(
        "--export",
        type=Path,
        metavar="PATH",
        help="write all rows to a .parquet or .jsonl file, or a Parquet file a run to a folder, "
        "leaving those that are there",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Answer, and return 0."""
    # Not at the top: other verbs need none of it.
    from analog_bench.history.database import History

    history = History(_paths(arguments.runs), _warn)
    if arguments.where:
        history.keep_only(arguments.where)
    if arguments.export is not None:
        print(export(history, arguments.export))
    elif arguments.sql:
        _answer(history, arguments.sql, as_json=arguments.json)
    else:
        _show(history, arguments)
    return 0


def export(history: History, target: Path) -> str:
    """Write a history.

    Args:
        history: The runs.
        target: A `.parquet` or `.jsonl` file, else a folder.

    Returns:
        A line that says what was written.

    Raises:
        StoreError: It cannot be written.
    """
    from analog_bench.history.archive import split_by_run, write_table

    table = history.table()
    if target.suffix in (".parquet", ".jsonl") and not target.is_dir():
        write_table(target, table)
        return f"history: {table.num_rows} rows to {target}"
    fresh = 0
    for name, own in split_by_run(table):
        if not (target / name).exists():
            write_table(target / name, own)
            fresh += 1
    return f"history: {fresh} run{'' if fresh == 1 else 's'} added to {target}"


def _paths(given: Sequence[Path]) -> Sequence[Path]:
    first, *others = RUNS
    return given or [first, *(path for path in others if path.is_dir())]


def _show(history: History, arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from analog_bench.history.question import Asked, runs_of, steps_of, trends_of
    from analog_bench.report.history_plain import history_plain
    from analog_bench.report.history_table import overview, trend_table

    asked = Asked(
        cases=tuple(arguments.case),
        score=arguments.score or "plain",
        metric=arguments.metric,
        order=arguments.order,
        last=arguments.last,
    )
    runs = runs_of(history, asked.order)
    runs = runs[-asked.last :] if asked.last else runs
    counts = {
        run_id: (measured, skipped, broken)
        for run_id, measured, skipped, broken in history.rows(
            "select run_id, measured, skipped, broken from runs"
        )
    }
    trends = trends_of(history, asked)
    steps = steps_of(trends)
    if arguments.plot is not None:
        _plot(arguments.plot, trends, steps, by_release=asked.order == "release")
    if arguments.json:
        print(json.dumps(history_plain(runs, counts, trends, steps), indent=2, allow_nan=False))
        return
    ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
    if asked.cases or arguments.score:
        drawn = trend_table(trends, steps, ascii_only=ascii_only)
    else:
        drawn = overview(runs, counts, trends, steps, ascii_only=ascii_only)
    Console().print(drawn)
    if arguments.plot is not None:
        print(f"\nplot: {arguments.plot}")


def _plot(
    path: Path, trends: Sequence[Trend], steps: Sequence[tuple[Step, ...]], *, by_release: bool
) -> None:
    from analog_bench.report.history_plot import write_plot

    write_plot(path, trends, steps, by_release=by_release)


def _answer(history: History, sql: str, *, as_json: bool) -> None:
    names, rows = history.ask(sql)
    if as_json:
        found = [dict(zip(names, row, strict=True)) for row in rows]
        print(json.dumps(found, indent=2, default=str))
        return
    from rich.console import Console

    from analog_bench.report.history_table import answer_table

    Console().print(answer_table(names, rows))


def _warn(line: str) -> None:
    print(f"analog-bench: {' '.join(line.split())}", file=sys.stderr)
