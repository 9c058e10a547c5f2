"""Columns of the one parquet file that a locked data set consists of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analog_bench.codec import one_line
from analog_bench.errors import DataError
from analog_bench.regular_file import open_regular


def read_columns(path: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Read columns as rows of plain values.

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
