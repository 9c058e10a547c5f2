"""Why something could not be looked at, in one line."""

from __future__ import annotations


def reason_of(problem: Exception) -> str:
    """Return an exception's class and text: `TypeError: no argument q`."""
    text = " ".join(str(problem).split())
    name = type(problem).__name__
    return f"{name}: {text}" if text else name
