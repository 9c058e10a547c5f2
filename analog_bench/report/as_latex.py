r"""Tables, headings and paragraphs in LaTeX, for a paper.

Numbers stay text: a column of `54.3 \pm 1.2` is flush right, as on a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analog_bench.report.table import Block, Blocks, Cell, Heading, Line, Paragraph, Table, line
from analog_bench.report.words import ABSENT

_SIGNS = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"},
    **{"±": r"$\pm$", "−": "$-$", "×": r"$\times$", "→": r"$\rightarrow$", "√": r"$\surd$"},
    **{"·": r"$\cdot$", "–": "--", "…": r"\ldots{}", "²": r"$^2$", "≠": r"$\neq$"},
    **{"▼": r"$\blacktriangledown$", "▲": r"$\blacktriangle$", "✕": r"$\times$"},
    **{"µ": r"$\mu$", "μ": r"$\mu$", "σ": r"$\sigma$", "ν": r"$\nu$", "Σ": r"$\Sigma$"},
}
_SIGN = re.compile("|".join(map(re.escape, _SIGNS)))
_PREAMBLE = r"% \usepackage{booktabs,amssymb,graphicx}"


def latex(blocks: Blocks) -> str:
    """Return blocks as LaTeX that ends with a line break: a `tabular` a table, text around it."""
    return "\n\n".join([_PREAMBLE, *("\n".join(_lines(block)) for block in blocks)]) + "\n"


def escaped(text: str) -> str:
    """Return a text so that LaTeX sets it as it is."""
    return _SIGN.sub(lambda sign: _SIGNS[sign[0]], text)


def _lines(block: Block) -> Iterator[str]:
    match block:
        case Heading():
            yield rf"\subsection*{{{escaped(block.text)}}}"
        case Paragraph():
            yield from _paragraphs(block.lines)
        case Table():
            if block.rows:
                yield from _tabular(block)
            explained = dict.fromkeys(note for column in block.columns for note in column.notes)
            yield from _paragraphs((*block.notes, *map(line, explained)))


def _tabular(table: Table) -> Iterator[str]:
    # A bar has no text, and what it shows stands beside it; a column may have nothing to show.
    shown = [
        n
        for n, column in enumerate(table.columns)
        if column.header and any(row[n].text not in ("", ABSENT) for row in table.rows)
    ]
    columns = [table.columns[n] for n in shown]
    # No wider than the page, and otherwise as large as the text.
    yield r"\noindent\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    yield rf"\begin{{tabular}}{{{''.join('r' if column.right else 'l' for column in columns)}}}"
    yield r"\toprule"
    yield _row(escaped(column.header) for column in columns)
    yield r"\midrule"
    yield from (_row(_cell(row[n]) for n in shown) for row in table.rows)
    yield r"\bottomrule"
    yield r"\end{tabular}}"


def _row(cells: Iterable[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _cell(cell: Cell) -> str:
    text = escaped(" ".join(cell.text.split()))
    return rf"\textbf{{{text}}}" if cell.role in ("worst", "strong") and text else text


def _paragraphs(lines: Iterable[Line]) -> Iterator[str]:
    for pieces in lines:
        if text := "".join(map(_piece, pieces)).strip():
            yield ""
            yield text


def _piece(piece: Cell) -> str:
    text = escaped(piece.text)
    if piece.role == "code":
        return rf"\texttt{{{text}}}"
    return rf"\textbf{{{text}}}" if piece.role == "strong" else text
