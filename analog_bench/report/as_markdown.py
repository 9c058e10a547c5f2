"""Tables, headings and paragraphs in Markdown: step summaries, issues, `--markdown`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analog_bench.report.table import Blocks, Cell, Heading, Line, Paragraph, Table, line


def markdown(blocks: Blocks) -> str:
    """Return blocks as Markdown that ends with a line break; empty without any."""
    text = "\n\n".join("\n".join(_lines(block)).strip() for block in blocks)
    return f"{text}\n" if text else ""


def escaped(text: str) -> str:
    """Return a text so that neither Markdown nor HTML takes any of it for markup."""
    for sign in "\\`*~{}[]<>#|":
        text = text.replace(sign, "\\" + sign)
    return re.sub(r"_+", _escaped_underscores, text).replace("&", "&amp;")


def _escaped_underscores(match: re.Match[str]) -> str:
    # Between letters they are no markup, and names such as layer_noise are read unrendered, too.
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    signs: str = match.group()
    return signs if before.isalnum() and after.isalnum() else signs.replace("_", "\\_")


def _lines(block: Table | Heading | Paragraph) -> Iterator[str]:
    match block:
        case Heading():
            yield f"{'#' * block.level} {escaped(block.text)}"
        case Paragraph():
            if block.bullets:
                yield from (f"- {_pieces(pieces)}" for pieces in block.lines)
            else:
                yield "  \n".join(map(_pieces, block.lines))
        case Table():
            if block.rows:
                yield _row(escaped(column.header) for column in block.columns)
                yield f"|{'|'.join('---:' if c.right else '---' for c in block.columns)}|"
                yield from (_row(map(_cell, cells)) for cells in block.rows)
                yield ""
            explained = dict.fromkeys(note for column in block.columns for note in column.notes)
            yield "\n\n".join(map(_pieces, (*block.notes, *map(line, explained))))


def _pieces(pieces: Line) -> str:
    return "".join(map(_piece, pieces))


def _piece(piece: Cell) -> str:
    if piece.href:
        return piece.href
    if piece.role == "code":
        return f"`{piece.text}`"
    if piece.role != "strong":
        return escaped(piece.text)
    words = piece.text.rstrip()  # asterisks behind a space end no emphasis
    return f"**{escaped(words)}**{piece.text[len(words) :]}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = escaped(cell.text).replace("\n", "<br>")
    note = f"*{escaped(cell.note)}*" if cell.note else ""
    return "<br><br>".join(filter(None, [text, note]))
