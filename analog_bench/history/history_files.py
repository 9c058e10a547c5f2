"""The files of a history: run files, Parquet and JSON lines."""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from analog_bench.atomic_file import write_atomic
from analog_bench.codec import DocumentError, compact, convert, parse, read_json
from analog_bench.errors import StoreError, reason_of
from analog_bench.history.rows import COLUMNS, Row, SqlType, rows_of, run_id_of
from analog_bench.regular_file import is_free_for, open_regular, read_regular
from analog_bench.store.run import Manifest
from analog_bench.store.run_file import run_from_json
from analog_bench.store.shard import shard_of

Table: TypeAlias = Any
"""A pyarrow table with the columns of `COLUMNS`."""

RUN_FILES = "bench-*.json"
HISTORY_FILES = {".parquet": "parquet", ".jsonl": "JSON lines"}
"""The file name endings of histories, and their formats."""
_WHAT_NOW = "run `pytest bench` first, or name run files or folders of them"


@dataclass(frozen=True)
class Sources:
    """The files of a history.

    Attributes:
        named: Run files that the user named: each must be readable.
        in_folders: Run files in folders: unreadable ones are reported and left out.
        histories: Parquet or JSON lines files.
    """

    named: tuple[Path, ...]
    in_folders: tuple[Path, ...]
    histories: tuple[Path, ...]


def sources_of(paths: Sequence[Path]) -> Sources:
    """Return the files behind run files, histories (`.parquet`, `.jsonl`) and folders of either.

    Raises:
        StoreError: There is no such file or folder, or none of the folders holds anything.
    """
    for path in paths:
        if not os.path.exists(path):
            raise StoreError(
                f"no runs at {str(path)!r}: there is no such file or folder; {_WHAT_NOW}"
            )
    folders = [path for path in paths if os.path.isdir(path)]
    files = [path for path in paths if path not in folders]

    def matching(pattern: str) -> list[Path]:
        return [file for folder in folders for file in sorted(folder.glob(pattern))]

    histories = [
        file
        for suffix in HISTORY_FILES
        for file in (*files, *matching(f"*{suffix}"))
        if file.suffix == suffix
    ]
    sources = Sources(
        named=tuple(dict.fromkeys(path for path in files if path.suffix not in HISTORY_FILES)),
        in_folders=tuple(dict.fromkeys(matching(RUN_FILES))),
        histories=tuple(dict.fromkeys(histories)),
    )
    if not (sources.named or sources.in_folders or sources.histories):
        where = ", ".join(repr(str(path)) for path in paths)
        raise StoreError(
            f"no runs in {where}: there is neither a {RUN_FILES} nor a history; {_WHAT_NOW}"
        )
    return sources


class _Headed(Struct):
    manifest: Manifest


def read_unknown_run(path: Path, known: Collection[str]) -> Table | None:
    """Read a run file as a table; None where the id of its run is known already.

    Raises:
        StoreError: It is missing, does not follow the schema, or the run was stopped.
    """
    try:
        document = read_json(path)
        # A run that is known need not be of a schema that this release reads.
        if run_id_of(convert(document, _Headed).manifest) in known:
            return None
        run = run_from_json(document)
        if run.incomplete is not None and run.incomplete.stopped:
            # A history holds a run once, as a whole.
            raise DocumentError(f"the run was stopped; complete it with {run.incomplete.command}")
        if (shard := shard_of(run.manifest)) is not None:
            raise DocumentError(f"it is shard {shard} of a run; `analog-bench merge` joins them")
        return table_of(rows_of(run, path.stem))
    except FileNotFoundError:
        raise StoreError(f"no run file at {str(path)!r}; a finished run writes one") from None
    except ValueError as problem:  # not as the schema has it, or a case twice
        raise StoreError(f"run file {str(path)!r}: {problem}") from None


def read_history(path: Path) -> Table:
    """Read a Parquet or JSON lines file; whether it is a history is for the database to check.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not such a file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".jsonl":
        lines = enumerate(read_regular(path).splitlines(), start=1)
        return table_of(_row(line, number) for number, line in lines if line.strip())
    # Opened here: by name, characters of it would be taken for patterns or partitions.
    with open_regular(path) as file:
        try:
            return pq.read_table(file)
        except pa.ArrowException as problem:  # of several kinds, not all of them ValueErrors
            raise ValueError(str(problem)) from None


def _row(line: bytes, number: int) -> Row:
    try:
        return convert(parse(line), dict[str, Any])
    except DocumentError as problem:
        raise ValueError(f"line {number}: {problem}") from None


def table_of(rows: Iterable[Row]) -> Table:
    """Return rows as a table; ValueError where a value is not of its column's type."""
    import pyarrow as pa

    try:
        return pa.Table.from_pylist(list(rows), _schema())
    except (pa.ArrowException, OverflowError) as problem:
        raise ValueError(str(problem)) from None


def write_table(path: Path, table: Table) -> None:
    """Write a history, whole or not at all: Parquet, or JSON lines for a `.jsonl` file.

    Raises:
        StoreError: It cannot be written, or what is there is no history.
    """
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    mark = b'"run_id"' if path.suffix == ".jsonl" else b"PAR1"
    try:
        if not is_free_for(path, mark):
            raise StoreError(
                f"{str(path)!r} is there and is no history; it stays as it is: choose another file"
            )
        if path.suffix == ".jsonl":
            buffer.writelines(map(compact, table.to_pylist()))
        else:
            pq.write_table(table, buffer, compression="zstd")
        write_atomic(path, buffer.getvalue())
    except (OSError, ValueError) as problem:
        why = reason_of(problem)
        raise StoreError(f"cannot write the history to {str(path)!r}: {why}") from None


def add_runs(folder: Path, table: Table) -> int:
    """Add runs to a folder, a file `RUN-ID.parquet` each, and return how many were added.

    No existing file changes, and a run that has one is not added again.

    Raises:
        StoreError: It cannot be written.
    """
    import pyarrow.compute as pc

    stored = {path.stem.rpartition("-")[2] for path in folder.glob("*.parquet")}
    runs = dict(zip(table["run_id"].to_pylist(), table["run"].to_pylist(), strict=True))
    new = {run_id: run for run_id, run in runs.items() if run_id not in stored}
    for run_id, run in new.items():
        own = table.filter(pc.equal(table["run_id"], run_id))
        write_table(folder / f"{run}-{run_id}.parquet", own)
    return len(new)


def _schema() -> Any:
    import pyarrow as pa

    types: dict[SqlType, Any] = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "DOUBLE[]": pa.list_(pa.float64()),
    }
    return pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
