"""`analog-bench history`: the results of many runs, and where they changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from analog_bench.commands.options import (
    JsonOption,
    new_app,
    refuse_together,
    show_examples,
    whole_number,
)
from analog_bench.commands.output import print_blocks, print_json, warn
from analog_bench.errors import UsageError
from analog_bench.spelling import counted

if TYPE_CHECKING:
    from analog_bench.history.database import History
    from analog_bench.history.query import Query

RUNS = (Path("runs"), Path("runs/history"))
Score = Literal["a_star", "one_day", "avm"]
Order = Literal["date", "release"]

app = new_app()


@app.command(
    epilog=show_examples(
        "history",
        "history runs nightly --case 'bert/all/*' --metric em --plot trend.svg",
        "history nightly --score one_day --order release",
        'history nightly --sql "select model, avg(value) from scores group by model"',
        "history runs --export nightly/",
    )
)
def history(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUNS",
            help="run files, histories (.parquet, .jsonl), or folders of them (default: runs, and "
            "runs/history where that is there)",
        ),
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="show how a case went: its id, or a pattern such as 'bert/all/*'; may be repeated",
        ),
    ] = None,
    score: Annotated[
        Score | None, typer.Option(help="show a robustness score in place of the metric itself")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="in this metric (default: the one verdicts are about)"),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="SQL", help="only rows that fulfil a condition, such as \"aihwkit = '1.2.0'\""
        ),
    ] = None,
    last: Annotated[int | None, whole_number("only the newest N runs")] = None,
    order: Annotated[
        Order | None,
        typer.Option(help="runs by date, or by release of aihwkit and torch first (default: date)"),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="draw it, too: .svg or .png")
    ] = None,
    sql: Annotated[
        str | None, typer.Option(metavar="QUERY", help="ask in SQL; tables are scores and runs")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="write all rows to a .parquet or .jsonl file, or a Parquet file a run to a "
            "folder, leaving those that are there",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the results of many runs, how cases went over them, and where they stepped."""
    refuse_together(sql=sql, export=export)
    trend_options = {
        "--case": case,
        "--score": score,
        "--metric": metric,
        "--last": last,
        "--order": order,
        "--plot": plot,
    }
    given = ", ".join(name for name, value in trend_options.items() if value)
    if export is not None and given:
        raise UsageError(
            f"--export writes all rows, or those that --where leaves: leave out {given}"
        )
    if export is not None and as_json:
        raise UsageError("--export prints no document: leave out --json")
    if sql is not None and given:
        raise UsageError(f"--sql says itself what is asked: leave out {given}")
    # Not at the top: other verbs need none of it.
    from analog_bench.history.database import History
    from analog_bench.history.query import Query

    opened = History(runs or [RUNS[0], *(path for path in RUNS[1:] if os.path.isdir(path))], warn)
    if where is not None:
        opened.keep_only(where)
    if export is not None:
        print(write_history(opened, export))
    elif sql is not None:
        from analog_bench.report.as_json import answer_plain
        from analog_bench.report.history_table import answer_table

        names, rows = opened.ask(sql)
        if as_json:
            print_json(answer_plain(names, rows))
        else:
            print_blocks([answer_table(names, rows)], width=_width())
    else:
        query = Query(score=score or "plain", metric=metric, order=order or "date", last=last)
        _show(opened, query, case or [], plot, as_json=as_json)


def write_history(history: History, target: Path) -> str:
    """Write a history to a `.parquet` or `.jsonl` file, or add its runs to a folder.

    Returns a line that says what was written.

    Raises:
        UsageError: The target has the name of another kind of file.
        StoreError: It cannot be written.
    """
    from analog_bench.history.history_files import HISTORY_FILES, add_runs, write_table

    table = history.table()
    if target.suffix in HISTORY_FILES and not os.path.isdir(target):
        write_table(target, table)
        return f"history: {counted(table.num_rows, 'row')} to {target}"
    if target.suffix[1:].isalpha() and not os.path.isdir(target):
        raise UsageError(
            f"--export writes a .parquet or a .jsonl file, or to a folder, found {str(target)!r}; "
            "if it is to be a folder, make it first"
        )
    fresh = add_runs(target, table)
    return f"history: {counted(fresh, 'run')} added to {target}"


def _show(
    history: History, query: Query, cases: list[str], plot: Path | None, *, as_json: bool
) -> None:
    from analog_bench.history.query import runs_of, trends_with_steps
    from analog_bench.report.as_json import history_plain
    from analog_bench.report.history_table import runs_table, trends_table
    from analog_bench.report.plots.history_plot import write_plot

    trends, steps = trends_with_steps(history, query, cases)
    if plot is not None:
        write_plot(plot, trends, steps, by_release=query.order == "release")
    runs = runs_of(history, query.order, query.last)
    if as_json:
        print_json(history_plain(runs, trends, steps))
        return
    if cases or query.score != "plain":
        print_blocks(trends_table(trends, steps), width=_width())
    else:
        print_blocks(runs_table(runs, trends, steps), width=_width())
    if plot is not None:
        print(f"\nplot: {plot}")


def _width() -> int | None:
    # Nothing is cut or folded where nobody looks at a terminal.
    return None if sys.stdout.isatty() else 10_000
