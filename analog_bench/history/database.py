"""Many runs in one DuckDB database, in memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from analog_bench.errors import StoreError, UsageError
from analog_bench.history.history_files import (
    HISTORY_FILES,
    Sources,
    Table,
    read_history,
    read_unknown_run,
    sources_of,
)
from analog_bench.history.rows import COLUMNS
from analog_bench.records import LARGEST_SCORE

_NAMES = ", ".join(COLUMNS)
# Without these a file of something else would become rows of nothing.
_ALWAYS = ("run", "run_id", "created", "study", "model", "variant", "case_id", "status")
_WITH_VALUE = (
    *("metric", "score", "unit", "higher_is_better", "margin", "chip", "value", "fingerprint"),
)
_WHICH_COLUMNS = "--sql 'describe scores' lists columns"
_RUNS = """\
create view runs as
select run, run_id, created, command, commit, analog_bench, aihwkit, torch, python, machine, device,
    budget,
    count(distinct (study, case_id, protocol)) filter (status = 'measured') as measured,
    count(distinct (study, case_id, protocol)) filter (status = 'skipped') as skipped,
    count(distinct (study, case_id, protocol)) filter (status = 'broken') as broken
from scores group by all order by created, run, run_id"""


class History:
    """The rows of many runs, queried in SQL.

    Two tables: `scores`, with the columns of `rows.COLUMNS`, and `runs`, one row a run. Each run
    counts once, however many files hold it.
    """

    def __init__(self, paths: Sequence[Path], warn: Callable[[str], None]) -> None:
        """Read run files, histories, and folders of either.

        `warn` is called with one line for each run file in a folder that cannot be read.

        Raises:
            UsageError: DuckDB is not installed.
            StoreError: A file that was named cannot be read, or there is nothing at all.
        """
        self._duckdb = require_duckdb()
        sources = sources_of(paths)
        self._connection = self._duckdb.connect(":memory:")
        self._connection.execute(_scores_table())
        self._load_histories(sources.histories)
        self._load_runs(sources, warn)
        self._connection.execute(_RUNS)
        # Whatever a user's SQL says: it neither writes files nor reads others, and has no way back.
        self._connection.execute("set enable_external_access = false")
        self._connection.execute("set python_enable_replacements = false")
        self._connection.execute("set lock_configuration = true")
        if self._empty():
            where = ", ".join(repr(str(path)) for path in paths)
            raise StoreError(
                f"none of the runs in {where} can be read, or none has a result: measure anew with "
                "this release, or use the one that wrote them"
            )

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query, whose `?` stand for the values."""
        rows: list[tuple[Any, ...]] = self._connection.execute(sql, list(values)).fetchall()
        return rows

    def ask(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the column names and rows of a user's query: of the last of its statements.

        Raises:
            UsageError: DuckDB cannot do it.
        """
        try:
            answer = self._connection.execute(sql)
            # None where there was no statement, only space or a comment.
            names = [column[0] for column in answer.description or ()] if answer else []
            rows = answer.fetchall() if names else []
        except self._duckdb.Error as problem:
            raise UsageError(
                f"{_first_line(problem)} (tables: scores, runs; {_WHICH_COLUMNS})"
            ) from None
        if not names:
            raise UsageError(f"--sql {sql!r} asks nothing")
        return names, rows

    def keep_only(self, condition: str) -> None:
        """Drop every row that does not fulfil a condition in SQL, such as `aihwkit = '1.2.0'`.

        Raises:
            UsageError: DuckDB cannot read it, or nothing fulfils it.
        """
        try:
            # On lines of its own: it may end in a comment.
            self._connection.execute(
                f"delete from scores where not coalesce((\n{condition}\n), false)"
            )
        except self._duckdb.Error as problem:
            raise UsageError(
                f"--where {condition!r}: {_first_line(problem)} ({_WHICH_COLUMNS})"
            ) from None
        if self._empty():
            raise UsageError(f"--where {condition!r} leaves no run")

    def table(self) -> Table:
        """Return all rows, oldest run first, those of a run in the order they were read in."""
        query = f"select {_NAMES} from scores order by created, run, run_id, rowid"
        return self._connection.sql(query).to_arrow_table()

    def _empty(self) -> bool:
        return not self.rows("select 1 from scores limit 1")

    def _load_histories(self, paths: Sequence[Path]) -> None:
        for path in paths:
            try:
                self._insert(read_history(path))
            except (self._duckdb.Error, OSError, ValueError) as problem:
                raise StoreError(
                    f"{HISTORY_FILES[path.suffix]} at {str(path)!r} is no history of this release "
                    f"({_first_line(problem)}); take it away, or export its runs again"
                ) from None

    def _load_runs(self, sources: Sources, warn: Callable[[str], None]) -> None:
        known = {run_id for (run_id,) in self.rows("select distinct run_id from scores")}
        for path in (*sources.named, *sources.in_folders):
            try:
                table = read_unknown_run(path, known)
            except StoreError as problem:
                if path in sources.named:
                    raise
                warn(f"left out: {problem}")
                continue
            if table is not None:
                known |= set(table["run_id"].to_pylist())
                self._insert(table)

    def _insert(self, table: Table) -> None:
        # A run may be in several files: the first one counts.
        self._connection.register("fresh", table)
        self._connection.execute(
            f"insert into scores select {_NAMES} from fresh "
            "where coalesce(run_id not in (select run_id from scores), true)"
        )
        self._connection.unregister("fresh")


def _scores_table() -> str:
    columns = ", ".join(
        f'"{name}" {kind}{" not null" if name in _ALWAYS else ""}' for name, kind in COLUMNS.items()
    )
    complete = " and ".join(f"{name} is not null" for name in _WITH_VALUE)
    return (
        f"create table scores ({columns}, "
        f"check (status <> 'measured' or (abs(value) <= {LARGEST_SCORE} and {complete})))"
    )


def require_duckdb() -> Any:
    """Return DuckDB; `UsageError` where it is not installed."""
    try:
        return importlib.import_module("duckdb")
    except ImportError as problem:
        raise UsageError(
            f"a history needs DuckDB ({problem}): pip install 'analog-bench[history]'"
        ) from None


def _first_line(problem: Exception) -> str:
    return str(problem).splitlines()[0] if str(problem) else type(problem).__name__
