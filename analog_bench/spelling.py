"""Numbers in sentences and tables: with their noun, and with no more digits than they deserve."""

from __future__ import annotations

import math
from collections.abc import Iterable

MINUS = "−"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 chip`, `3 chips`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shortened(words: Iterable[str], most: int = 3) -> str:
    """Return words with commas, the first few of many: `a, b, c and 4 more`."""
    listed = list(words)
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest} more" if rest > 0 else "")


def decimals_of(margin: float) -> int:
    """Return the decimals that a metric's margin makes meaningful: 1 where it is 1 point."""
    return 3 if margin <= 0 else min(9, max(0, 1 - math.floor(math.log10(margin))))


def rounded(value: float, decimals: int) -> str:
    """Return a number with so many decimals and a true minus; never `−0`, or `−0.00`."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", MINUS)


def one_line(text: str) -> str:
    """Return the text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
