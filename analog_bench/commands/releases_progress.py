"""What one sees while releases are compared: a line that moves on a terminal, stages elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

_LINE = 100


class ReleasesProgress:
    """Shows where a comparison stands, on standard error; made by `shown`."""

    def __init__(self, console: Console, status: Status) -> None:
        self._console = console
        self._status = status

    def tell(self, name: str, said: str, detail: bool) -> None:
        """Show what is going on.

        Args:
            name: The release; empty where it is about all.
            said: What is going on, or a line of a tool's.
            detail: Whether it is the latter: shown for a moment, and on terminals only.
        """
        line = f"{name}: {said}" if name else said
        if not detail:
            self._console.print(Text(line), soft_wrap=True)
        if self._console.is_terminal and said:
            # A Text, so that brackets in a tool's words are not taken for markup.
            self._status.update(Text(line[:_LINE]))


@contextmanager
def shown(console: Console | None = None) -> Iterator[ReleasesProgress]:
    """Show progress for as long as it lasts.

    Args:
        console: Where; standard error by default.

    Yields:
        What to tell of it.
    """
    used = console or Console(stderr=True)
    status = used.status(Text("comparing releases"))
    if not used.is_terminal:
        yield ReleasesProgress(used, status)
        return
    with status:
        yield ReleasesProgress(used, status)
