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
from analog_bench.errors import UsageError

if TYPE_CHECKING:
    from analog_bench.history.database import History
    from analog_bench.report.table import Blocks

RUNS = (Path("runs"), Path("runs/history"))
_SCORES = ("a_star", "one_day", "avm")
_ORDERS = ("date", "release")
# Options about trends: other answers hold none.
_OF_TRENDS = ("case", "score", "metric", "last", "order", "plot")
# Nothing is cut or folded where nobody looks at a terminal.
_WIDE = 10_000


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
        help="runs by date, or by release of aihwkit and torch first (default: date)",
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
    _check(arguments)
    # Not at the top: other verbs need none of it.
    from analog_bench.history.database import History

    history = History(_paths(arguments.runs), _warn)
    if arguments.where is not None:
        history.keep_only(arguments.where)
    if arguments.export is not None:
        print(export(history, arguments.export))
    elif arguments.sql is not None:
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
        UsageError: It has the name of another kind of file.
        StoreError: It cannot be written.
    """
    from analog_bench.history.archive import KEPT, add_runs, write_table

    table = history.table()
    if target.suffix in KEPT and not target.is_dir():
        write_table(target, table)
        return f"history: {table.num_rows} rows to {target}"
    if target.suffix[1:].isalpha() and not target.is_dir():
        raise UsageError(
            f"--export writes a .parquet or a .jsonl file, or to a folder, found {str(target)!r}; "
            "if it is to be a folder, make it first"
        )
    fresh = add_runs(target, table)
    return f"history: {fresh} run{'' if fresh == 1 else 's'} added to {target}"


def _check(arguments: argparse.Namespace) -> None:
    given = [f"--{name}" for name in _OF_TRENDS if getattr(arguments, name)]
    if arguments.export is not None:
        _refuse("--export", "writes all rows, or those that --where leaves", given)
        _refuse("--export", "prints no document", ["--json"] if arguments.json else [])
    if arguments.sql is not None:
        _refuse("--sql", "says itself what is asked", given)


def _refuse(option: str, why: str, others: Sequence[str]) -> None:
    if others:
        raise UsageError(f"{option} {why}: leave out {', '.join(others)}")


def _paths(given: Sequence[Path]) -> Sequence[Path]:
    first, *others = RUNS
    return given or [first, *(path for path in others if path.is_dir())]


def _show(history: History, arguments: argparse.Namespace) -> None:
    from analog_bench.history.question import Asked, answer, runs_of
    from analog_bench.report.as_json import history_plain
    from analog_bench.report.history_table import runs_table, trends_table
    from analog_bench.report.plots.history_plot import write_plot

    asked = Asked(
        score=arguments.score or "plain",
        metric=arguments.metric,
        order=arguments.order or "date",
        last=arguments.last,
    )
    trends, steps = answer(history, asked, arguments.case)
    if arguments.plot is not None:
        write_plot(arguments.plot, trends, steps, by_release=asked.order == "release")
    runs = runs_of(history, asked.order, asked.last)
    if arguments.json:
        print(json.dumps(history_plain(runs, trends, steps), indent=2, allow_nan=False))
        return
    if arguments.case or arguments.score:
        _print(trends_table(trends, steps))
    else:
        _print(runs_table(runs, trends, steps))
    if arguments.plot is not None:
        print(f"\nplot: {arguments.plot}")


def _answer(history: History, sql: str, *, as_json: bool) -> None:
    from analog_bench.report.as_json import answer_plain
    from analog_bench.report.history_table import answer_table

    names, rows = history.ask(sql)
    if as_json:
        print(json.dumps(answer_plain(names, rows), indent=2, allow_nan=False))
    else:
        _print([answer_table(names, rows)])


def _print(blocks: Blocks) -> None:
    from analog_bench.report.terminal_drawing import show

    show(blocks, width=None if sys.stdout.isatty() else _WIDE)


def _warn(line: str) -> None:
    print(f"analog-bench: {' '.join(line.split())}", file=sys.stderr)
