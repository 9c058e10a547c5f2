"""Files of data that other modules make sense of: texts of users, parquet of locked data sets."""

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
        DataError: It is no such file, or lacks a column.
    """
    try:
        # Opened here: by name, characters of it would be taken for patterns or partitions.
        with open_regular(path) as file:
            table = pq.read_table(file)
        rows: list[dict[str, Any]] = table.select(list(names)).to_pylist()
    except (OSError, KeyError, pa.ArrowException) as problem:
        raise DataError(
            f"{path} is no parquet file with {', '.join(names)}: {one_line(str(problem))}"
        ) from None
    return rows


def read_text_file(path: Path, missing: str) -> str:
    """Read a file in UTF-8, without a byte order mark and with line ends as they are.

    Raises:
        DataError: It cannot be read or is no text; says `missing` where there is none.
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
