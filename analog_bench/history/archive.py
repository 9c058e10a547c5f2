"""Where runs are read from, and how a history is kept: run files, Parquet and JSON lines."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from analog_bench.errors import StoreError
from analog_bench.history.row import COLUMNS, Row, Type, rows_of, run_id_of
from analog_bench.store.atomic_file import write_atomic
from analog_bench.store.document import DocumentError, load
from analog_bench.store.layout import one_line
from analog_bench.store.run_file import read_run
from analog_bench.store.schema import manifest_from_json

Table: TypeAlias = Any
"""A pyarrow table with the columns of `COLUMNS`."""

RUN_FILES = "bench-*.json"
_KEPT = (".parquet", ".jsonl")


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
    kept = [path for path in paths if path.suffix in _KEPT]
    named = [path for path in paths if path.suffix not in _KEPT and not path.is_dir()]
    found: list[Path] = []
    for path in (path for path in paths if path.is_dir()):
        found += sorted(path.glob(RUN_FILES))
        kept += [file for suffix in _KEPT for file in sorted(path.glob(f"*{suffix}"))]
    for path in kept:
        if not path.is_file():
            raise StoreError(f"there is no history at {str(path)!r}")
    if not (named or found or kept):
        where = ", ".join(repr(str(path)) for path in paths)
        raise StoreError(
            f"no runs in {where}: there is neither a {RUN_FILES} nor a history; run `pytest bench` "
            "first, or name run files or folders of them"
        )
    return Sources(
        named=tuple(dict.fromkeys(named)),
        found=tuple(dict.fromkeys(found)),
        parquet=tuple(dict.fromkeys(path for path in kept if path.suffix == ".parquet")),
        lines=tuple(dict.fromkeys(path for path in kept if path.suffix == ".jsonl")),
    )


def table_of_run(path: Path) -> Table:
    """Read a run file as a table.

    Args:
        path: The file.

    Raises:
        StoreError: It is missing or does not follow the schema.
    """
    return table_of(rows_of(read_run(path), path.stem))


def run_id_at(path: Path) -> str:
    """Return the id of a run file's run, without reading what was measured.

    Args:
        path: The file.

    Raises:
        StoreError: It is missing, or its manifest does not follow the schema.
    """
    try:
        return run_id_of(manifest_from_json(load(path).field("manifest")))
    except FileNotFoundError:
        raise StoreError(f"no run file at {str(path)!r}; a finished run writes one") from None
    except DocumentError as problem:
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


def split_by_run(table: Table) -> Iterator[tuple[str, Table]]:
    """Yield a table run by run, with the name of the file that keeps it: `RUN-ID.parquet`."""
    import pyarrow.compute as pc

    pairs = dict(zip(table["run_id"].to_pylist(), table["run"].to_pylist(), strict=True))
    for run_id, name in sorted(pairs.items(), key=lambda pair: (pair[1], pair[0])):
        yield f"{name}-{run_id}.parquet", table.filter(pc.equal(table["run_id"], run_id))


def _parquet(table: Table) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _jsonl(table: Table) -> bytes:
    return b"".join(map(one_line, table.to_pylist()))
