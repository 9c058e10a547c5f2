"""The table of a study: what each layer lost, drawn so that the profile is seen at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.box import SIMPLE_HEAD, Box
from rich.cells import cell_len, set_cell_size
from rich.table import Table
from rich.text import Text

from analog_bench.gate.verdict import Verdict
from analog_bench.report.caption import caption
from analog_bench.report.columns import LAYER, Column, columns
from analog_bench.report.glyphs import Glyphs, glyphs
from analog_bench.report.labels import short_layers
from analog_bench.report.profile import profile
from analog_bench.result import Metric, Result

_SIMPLE_HEAD_ASCII = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_GAP = 2
_NARROWEST_LAYER = 12


def layer_table(
    results: Sequence[Result],
    verdicts: Mapping[str, Verdict],
    metrics: Sequence[Metric],
    *,
    width: int,
    data: str = "",
    title: str = "",
    ascii_only: bool = False,
) -> Table:
    """Draw the table of one study on one model.

    One row a case, by depth; columns for whatever varies among the cases (noise, drift time, tile,
    hardware, weights). Columns of less importance are left out where the width is short. The worst
    layers are marked, and named in words below the table.

    Args:
        results: The study's results, at least one.
        verdicts: Case id to verdict; cases without one show none.
        metrics: Metrics to show, the main one first: the drop, its bar and the marks are its.
        width: Columns of the terminal.
        data: The examples, for the sentence below the table, e.g. `96 embedded questions`.
        title: Heading; study and model by default.
        ascii_only: Draw with ASCII alone, for streams that are not UTF-8.

    Returns:
        The table, `width` columns wide at most (from about 50 on).

    Raises:
        ValueError: No results or no metrics.
    """
    if not results or not metrics:
        raise ValueError("a table needs results and metrics")
    glyph = glyphs(ascii_only)
    rows = profile(results, metrics)
    table = Table(
        title=Text(title or f"{results[0].study}: {results[0].model}", style="bold"),
        title_justify="left",
        caption=caption(rows, metrics, data, glyph),
        caption_style="",
        caption_justify="left",
        box=_SIMPLE_HEAD_ASCII if ascii_only else SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    chosen = _fitting(columns(rows, verdicts, metrics, glyph), width, glyph)
    for column in chosen:
        # Where even the columns that stay are too wide, texts fold: a number cut short would lie.
        table.add_column(
            Text(column.header), justify=column.justify, width=column.width, overflow="fold"
        )
    for cells in zip(*(column.cells for column in chosen), strict=True):
        table.add_row(*cells)
    return table


def _fitting(possible: Sequence[Column], width: int, glyph: Glyphs) -> list[Column]:
    """Return the columns that fit; the layers' names as long as there is room."""
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


def _cut(name: Text, space: int, glyph: Glyphs) -> Text:
    """Shorten a name in its middle: the block stands at its front, the part at its end."""
    plain = name.plain
    if cell_len(plain) <= space:
        return name
    kept = space - cell_len(glyph.ellipsis)
    front = set_cell_size(plain, kept // 3)
    back = set_cell_size(plain[::-1], kept - kept // 3)[::-1]
    return Text(f"{front}{glyph.ellipsis}{back}")
