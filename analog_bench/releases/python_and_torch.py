"""Which Python and torch each release gets: what was measured to work, and the same for all.

Two releases differ in as little as possible where they share one Python: its numpy, scipy and
random numbers are then not among the things that changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.version import Version

from analog_bench.simulators.versions import MEASURED, RELEASES, Pair

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
"""The Pythons that this project runs on."""


@dataclass(frozen=True)
class Wanted:
    """A release before anything is installed.

    Attributes:
        version: Version of aihwkit; None where only a build would tell.
        pythons: The Pythons it is available for, such as `3.12`; at least one.
        torch: Version of torch that the user names; None to choose.
    """

    version: str | None
    pythons: tuple[str, ...]
    torch: str | None


@dataclass(frozen=True)
class Chosen:
    """The Python and the torch of a release.

    Attributes:
        torch: Version of torch; None leaves it to the package index.
        measured: The measured pair behind the choice, if any.
    """

    python: str
    torch: str | None
    measured: Pair | None

    @property
    def rank(self) -> int:
        """How many of its tile engines are known to work; the C++ tile alone counts as none."""
        if self.measured is None or not self.measured.torch_tile:
            return 0
        return 1 + self.measured.cpp_tile


def known_spelling(version: str) -> str:
    """Return a version as the table of pairs spells it, `1.2.0` for `v1.2`; else unchanged."""
    return next((same for same in RELEASES if Version(same) == Version(version)), version)


def choose(wanted: Sequence[Wanted], here: str) -> tuple[Chosen, ...]:
    """Choose Python and torch of each release.

    Each gets a Python on which it is known to work as well as on any: the one that most of the
    others can have, too; of several the one that runs this (`here`, such as `3.11`), then the
    newest.
    """
    good = []
    for release in wanted:
        options = {python: _best(release, python) for python in release.pythons}
        most = max(option.rank for option in options.values())
        good.append({python: one for python, one in options.items() if one.rank == most})
    shared = Counter(python for options in good for python in options)

    def preference(python: str) -> tuple[int, bool, Version]:
        return shared[python], python == here, Version(python)

    return tuple(options[max(options, key=preference)] for options in good)


def _best(release: Wanted, python: str) -> Chosen:
    known = [
        pair
        for pair in MEASURED
        if pair.aihwkit == release.version and release.torch in (None, pair.torch)
    ]
    here = [pair for pair in known if pair.python == python]
    if here:
        pair = max(here, key=_quality)
        return Chosen(python, pair.torch, pair)
    # Nobody measured it on this Python; the torch that works on another is the best guess.
    others = [pair for pair in known if pair.torch_tile]
    guessed = max(others, key=_quality).torch if others else None
    return Chosen(python, release.torch or guessed, None)


def _quality(pair: Pair) -> tuple[bool, bool, Version]:
    return pair.cpp_tile, pair.torch_tile, Version(pair.torch)
