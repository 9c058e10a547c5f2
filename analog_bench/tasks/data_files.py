"""Data files that other modules interpret: users' texts, parquet of locked data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analog_bench.codec import one_line
from analog_bench.errors import DataError
from analog_bench.regular_file import open_regular, read_regular


def read_columns(path: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Read columns of a parquet file as rows of plain values.

    Raises:
        DataError: It is not a parquet file, or lacks a column.
    """
    try:
        # Opened here, because pyarrow would interpret characters of a path as patterns or
        # partitions.
        with open_regular(path) as file:
            table = pq.read_table(file)
        rows: list[dict[str, Any]] = table.select(list(names)).to_pylist()
    except (OSError, KeyError, pa.ArrowException) as problem:
        raise DataError(
            f"{path} is no parquet file with {', '.join(names)}: {one_line(str(problem))}"
        ) from None
    return rows


def read_text_file(path: Path, missing: str) -> str:
    """Read a UTF-8 file, without its byte order mark and with line ends unchanged.

    Raises:
        DataError: It cannot be read or is not text; the message is `missing` if it does not exist.
    """
    try:
        content = read_regular(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(missing) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"cannot read {path}: {problem}") from None
    if "\0" in content:
        raise DataError(f"{path} holds NUL characters: it is no text in UTF-8")
    return content
