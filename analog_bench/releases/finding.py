"""What a layer of a comparison found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from analog_bench.simulators.registry import NO_TILE, simulators

LayerName = Literal["exact", "physics", "metrics"]
LAYERS: tuple[LayerName, ...] = ("exact", "physics", "metrics")
TILES = {**{name: one.label for name, one in simulators().items()}, NO_TILE: ""}


@dataclass(frozen=True)
class Change:
    """One thing that changed from one release to the next.

    Attributes:
        subject: What: `pcm programming noise`.
        description: How, in one phrase that goes with the subject.
        where: The tile engines, spelt; empty where there is none.
    """

    subject: str
    description: str
    where: str = ""

    def __str__(self) -> str:
        """Return it in one line."""
        on = f" ({self.where})" if self.where else ""
        return f"{self.subject}{on}: {self.description}"


@dataclass(frozen=True)
class Layer:
    """One layer of a comparison.

    Attributes:
        name: Which.
        compared: How many things were compared.
        changes: What changed.
        notes: What could not be compared, or is as wrong as it was.
    """

    name: LayerName
    compared: int
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()


def name_tiles(tiles: Iterable[str]) -> str:
    """Return tile engines in words: `torch tile and C++ tile`."""
    return " and ".join(filter(None, (TILES[tile] for tile in dict.fromkeys(tiles))))


def shortened(words: Iterable[str], most: int = 3) -> str:
    """Return words with commas, the first few of many."""
    listed = list(words)
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest} more" if rest > 0 else "")
