"""A table as a picture, for a README."""

from __future__ import annotations

import re
from io import StringIO

from rich.console import Console
from rich.table import Table

_REMOTE_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def table_svg(table: Table, title: str, width: int = 140) -> str:
    """Draw a table as SVG.

    The picture fetches nothing: it uses a monospaced font of the reader's.

    Args:
        table: The table, as `layer_table` returns it for the same width.
        title: What stands in the frame.
        width: Terminal columns of the picture; narrower tables leave no empty space.

    Returns:
        The SVG document; equal tables give equal documents.
    """
    measured = Console(file=StringIO(), width=width, force_terminal=True, legacy_windows=False)
    needed = min(width, measured.measure(table).maximum)
    console = Console(
        record=True,
        file=StringIO(),
        width=needed,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(table)
    return _REMOTE_FONT.sub("", console.export_svg(title=title))
