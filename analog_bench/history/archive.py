"""Where runs are read from, and how a history is kept: run files, Parquet and JSON lines."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from analog_bench.atomic_file import write_atomic
from analog_bench.codec import compact, convert, read_json
from analog_bench.errors import StoreError
from analog_bench.history.row import COLUMNS, Row, Type, rows_of, run_id_of
from analog_bench.store.run import Manifest
from analog_bench.store.run_file import run_from_json

Table: TypeAlias = Any
"""A pyarrow table with the columns of `COLUMNS`."""

RUN_FILES = "bench-*.json"
KEPT = (".parquet", ".jsonl")
_WHAT_NOW = "run `pytest bench` first, or name run files or folders of them"


@dataclass(frozen=True)
class Sources:
    """The files of a history.

    Attributes:
        named: Run files that the user named: each must be readable.
        found: Run files that lay in a folder: what cannot be read is told, and left out.
        parquet: Histories as Parquet.
        lines: Histories as JSON lines.
    """

    named: tuple[Path, ...]
    found: tuple[Path, ...]
    parquet: tuple[Path, ...]
    lines: tuple[Path, ...]


def sources_of(paths: Sequence[Path]) -> Sources:
    """Look at what the user named.

    Args:
        paths: Run files, histories (`.parquet`, `.jsonl`), and folders of either.

    Returns:
        The files, each once.

    Raises:
        StoreError: There is no such file or folder, or none of the folders holds anything.
    """
    for path in paths:
        if not path.exists():
            raise StoreError(
                f"no runs at {str(path)!r}: there is no such file or folder; {_WHAT_NOW}"
            )
    folders = [path for path in paths if path.is_dir()]
    files = [path for path in paths if path not in folders]
    named = [path for path in files if path.suffix not in KEPT]
    found = [file for path in folders for file in sorted(path.glob(RUN_FILES))]
    kept = [path for path in files if path.suffix in KEPT]
    kept += [
        file for path in folders for suffix in KEPT for file in sorted(path.glob(f"*{suffix}"))
    ]
    if not (named or found or kept):
        where = ", ".join(repr(str(path)) for path in paths)
        raise StoreError(
            f"no runs in {where}: there is neither a {RUN_FILES} nor a history; {_WHAT_NOW}"
        )
    return Sources(
        named=tuple(dict.fromkeys(named)),
        found=tuple(dict.fromkeys(found)),
        parquet=tuple(dict.fromkeys(path for path in kept if path.suffix == ".parquet")),
        lines=tuple(dict.fromkeys(path for path in kept if path.suffix == ".jsonl")),
    )


class _Headed(Struct):
    manifest: Manifest


def unknown_run(path: Path, known: Collection[str]) -> Table | None:
    """Read a run file as a table.

    Args:
        path: The file.
        known: Ids of runs that need not be read.

    Returns:
        Its rows; None where the run is known.

    Raises:
        StoreError: It is missing or does not follow the schema.
    """
    try:
        document = read_json(path)
        # A run that is known need not be of a schema that this release reads.
        if run_id_of(convert(document, _Headed).manifest) in known:
            return None
        return table_of(rows_of(run_from_json(document), path.stem))
    except FileNotFoundError:
        raise StoreError(f"no run file at {str(path)!r}; a finished run writes one") from None
    except ValueError as problem:  # not as the schema has it, or a case twice
        raise StoreError(f"run file {str(path)!r}: {problem}") from None


def table_of(rows: Iterable[Row]) -> Table:
    """Return rows as a table."""
    import pyarrow as pa

    listed = list(rows)
    kinds: dict[Type, Any] = {
        "text": pa.string(),
        "whole": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "numbers": pa.list_(pa.float64()),
    }
    return pa.table(
        {
            column.name: pa.array([row[column.name] for row in listed], kinds[column.type])
            for column in COLUMNS
        }
    )


def write_table(path: Path, table: Table) -> None:
    """Write a history: Parquet, or JSON lines where the file's name ends in `.jsonl`.

    Args:
        path: The file; it is either the old one or the whole new one.
        table: The rows.

    Raises:
        StoreError: It cannot be written.
    """
    try:
        write_atomic(path, _jsonl(table) if path.suffix == ".jsonl" else _parquet(table))
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise StoreError(f"cannot write the history to {str(path)!r}: {why}") from None


def add_runs(folder: Path, table: Table) -> int:
    """Add runs to a folder, a Parquet file each: `RUN-ID.parquet`.

    No file that is there changes, and a run that has one is not added again.

    Args:
        folder: The folder; it is made where missing.
        table: The rows of the runs.

    Returns:
        How many were added.

    Raises:
        StoreError: It cannot be written.
    """
    import pyarrow.compute as pc

    there = {path.stem.rpartition("-")[2] for path in folder.glob("*.parquet")}
    runs = dict(zip(table["run_id"].to_pylist(), table["run"].to_pylist(), strict=True))
    fresh = {run_id: run for run_id, run in runs.items() if run_id not in there}
    for run_id, run in fresh.items():
        own = table.filter(pc.equal(table["run_id"], run_id))
        write_table(folder / f"{run}-{run_id}.parquet", own)
    return len(fresh)


def _parquet(table: Table) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _jsonl(table: Table) -> bytes:
    return b"".join(map(compact, table.to_pylist()))
