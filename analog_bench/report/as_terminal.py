"""Tables, headings and paragraphs in a terminal, by rich: as wide as it is, in ASCII if it must."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO, TextIOWrapper

from rich.box import ASCII, ROUNDED, SIMPLE_HEAD, Box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from analog_bench.report.table import (
    Blocks,
    Cell,
    Column,
    Heading,
    Line,
    Paragraph,
    Role,
    Table,
    line,
)

STYLES: Mapping[Role, str] = {
    "regressed": "bold red",
    "broken": "bold red",
    "improved": "bold green",
    "equivalent": "green",
    "inconclusive": "yellow",
    "new": "cyan",
    "stale": "magenta",
    "skipped": "dim",
    "good": "green",
    "bad": "red",
    "unsure": "yellow",
    "worst": "bold red",
    "strong": "bold",
    "muted": "dim",
}
# Signs of formulas by their names, others by the nearest that ASCII has.
_IN_ASCII = str.maketrans(
    {
        **{"µ": "u", "μ": "mu", "σ": "sigma", "ν": "nu", "Σ": "sum", "√": "sqrt", "²": "^2"},
        **dict(zip("×·–−→±▼✕…", ("x", "|", "-", "-", "->", "+-", "!", "x", ".."), strict=True)),
        **dict(zip("▁▂▃▄▅▆▇█", "_.-~=+*#", strict=True)),
    }
)
_BAR_CELLS = 6
_BAR_STEPS = "▏▎▍▌▋▊▉█"
_ASCII_RULE = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_GAP = 2
_NARROWEST = 12
_WIDE = 180
"""The width to name to who misses columns: every table fits."""


@dataclass(frozen=True)
class Drawing:
    """Blocks that rich can print; width and alphabet are those of the console."""

    blocks: Blocks

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for before, block in zip([None, *self.blocks], self.blocks, strict=False):
            if before is not None and not isinstance(before, Heading):
                yield Text("")
            match block:
                case Table():
                    yield from _table(block, options)
                case Heading():
                    yield _text((Cell(block.text, block.role),), options)
                case Paragraph():
                    bullet = (Cell("- "),) if block.bullets else ()
                    yield from (_paragraph((*bullet, *one), options) for one in block.lines)


def printed(blocks: Blocks, width: int, colours: bool = False, encoding: str | None = None) -> str:
    """Return what would be printed to a stream of an encoding, UTF-8 by default."""
    with TextIOWrapper(BytesIO(), encoding or "utf-8", "backslashreplace") as text:
        Console(
            file=text,
            width=width,
            force_terminal=colours,
            color_system="standard" if colours else None,
            legacy_windows=False,
        ).print(Drawing(blocks))
        text.seek(0)
        return text.read()


def in_ascii(text: str) -> str:
    r"""Return a text in ASCII; characters without a likeness are escaped as `\xe9` is."""
    return text.translate(_IN_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def bar(share: float, *, ascii_only: bool = False) -> str:
    """Draw a horizontal bar of six cells at most; of any share above 0 the thinnest piece shows."""
    if not share > 0:
        return ""
    steps = "#" if ascii_only else _BAR_STEPS
    pieces = max(1, round(min(share, 1.0) * _BAR_CELLS * len(steps)))
    full, rest = divmod(pieces, len(steps))
    return steps[-1] * full + (steps[rest - 1] if rest else "")


def _text(pieces: Line, options: ConsoleOptions) -> Text:
    if options.ascii_only:
        pieces = tuple(replace(piece, text=in_ascii(piece.text)) for piece in pieces)
    # Built as Text, so that brackets in names are not taken for markup.
    return Text.assemble(*((cell.text, STYLES.get(cell.role, "")) for cell in pieces))


def _paragraph(pieces: Line, options: ConsoleOptions) -> RenderableType:
    """Return a line that keeps its indentation where it is broken."""
    first, *others = pieces
    start = first.text.lstrip(" ")
    indent = len(first.text) - len(start)
    text = _text((replace(first, text=start), *others), options)
    return Padding(text, (0, 0, 0, indent), expand=False) if indent else text


def _cell(cell: Cell, options: ConsoleOptions) -> Text:
    if cell.bar is not None:
        return Text(bar(cell.bar, ascii_only=options.ascii_only), STYLES.get(cell.role, "blue"))
    note = f"\n{cell.note}" if cell.text and cell.note else cell.note
    return _text((cell, Cell(note, "muted")), options)


def _width(column: Column, cells: Iterable[Text]) -> int:
    lines = (part for cell in cells for part in cell.plain.split("\n"))
    # Words below each other, where there are no numbers whose heading they could be taken for.
    heading = [column.header] if column.right else column.header.split()
    return max(map(cell_len, [*heading, *lines]), default=0)


@dataclass(frozen=True)
class _Drawn:
    column: Column
    cells: tuple[Text, ...]
    short: tuple[Text, ...]

    @property
    def width(self) -> int:
        return _width(self.column, self.cells)


def _columns(table: Table, options: ConsoleOptions) -> list[_Drawn]:
    """Return the columns that there is room for, long names shortened where need be."""
    possible = []
    for n, column in enumerate(table.columns):
        cells = [row[n] for row in table.rows]
        short = [replace(cell, text=cell.short or cell.text) for cell in cells]
        full, shorter = (tuple(_cell(cell, options) for cell in of) for of in (cells, short))
        possible.append(_Drawn(column, full, shorter))
    elastic = next((one for one in possible if one.column.names_rows), None)

    def room(kept: Sequence[_Drawn]) -> int:
        others = sum(one.width for one in kept if one is not elastic)
        return options.max_width - others - _GAP * (len(kept) - 1)

    least = _width(elastic.column, elastic.short) if elastic else 0
    kept = [one for one in possible if one.column.priority == 0]
    for priority in sorted({one.column.priority for one in possible} - {0}):
        more = [one for one in possible if one in kept or one.column.priority == priority]
        if room(more) < least:
            break
        kept = more
    if elastic is None:
        return kept
    space = max(room(kept), _NARROWEST)
    names = elastic.cells if elastic.width <= space else elastic.short
    fitting = replace(elastic, cells=tuple(_cut(name, space) for name in names))
    return [fitting if one is elastic else one for one in kept]


def _cut(name: Text, space: int) -> Text:
    """Shorten a name in its middle: the block stands at its front, the part at its end."""
    if name.cell_len <= space:
        return name
    ellipsis = ".." if name.plain.isascii() else "…"
    kept = space - cell_len(ellipsis)
    front = set_cell_size(name.plain, kept // 3)
    back = set_cell_size(name.plain[::-1], kept - kept // 3)[::-1]
    return Text(f"{front}{ellipsis}{back}")


def _table(table: Table, options: ConsoleOptions) -> Iterator[RenderableType]:
    shown = _columns(table, options)
    rule = _ASCII_RULE if options.ascii_only else SIMPLE_HEAD
    grid = ASCII if options.ascii_only else ROUNDED
    drawn = RichTable(
        box={"plain": None, "rule": rule, "grid": grid}[table.frame],
        show_edge=table.frame == "grid",
        show_lines=table.frame == "grid",
        pad_edge=table.frame == "grid",
        padding=(0, 1, 0, 0 if table.frame == "rule" else 1),
        header_style="dim" if table.frame == "plain" else "bold",
    )
    for one in shown:
        drawn.add_column(
            _text((Cell(one.column.header),), options),
            justify="right" if one.column.right else "left",
            overflow="fold",
            width=None if one.column.folds else one.width,
            ratio=1 if one.column.folds and table.frame == "grid" else None,
        )
    for row in zip(*(one.cells for one in shown), strict=True):
        drawn.add_row(*row)
    yield drawn
    headers = [one.column.header for one in shown]
    notes = [*table.notes]
    notes += map(line, dict.fromkeys(note for one in shown for note in one.column.notes))
    left_out = [c.header for c in table.columns if c.header not in {*headers, ""}]
    if left_out:
        wider = "" if options.max_width >= _WIDE else f" (wider: COLUMNS={_WIDE})"
        notes.append(line(f"Left out for want of width: {', '.join(left_out)}{wider}."))
    if notes:
        yield Text("")
        yield from (_paragraph(note, options) for note in notes)
