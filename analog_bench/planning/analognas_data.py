"""AnalogNAS-Bench: 15,625 cells of NAS-Bench-201 on CIFAR-10, digital and under drift.

The data set is IBM's (Apache-2.0, https://github.com/IBM/analog-nas, analognasbench). Accuracies
are in percent; those after drift are of networks trained hardware-aware.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analog_bench.errors import DataError, UsageError, reason_of
from analog_bench.planning.nas_cells import check_cell
from analog_bench.regular_file import read_regular
from analog_bench.tasks.data_folder import ANALOGNAS_FILE, DATA_VARIABLE, data_folder

CORRUPT = "000000"
"""The cell with only skips: 87.5 % after a minute of drift, yet 60.8 % without any noise."""
_CELL, _DIGITAL, _MINUTE, _DAY, _MONTH = _COLUMNS = (
    *("arch", "baseline_accuracy"),
    *("analog_drift_60", "analog_drift_86400", "analog_drift_2592000"),
)


@dataclass(frozen=True)
class CellScores:
    """Measurements of every cell; arrays have shape (cells,).

    Attributes:
        cells: The digits of each cell.
        digital: Accuracy without noise.
        one_day: Accuracy after a day.
        avm: Accuracy after a month − accuracy after a minute; 0 if nothing is lost.
    """

    cells: tuple[str, ...]
    digital: NDArray[np.float64]
    one_day: NDArray[np.float64]
    avm: NDArray[np.float64]


def default_file() -> Path:
    """Return the expected path of AnalogNAS-Bench.

    Raises:
        UsageError: ANALOG_BENCH_DATA is not set.
    """
    folder = data_folder()
    if folder is None:
        raise UsageError(
            f"no AnalogNAS-Bench: give --data its CSV file, or set {DATA_VARIABLE} to a folder "
            f"with {ANALOGNAS_FILE}"
        )
    return folder / ANALOGNAS_FILE


def read_analognas_bench(path: Path) -> CellScores:
    """Read AnalogNAS-Bench from a CSV file, plain or gzipped, without its corrupt row.

    Raises:
        DataError: The file cannot be read or lacks a column; or a row has no valid cell, repeats
            one, or has an accuracy that is not a percentage.
    """
    try:
        content = read_regular(path)
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()
    except OSError as problem:
        raise DataError(f"cannot read {path}: {reason_of(problem)}") from None
    except (EOFError, zlib.error, UnicodeDecodeError) as problem:
        raise DataError(f"{path} is damaged, or no CSV file: {problem}") from None
    rows = csv.DictReader(io.StringIO(text))
    missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise DataError(f"{path} is not AnalogNAS-Bench's table: it has no column {missing[0]!r}")
    found: dict[str, list[float]] = {}
    for number, row in enumerate(rows, 2):
        try:
            cell = check_cell(row[_CELL])
            if cell in found:
                raise DataError(f"cell {cell} is there twice")
            found[cell] = [_percentage(row, name) for name in _COLUMNS[1:]]
        except DataError as problem:
            raise DataError(f"{path}, line {number}: {problem}") from None
    found.pop(CORRUPT, None)
    table = np.array(list(found.values()), dtype=np.float64).reshape(-1, len(_COLUMNS) - 1)
    digital, minute, day, month = table.T
    return CellScores(tuple(found), digital, day, month - minute)


def _percentage(row: dict[str, str], name: str) -> float:
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        value = -1.0
    if not 0 <= value <= 100:
        raise DataError(f"{name} is {row[name]!r}, where a percentage belongs")
    return value
