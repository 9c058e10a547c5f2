"""Columns side by side: which of them fit a terminal, and the table that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.box import SIMPLE_HEAD, Box
from rich.cells import cell_len, set_cell_size
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from analog_bench.report.glyphs import Glyphs
from analog_bench.report.labels import short_layers

LAYER = "layer"
_SIMPLE_HEAD_ASCII = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_GAP = 2
_NARROWEST_LAYER = 12


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        header: What heads it.
        cells: One a row.
        rank: How soon it is left out where the width is short: 0 never, the highest first.
        justify: Side its cells stand on.
        folds: Whether its texts may fold where even the columns that stay are too wide; where none
            may, all do: a number cut short would lie.
    """

    header: str
    cells: tuple[Text, ...]
    rank: int
    justify: JustifyMethod = "right"
    folds: bool = False

    @property
    def width(self) -> int:
        """Terminal cells that the widest of its texts takes."""
        return max(cell_len(self.header), *(cell.cell_len for cell in self.cells))


def plain_column(
    header: str, rank: int, texts: Iterable[str], glyph: Glyphs, justify: JustifyMethod = "right"
) -> Column:
    """Return a column of plain texts; empty ones show that there is nothing to show."""
    cells = (Text(text) if text else Text(glyph.absent, style="dim") for text in texts)
    return Column(header, tuple(cells), rank, justify)


def fitting(possible: Sequence[Column], width: int, glyph: Glyphs) -> list[Column]:
    """Choose the columns that fit, and how the layers' names are spelt.

    Args:
        possible: The columns, from left to right; one is headed `LAYER` and holds full names.
        width: Columns of the terminal.
        glyph: The signs to draw with.

    Returns:
        Those of rank 0 and, in the order of their ranks, as many as there is room for; names are
        shortened where they are too long, never so that two become equal unless they are cut.
    """
    full = next(column for column in possible if column.header == LAYER)
    names = [cell.plain for cell in full.cells]
    spelt = short_layers(sorted(set(names)), glyph.ellipsis)
    short = replace(full, cells=tuple(Text(spelt[name]) for name in names))

    def room(kept: Sequence[Column]) -> int:
        others = sum(column.width for column in kept if column is not full)
        return width - others - _GAP * (len(kept) - 1)

    kept = [column for column in possible if column.rank == 0]
    for rank in sorted({column.rank for column in possible} - {0}):
        more = [column for column in possible if column in kept or column.rank == rank]
        if room(more) < short.width:
            break
        kept = more
    space = max(room(kept), _NARROWEST_LAYER)
    layer = full if full.width <= space else short
    if layer.width > space:
        layer = replace(layer, cells=tuple(_cut(cell, space, glyph) for cell in layer.cells))
    return [layer if column is full else column for column in kept]


def laid_out(chosen: Sequence[Column], title: str, caption: Text, *, ascii_only: bool) -> Table:
    """Return the table that columns make.

    Args:
        chosen: The columns, from left to right, all with as many cells.
        title: Heading.
        caption: What stands below.
        ascii_only: Draw with ASCII alone.

    Returns:
        The table; where it is wider than the terminal its texts fold.
    """
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        caption=caption,
        caption_style="",
        caption_justify="left",
        box=_SIMPLE_HEAD_ASCII if ascii_only else SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    for column in chosen:
        table.add_column(
            Text(column.header),
            justify=column.justify,
            width=None if column.folds else column.width,
            overflow="fold",
        )
    for cells in zip(*(column.cells for column in chosen), strict=True):
        table.add_row(*cells)
    return table


def _cut(name: Text, space: int, glyph: Glyphs) -> Text:
    """Shorten a name in its middle: the block stands at its front, the part at its end."""
    plain = name.plain
    if cell_len(plain) <= space:
        return name
    kept = space - cell_len(glyph.ellipsis)
    front = set_cell_size(plain, kept // 3)
    back = set_cell_size(plain[::-1], kept - kept // 3)[::-1]
    return Text(f"{front}{glyph.ellipsis}{back}")
