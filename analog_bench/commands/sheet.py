"""Labelled lines under headings: in colour and columns on a terminal, plain when piped."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One fact.

    Attributes:
        label: What it is about.
        text: The fact.
        good: Whether it is good news (True), bad news (False) or just so (None).
    """

    label: str
    text: str
    good: bool | None = None


def print_sheet(sections: Mapping[str, Sequence[Line]]) -> None:
    """Print facts to standard output.

    Args:
        sections: Lines by heading.
    """
    if sys.stdout.isatty():
        _print_rich(sections)
        return
    for number, (heading, lines) in enumerate(sections.items()):
        print(f"{chr(10) if number else ''}{heading}")
        for line in lines:
            print(f"  {line.label}: {_mark(line)}{line.text}")


def _print_rich(sections: Mapping[str, Sequence[Line]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for heading, lines in sections.items():
        # Built as Text, so that brackets in a fact are not taken for markup.
        console.print(Text(heading, style="bold"))
        table = Table.grid(padding=(0, 2))
        for line in lines:
            style = "" if line.good is None else "green" if line.good else "red"
            table.add_row(
                Text(f"  {line.label}", style="dim"), Text(f"{_mark(line)}{line.text}", style=style)
            )
        console.print(table)


def _mark(line: Line) -> str:
    # In words too: a colour alone says nothing in a log or to a colour-blind reader.
    if line.good is None:
        return ""
    return ("ok" if line.good else "no") + (", " if line.text else "")
