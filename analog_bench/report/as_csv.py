"""Tables as CSV: a number a cell; an estimate and its intervals have columns of their own."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from analog_bench.report.estimates import split_estimate
from analog_bench.report.measured_on import OVER_BOTH
from analog_bench.report.table import Cell, Column, Table
from analog_bench.report.words import ABSENT, MINUS

_PARTS = ("", "± over chips", "± over chips and examples")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")


def csv_text(table: Table) -> str:
    """Return a table as CSV with a line of headings; what is absent is empty, minus is ASCII's."""
    columns = [
        _fields(column, [row[n] for row in table.rows]) for n, column in enumerate(table.columns)
    ]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(
        [field for fields in row for field in fields] for row in zip(*columns, strict=True)
    )
    return written.getvalue()


def _fields(column: Column, cells: Sequence[Cell]) -> list[Sequence[str]]:
    """Return the lines of a column, its heading first: as many fields in each as it needs."""
    texts = [_plain(cell.text) for cell in cells]
    if not column.right:
        return [(column.header,), *((text,) for text in texts)]
    rows = [split_estimate(_THOUSANDS.sub("", text)) for text in texts]
    width = max(map(len, rows), default=1)
    header = column.header.removesuffix(OVER_BOTH).strip()
    heading = [f"{header} {part}".strip() for part in _PARTS[:width]]
    return [heading, *((*row, *[""] * (width - len(row))) for row in rows)]


def _plain(text: str) -> str:
    plain = " ".join(text.split()).replace(MINUS, "-")
    return "" if plain == ABSENT else plain
