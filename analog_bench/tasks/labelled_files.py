"""Read labelled texts for classifiers from CSV, TSV, JSON lines and GLUE's own files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import chain
from pathlib import Path

from analog_bench.codec import DocumentError, one_line, parse
from analog_bench.errors import DataError
from analog_bench.tasks.data_files import read_text_file
from analog_bench.tasks.task import rows_hash


@dataclass(frozen=True)
class LabelledText:
    """A text, or a pair of texts, and its true label.

    Attributes:
        key: Identity within the data.
        text: The text, or the first one of a pair.
        second: The second text of a pair, else None.
        label: The label as in the data: a name or a number.
    """

    key: str
    text: str
    second: str | None
    label: str


def content_hash(rows: Iterable[LabelledText]) -> str:
    """Return the sha256 of everything that is read and scored."""
    return rows_hash(map(astuple, rows))


@dataclass(frozen=True)
class _Columns:
    """Which columns hold the text, a second one, and the label."""

    text: str
    second: str | None
    label: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in (self.text, self.second, self.label) if name is not None)


# The first whose columns a file has is taken. Pairs come before the single texts they include.
_KNOWN = (
    _Columns("text", "text_pair", "label"),
    _Columns("question", "sentence", "label"),  # QNLI
    _Columns("sentence1", "sentence2", "label"),  # RTE, WNLI
    _Columns("sentence1", "sentence2", "gold_label"),  # MNLI
    _Columns("#1 String", "#2 String", "Quality"),  # MRPC
    _Columns("question1", "question2", "is_duplicate"),  # QQP
    _Columns("premise", "hypothesis", "label"),
    _Columns("text", None, "label"),
    _Columns("sentence", None, "label"),  # SST-2
)
_COLA = ("source", "label", "original_label", "sentence")
"""CoLA's columns, which its files do not name."""
_WHAT_NOW = "columns text, label and perhaps text_pair are expected, or those of a GLUE task"
_Rows = Iterator[tuple[int, Sequence[str]]]


def read_labelled(path: Path) -> list[LabelledText]:
    """Read a `.csv`, `.tsv` or `.jsonl` file of texts or pairs of texts with labels.

    CSV is quoted as in RFC 4180. In TSV a quotation mark is an ordinary character, as in GLUE. The
    first line names the columns, except in CoLA's files. Every line of JSON lines is an object with
    these names.

    Raises:
        DataError: The file is missing, unreadable or empty, or a line lacks a field; the message
            names the line.
    """
    content = read_text_file(path, f"no data file at {path}; {_WHAT_NOW}")
    rows = _objects(content, path) if path.suffix.lower() == ".jsonl" else _lines(content, path)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path} holds no texts; {_WHAT_NOW}")
    header = first[1]
    columns = next((known for known in _KNOWN if {*known.names} <= {*header}), None)
    if columns is None:
        nameless = path.suffix.lower() == ".tsv" and len(header) == len(_COLA)
        if not nameless or header[1] not in ("0", "1"):
            raise DataError(f"{path}: {_no_columns(header)}")
        columns = _Columns("sentence", None, "label")
        rows, header = chain([first], rows), _COLA
    for name in columns.names:
        if list(header).count(name) > 1:
            raise DataError(f"{path}: two columns are called {name!r}")
    texts = [_labelled(number, row, header, columns, path) for number, row in rows]
    if not texts:
        raise DataError(f"{path} names its columns and holds no texts")
    return texts


def _lines(content: str, path: Path) -> _Rows:
    """Yield each line's number and fields."""
    text = io.StringIO(content, newline="")
    if path.suffix.lower() == ".tsv":
        reader = csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(text, strict=True)
    while True:
        began = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as problem:
            raise DataError(f"{path}, line {began}: {problem}") from None
        if row is None:
            return
        if row:
            yield began, row


def _objects(content: str, path: Path) -> _Rows:
    """Yield the first object's names as a line, then the values of every object."""
    names: list[str] = []
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        at = f"{path}, line {number}"
        try:
            found = parse(line.encode())
        except DocumentError as problem:
            raise DataError(f"{at}: {problem}") from None
        if not isinstance(found, dict):
            raise DataError(f"{at}: every line must be an object")
        if not names:
            names = list(found)
            yield number, names
        if missing := [name for name in names if name not in found]:
            raise DataError(f"{at}: it has no {missing[0]!r}, which the first line has")
        yield number, [_spelt(found[name]) for name in names]


def _spelt(value: object) -> str:
    """Return a text or an integer as text, and an empty text for any other value."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _labelled(
    number: int, row: Sequence[str], header: Sequence[str], columns: _Columns, path: Path
) -> LabelledText:
    at = f"{path}, line {number}"
    if len(row) != len(header):
        raise DataError(f"{at}: {len(row)} fields, where {len(header)} columns are named")
    fields: Mapping[str, str] = dict(zip(header, row, strict=True))
    for name in columns.names:
        if not fields[name].strip():
            raise DataError(f"{at}: its {name} is missing or blank")
    return LabelledText(
        key=str(number),
        text=fields[columns.text].strip(),
        second=None if columns.second is None else fields[columns.second].strip(),
        label=fields[columns.label].strip(),
    )


def _no_columns(header: Sequence[str]) -> str:
    found = one_line(", ".join(header) or "none", 80)
    texts = {known.text for known in _KNOWN} & {*header}
    if texts and not {known.label for known in _KNOWN} & {*header}:
        return (
            f"no column of labels among {found}: GLUE's test files have none, its dev files have; "
            f"{_WHAT_NOW}"
        )
    return f"its columns are {found}; {_WHAT_NOW}"
