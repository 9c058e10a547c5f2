"""The one table of every report, and the headings and paragraphs around it.

Pure data: `as_terminal`, `as_markdown` and the page's templates draw it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from analog_bench.gate.case_verdicts import Kind
from analog_bench.report.words import ABSENT

T = TypeVar("T")

Role: TypeAlias = Kind | Literal["", "good", "bad", "unsure", "strong", "muted", "worst", "code"]
"""What a text means, which every drawing shows in its own way; a verdict is a role."""


@dataclass(frozen=True)
class Cell:
    """A text with its meaning: a cell of a table, or a piece of a line.

    Attributes:
        text: The text; it may have several lines.
        note: A remark: below the text in a terminal and in Markdown, a tooltip on the page.
        short: A shorter spelling for narrow terminals; empty where there is none.
        href: Address of the raw values on the page; empty without.
        bar: Length of a bar that stands in place of the text, 0 to 1.
        heat: Depth of the background's colour on the page, 0 to 1.
        value: Number to sort by on the page.
    """

    text: str
    role: Role = ""
    note: str = ""
    short: str = ""
    href: str = ""
    bar: float | None = None
    heat: float | None = None
    value: float | None = None


SINCE = "since baseline"
"""What heads verdicts: they are on the change since the stored baseline, not on the loss."""

Line: TypeAlias = tuple[Cell, ...]
"""A line of text in pieces, each with its role."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        right: Whether its cells are flush right, as numbers are.
        priority: How soon it is left out where there is no room: 0 never, the highest first.
        folds: Whether its texts may be broken where even the columns that stay are too wide; where
            no column's may, all may: a number cut short would lie.
        notes: Sentences on what it holds; shown wherever the column is.
        tooltip: Remark on its heading, on the page.
        heat: Whether the page colours its cells by their heat, and sorts rows by it.
        names_rows: Whether its cells name their rows: headings on the page, and shortened, in
            their middle if need be, where a terminal has little room.
    """

    header: str
    right: bool = False
    priority: int = 0
    folds: bool = False
    notes: tuple[str, ...] = ()
    tooltip: str = ""
    heat: bool = False
    names_rows: bool = False


@dataclass(frozen=True)
class Table:
    """A table with paragraphs below it; the frame is a rule below the headings, or a grid."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[Line, ...] = ()
    frame: Literal["plain", "rule", "grid"] = "plain"


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is that of a whole document."""

    text: str
    level: int = 3
    role: Role = "strong"


@dataclass(frozen=True)
class Paragraph:
    """Lines of text, each of which begins on its own line, or the points of a list."""

    lines: tuple[Line, ...]
    bullets: bool = False


Block: TypeAlias = Table | Heading | Paragraph
Blocks: TypeAlias = Sequence[Block]

Spelling: TypeAlias = Callable[[T], Cell | str]


def tabulate(
    items: Iterable[T],
    columns: Iterable[tuple[Column, Spelling[T]]],
    *,
    notes: Iterable[Line | str] = (),
    frame: Literal["plain", "rule", "grid"] = "plain",
) -> Table:
    """Return the table with a row for each item, from columns with their functions of an item.

    An empty string becomes the sign that there is nothing to show.
    """
    pairs = list(columns)
    rows = tuple(tuple(_cell(spell(item)) for _, spell in pairs) for item in items)
    lines = tuple(line(note) if isinstance(note, str) else note for note in notes)
    return Table(tuple(column for column, _ in pairs), rows, lines, frame)


def number(header: str, spell: Spelling[T], **more: Any) -> tuple[Column, Spelling[T]]:
    """Return a column of numbers, flush right, with what spells them."""
    return Column(header, right=True, **more), spell


def line(text: str, role: Role = "") -> Line:
    """Return a line of one piece."""
    return (Cell(text, role),)


def paragraph(*texts: str, role: Role = "") -> Paragraph:
    """Return lines of one role."""
    return Paragraph(tuple(line(text, role) for text in texts))


def linked(text: str, href: str) -> Cell:
    """Return a cell that leads to its raw values; one that shows nothing leads nowhere."""
    return Cell(text, href=href) if text else absent()


def absent() -> Cell:
    """Return the cell that shows that there is nothing to show."""
    return Cell(ABSENT, "muted")


def _cell(given: Cell | str) -> Cell:
    if isinstance(given, Cell):
        return given
    return Cell(given) if given else absent()
