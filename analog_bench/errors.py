"""The errors a user may meet: one clear line each, shown without a traceback.

Everything that is the user's to mend is a `BenchError`. The front doors (the pytest plugin, the
command line) catch exactly this class and print its text; any other exception is a defect of ours
and keeps its traceback.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_ENDLESS = re.compile(r"(\S{300})\S{200,}(\S{100})")


class BenchError(Exception):
    """Something the user can mend; the text says what is wrong, what was found, what to do next."""

    def __str__(self) -> str:
        """Return the text, whatever it quotes, as one printable line."""
        return printable(super().__str__())


class UsageError(BenchError):
    """An option, pattern or parameter that cannot be used as given."""


class LayerError(UsageError):
    """A pattern that fits no layer of a study's models; those of another study may have some."""


class StudyError(UsageError):
    """A study that cannot be measured as it is written, whatever the options."""


class DataError(BenchError):
    """A data file that is missing or not in the format it claims."""


class WeightsError(BenchError):
    """Weights that are missing, unreachable, or not the ones they should be."""


class TileUnavailable(BenchError):
    """A tile engine or feature that this environment cannot run."""


class ReleaseFailed(BenchError):
    """A release of aihwkit that could not be found, built, surveyed or measured."""


class BaselineError(BenchError):
    """A baseline file that cannot be read or does not follow the schema."""


class StoreError(BenchError):
    """Results that cannot be written or read."""


def reason_of(problem: Exception) -> str:
    """Return the system's reason alone: what it is about says the sentence that it stands in."""
    return getattr(problem, "strerror", None) or str(problem)


def printable(text: str, most: int = 1200) -> str:
    """Return a text on one line, with escapes for what a terminal would not show or would obey.

    Pages of text without a space are cut to both ends, and so is a text of more than `most`
    characters: it ends with what to do.
    """
    line = " ".join(line.strip() for line in text.splitlines())
    escaped = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    shown = _ENDLESS.sub(r"\1...\2", escaped)
    if len(shown) <= most:
        return shown
    end = most // 3
    return f"{shown[: most - end - 5]} ... {shown[-end:]}"


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return a closing phrase that names the nearest known word, or all of them.

    It is `did you mean 'x'?`, or `known: a, b, c` where nothing is near.
    """
    words = sorted(known)
    close = difflib.get_close_matches(given, words, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(words)}" if words else "none are known"
