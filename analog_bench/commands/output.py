"""What verbs print: JSON, Rich renderables, warnings, and labelled lines under headings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from analog_bench.zoo.model_specs import EMBEDDED

if TYPE_CHECKING:
    from analog_bench.report.table import Blocks

T = TypeVar("T")


def print_json(document: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(document, indent=2, allow_nan=False))


def print_blocks(blocks: Blocks, *, width: int | None = None, soft_wrap: bool = False) -> None:
    """Print a report; `soft_wrap` leaves it to the terminal to break long lines."""
    # Not at the top: --help and --json need no Rich.
    from rich.console import Console

    from analog_bench.report.as_terminal import Drawing

    Console(width=width).print(Drawing(blocks), soft_wrap=soft_wrap)


def show_progress(purpose: str, items: Iterable[T], total: float | None = None) -> Iterable[T]:
    """Yield the items one by one, with a bar on a terminal meanwhile.

    `total` is their number, where they do not say.
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = not console.is_terminal
    return track(items, purpose, total=total, console=console, disable=hidden, transient=True)


def warn(line: str) -> None:
    """Print one line to standard error."""
    print(f"analog-bench: {' '.join(line.split())}", file=sys.stderr)


@dataclass(frozen=True)
class Line:
    """One labelled fact; `good` is True for good news, False for bad news, None for neither."""

    label: str
    text: str
    good: bool | None = None

    def __str__(self) -> str:
        if self.good is None:
            return self.text
        # In words too: colour alone says nothing in a log or to a colour-blind reader.
        return ("ok" if self.good else "no") + (f", {self.text}" if self.text else "")


def origin_label(name: str, source: str) -> str:
    """Name a model with where it is from: `bert (MiniLM-L6, embedded)`, `bert (hub)`."""
    what = [EMBEDDED[name]] if source == "embedded" and name in EMBEDDED else []
    return f"{name} ({', '.join([*what, source])})"


def print_sheet(sections: Mapping[str, Sequence[Line]]) -> None:
    """Print facts by heading: in colour and columns on a terminal, plain when piped."""
    if sys.stdout.isatty():
        _print_in_columns(sections)
        return
    for number, (heading, lines) in enumerate(sections.items()):
        print(f"{chr(10) if number else ''}{heading}")
        for line in lines:
            print(f"  {line.label}: {line}")


def _print_in_columns(sections: Mapping[str, Sequence[Line]]) -> None:
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
            table.add_row(Text(f"  {line.label}", style="dim"), Text(str(line), style=style))
        console.print(table)
