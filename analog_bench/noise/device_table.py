"""Read measurements of memory cells from a CSV file: programming spread, drift and read noise.

The header line names the columns, and each name carries its unit. Lines that begin with `#` are
comments.

 column | meaning |
---|---|
 `g_us`, or `g_rel` | conductance, ascending, in µS or as a share of the largest |
 `sigma_us`, or `sigma_rel` | standard deviation of the conductance after programming, unit as `g` |
 `nu_mean`, `nu_std` | mean and standard deviation of the drift exponent at that conductance |
 `read_sigma_us`, or `read_sigma_rel` | standard deviation of one read, unit as `g` |
 `time_s`, `factor` | retention: seconds since programming, share of the conductance left |

The first two are required. Retention replaces `nu_mean`. It is a second table in the same file: a
row that belongs to only one of the two tables leaves the cells of the other empty.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from analog_bench.content_name import content_name, is_content_name
from analog_bench.defining_files import note_file
from analog_bench.errors import UsageError, did_you_mean, reason_of
from analog_bench.regular_file import names_beside, read_regular


class _Range(NamedTuple):
    least: float
    most: float


# From an open to a shorted device, in µS. A factor may exceed 1 because some cells gain at first.
_SIEMENS, _SHARE = _Range(0.0, 1e6), _Range(0.0, 1.0)
_RETENTION = {"time_s": _Range(1e-9, 1e12), "factor": _Range(1e-6, 2.0)}
_SMALLEST_LARGEST_US = 1e-3
# Relative spacing that float32 still resolves.
_LEAST_STEP = 1e-6
_MOST_BYTES = 2**24


@dataclass(frozen=True)
class DeviceTable:
    """A validated device table, in µS or in shares of the largest conductance throughout.

    `sigma`, `nu_mean`, `nu_std` and `read_sigma` have one value per entry of `g`, and `factor` has
    one per entry of `time_s`. Columns that the file lacks are empty.
    """

    name: str
    g: tuple[float, ...]
    sigma: tuple[float, ...]
    nu_mean: tuple[float, ...] = ()
    nu_std: tuple[float, ...] = ()
    read_sigma: tuple[float, ...] = ()
    time_s: tuple[float, ...] = ()
    factor: tuple[float, ...] = ()

    @property
    def depends_on_time(self) -> bool:
        """Whether anything changes after programming."""
        return bool(self.nu_mean or self.read_sigma or self.time_s)

    def left_after(self, seconds: float) -> float:
        """Return the share of the conductance left after a time, from the retention columns.

        The share is 1 at time 0 and is interpolated linearly in the logarithm of time between rows.

        Raises:
            UsageError: The time is not 0 and lies outside the table.
        """
        times, factors = self.time_s, self.factor
        if not times or seconds == 0:
            return 1.0
        if not times[0] <= seconds <= times[-1]:
            raise UsageError(
                f"{self.name} holds retention from {times[0]:g} to {times[-1]:g} s, found a drift "
                f"time of {seconds:g} s; choose 0 or one between, or add a row"
            )
        place = max(1, next(n for n, time in enumerate(times) if seconds <= time))
        low, high = times[place - 1], times[place]
        share = math.log(seconds / low) / math.log(high / low)
        return factors[place - 1] + share * (factors[place] - factors[place - 1])


_TABLES: dict[str, DeviceTable] = {}


def load_device_table(file: str) -> str:
    """Read a device table and return the name under which `device_table` finds it.

    The name is the file's `content_name`. An empty text, or one that already is such a name and not
    a file, is returned unchanged, because results are also read where the file does not exist.

    Raises:
        UsageError: The file does not exist or is not a device table.
    """
    path = Path(file)
    if not file or (is_content_name(file) and not os.path.lexists(path)):
        return file
    try:
        content = read_regular(path, _MOST_BYTES)
        name = content_name(path, content)
        if name not in _TABLES:
            _TABLES[name] = _parsed(file, name, content.decode("utf-8-sig"))
            note_file(name, path, content)
    except OSError as problem:
        # A dangling link exists, so "no such file" would mislead.
        if isinstance(problem, FileNotFoundError) and not os.path.lexists(path):
            hint = did_you_mean(path.name, names_beside(path, "*.csv"))
            raise UsageError(f"no device table {file!r}; {hint}") from None
        why = reason_of(problem)
        raise UsageError(f"{file} cannot be read as a device table: {why}") from None
    except (UnicodeDecodeError, csv.Error) as problem:
        raise UsageError(f"{file} cannot be read as a device table: {problem}") from None
    return name


def device_table(name: str) -> DeviceTable | None:
    """Return the table that `load_device_table` read under this name; None if it read none."""
    return _TABLES.get(name)


def _parsed(file: str, name: str, text: str) -> DeviceTable:
    lines = [
        (number, [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True))])
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise UsageError(
            f"{file} is empty; a device table begins with a line such as g_us,sigma_us"
        )
    (top, header), rows = lines[0], lines[1:]
    unit = "rel" if "g_rel" in header else "us"
    by_g = {f"g_{unit}": _SIEMENS, f"sigma_{unit}": _SIEMENS, f"read_sigma_{unit}": _SIEMENS}
    by_g |= {"nu_mean": _SHARE, "nu_std": _SHARE}
    _check_header(f"{file}, line {top}", header, by_g)
    for number, cells in rows:
        if len(cells) != len(header):
            raise UsageError(
                f"{file}, line {number} has {len(cells)} cells under {len(header)} columns"
            )
    columns = _numbers(file, header, rows, by_g) | _numbers(file, header, rows, _RETENTION)
    table = DeviceTable(name, **{key.removesuffix(f"_{unit}"): v for key, v in columns.items()})
    _check_size(file, table, unit)
    return table


def _check_header(at: str, header: Sequence[str], by_g: Mapping[str, _Range]) -> None:
    known = {*by_g, *_RETENTION}
    for place, column in enumerate(header):
        if column not in known:
            hint = did_you_mean(column, known)
            if ";" in column or "\t" in column:
                hint = "separate columns by commas"
            raise UsageError(f"{at}: no column {column!r}; {hint}")
        if column in header[:place]:
            raise UsageError(f"{at}: the column {column} is there twice")
    conductance, sigma, *_ = by_g
    needs = {conductance: sigma, sigma: conductance, "nu_std": "nu_mean"}
    needs |= dict(zip(_RETENTION, reversed(_RETENTION), strict=True))
    for column, other in needs.items():
        if (column in header or column == conductance) and other not in header:
            raise UsageError(f"{at}: the column {other} is missing")
    if "nu_mean" in header and "time_s" in header:
        raise UsageError(f"{at}: nu_mean and time_s both say what is lost; leave one of them out")


def _numbers(
    file: str,
    header: Sequence[str],
    rows: Sequence[tuple[int, Sequence[str]]],
    known: Mapping[str, _Range],
) -> dict[str, tuple[float, ...]]:
    """Return the known columns by name, from the rows that fill any of them."""
    places = {column: header.index(column) for column in known if column in header}
    found: dict[str, list[float]] = {column: [] for column in places}
    for number, cells in rows:
        if not any(cells[place] for place in places.values()):
            continue
        for nth, (column, place) in enumerate(places.items()):
            at = f"{file}, line {number}, column {column}"
            value = _number(at, cells[place], known[column])
            earlier = found[column]
            if nth == 0 and earlier and value <= earlier[-1] * (1 + _LEAST_STEP):
                raise UsageError(
                    f"{at} must go up from row to row, found {value:g} below {earlier[-1]:g}"
                )
            earlier.append(value)
    for column, values in found.items():
        if len(values) < 2:
            raise UsageError(
                f"{file} must have two rows or more in column {column}, found {len(values)}"
            )
    return {column: tuple(values) for column, values in found.items()}


def _number(at: str, cell: str, within: _Range) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not within.least <= value <= within.most:
        raise UsageError(
            f"{at} must be a number from {within.least:g} to {within.most:g}, found {cell!r}"
        )
    return value


def _check_size(file: str, table: DeviceTable, unit: str) -> None:
    largest = table.g[-1]
    if unit == "rel" and largest != 1.0:
        raise UsageError(
            f"{file}: g_rel are shares of the largest conductance, so the last is 1, "
            f"found {largest:g}"
        )
    if largest < _SMALLEST_LARGEST_US:
        raise UsageError(f"{file}: g_us ends at {largest:g} µS; is it in siemens? 1 S is 1e6 µS")
    for column, values in (("sigma", table.sigma), ("read_sigma", table.read_sigma)):
        if max(values, default=0.0) > largest:
            raise UsageError(
                f"{file}: {column}_{unit} reaches {max(values):g}, beyond the largest conductance, "
                f"{largest:g}; are both in the same unit?"
            )
