"""Many runs in one DuckDB database, in memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from analog_bench.errors import StoreError, UsageError
from analog_bench.history.archive import Sources, Table, run_id_at, sources_of, table_of_run
from analog_bench.history.row import COLUMNS, Type

_KINDS: dict[Type, str] = {
    "text": "VARCHAR",
    "whole": "BIGINT",
    "number": "DOUBLE",
    "flag": "BOOLEAN",
    "numbers": "DOUBLE[]",
}
_TYPES = {column.name: _KINDS[column.type] for column in COLUMNS}
_NAMES = ", ".join(_TYPES)

_RUNS = """\
create view runs as
select run, run_id, created, command, commit, analog_bench, aihwkit, torch, python, machine, device,
    budget,
    count(distinct (study, case_id, protocol)) filter (status = 'measured') as measured,
    count(distinct (study, case_id, protocol)) filter (status = 'skipped') as skipped,
    count(distinct (study, case_id, protocol)) filter (status = 'broken') as broken
from scores group by all order by created, run, run_id"""


class History:
    """The rows of many runs, to be asked in SQL.

    Two tables: `scores`, with the columns of `row.COLUMNS`, and `runs`, one row a run. Each run
    counts once, however many files hold it.
    """

    def __init__(self, paths: Sequence[Path], warn: Callable[[str], None]) -> None:
        """Read runs.

        Args:
            paths: Run files, histories, and folders of either.
            warn: Is told of run files in folders that cannot be read, in one line each.

        Raises:
            UsageError: DuckDB is not installed.
            StoreError: A file that was named cannot be read, or there is nothing at all.
        """
        self._duckdb = require_duckdb()
        sources = sources_of(paths)
        self._connection = self._duckdb.connect(":memory:")
        columns = ", ".join(f'"{name}" {kind}' for name, kind in _TYPES.items())
        self._connection.execute(f"create table scores ({columns})")
        self._load_kept(sources)
        self._load_runs(sources, warn)
        self._connection.execute(_RUNS)
        if not self.rows("select count(*) from scores")[0][0]:
            raise StoreError(
                "none of the runs can be read: measure anew with this release, or use the one "
                "that wrote them"
            )

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return what a query gives.

        Args:
            sql: The query.
            values: What its `?` stand for.
        """
        found: list[tuple[Any, ...]] = self._connection.execute(sql, list(values)).fetchall()
        return found

    def ask(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return what a user's query gives: names of the columns, and rows.

        Args:
            sql: One or more statements; the last one's answer is returned.

        Raises:
            UsageError: DuckDB cannot do it.
        """
        try:
            done = self._connection.execute(sql)
            names = [column[0] for column in done.description or ()]
            return names, done.fetchall() if names else []
        except self._duckdb.Error as problem:
            raise UsageError(
                f"{_first_line(problem)} (tables: scores, runs; `describe scores` lists columns)"
            ) from None

    def keep_only(self, condition: str) -> None:
        """Forget every row that does not fulfil a condition.

        Args:
            condition: In SQL, on the columns of `scores`: `aihwkit = '1.2.0'`.

        Raises:
            UsageError: DuckDB cannot read it, or nothing fulfils it.
        """
        try:
            self._connection.execute(f"delete from scores where not coalesce(({condition}), false)")
        except self._duckdb.Error as problem:
            raise UsageError(f"--where {condition!r}: {_first_line(problem)}") from None
        if not self.rows("select count(*) from scores")[0][0]:
            raise UsageError(f"--where {condition!r} leaves no run")

    def table(self) -> Table:
        """Return all rows, oldest run first."""
        query = f"select {_NAMES} from scores order by created, run, run_id"
        return self._connection.sql(query).to_arrow_table()

    def _load_kept(self, sources: Sources) -> None:
        readers = [
            ("parquet", sources.parquet, "read_parquet(?, filename = true)"),
            (
                "JSON lines",
                sources.lines,
                "read_json(?, format = 'newline_delimited', filename = true, columns = "
                f"{{{', '.join(f'{name}: {kind!r}' for name, kind in _TYPES.items())}}})",
            ),
        ]
        for kind, files, reader in readers:
            if not files:
                continue
            try:
                # A run may be in several files: one of them counts.
                self._connection.execute(
                    f"insert into scores select {_NAMES} from {reader} "
                    "where run_id not in (select run_id from scores) "
                    "qualify filename = min(filename) over (partition by run_id)",
                    [list(map(str, files))],
                )
            except self._duckdb.Error as problem:
                named = ", ".join(repr(str(path)) for path in files[:3])
                raise StoreError(
                    f"{kind} at {named} is no history of this release ({_first_line(problem)}); "
                    "export the runs again"
                ) from None

    def _load_runs(self, sources: Sources, warn: Callable[[str], None]) -> None:
        known = {run_id for (run_id,) in self.rows("select distinct run_id from scores")}
        for path, table in _tables(sources, known, warn):
            known.add(table["run_id"][0].as_py() if table.num_rows else str(path))
            self._connection.register("fresh", table)
            self._connection.execute(f"insert into scores select {_NAMES} from fresh")
            self._connection.unregister("fresh")


def _tables(
    sources: Sources, known: set[str], warn: Callable[[str], None]
) -> Iterator[tuple[Path, Table]]:
    for path in sources.named:
        if run_id_at(path) not in known:
            yield path, table_of_run(path)
    for path in sources.found:
        try:
            table = None if run_id_at(path) in known else table_of_run(path)
        except StoreError as problem:
            warn(f"left out: {problem}")
        else:
            if table is not None:
                yield path, table


def require_duckdb() -> Any:
    """Return DuckDB.

    Raises:
        UsageError: It is not installed.
    """
    try:
        return importlib.import_module("duckdb")
    except ImportError as problem:
        raise UsageError(
            f"a history needs DuckDB ({problem}): pip install 'analog-bench[history]'"
        ) from None


def _first_line(problem: Exception) -> str:
    return str(problem).splitlines()[0] if str(problem) else type(problem).__name__
