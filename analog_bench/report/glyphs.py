"""The few signs that are drawn rather than written, in Unicode and in ASCII."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Glyphs:
    """One set of signs.

    Attributes:
        worst: Marks a worst layer.
        plus_minus: Stands before half an interval.
        minus: Stands before a negative number in a sentence.
        ellipsis: Stands for a part of a name that was left out.
        absent: Stands where there is no number.
        dot: Stands between the parts of a line.
        steps: Pieces of a bar, from the thinnest to a full cell.
    """

    worst: str
    plus_minus: str
    minus: str
    ellipsis: str
    absent: str
    dot: str
    steps: str

    def bar(self, share: float, cells: int) -> str:
        """Draw a horizontal bar.

        Args:
            share: Length as a share of the longest, cut to 0 ... 1; above 0 it shows at least the
                thinnest piece.
            cells: Length of the longest.

        Returns:
            `cells` characters at most.
        """
        if not share > 0:
            return ""
        pieces = max(1, round(min(share, 1.0) * cells * len(self.steps)))
        full, rest = divmod(pieces, len(self.steps))
        return self.steps[-1] * full + (self.steps[rest - 1] if rest else "")


_UNICODE = Glyphs("▼", "±", "−", "…", "–", "·", "▏▎▍▌▋▊▉█")
_ASCII = Glyphs("!", "+-", "-", "..", "-", "|", "#")


def glyphs(ascii_only: bool) -> Glyphs:
    """Return the signs for a stream: ASCII where it is not UTF-8."""
    return _ASCII if ascii_only else _UNICODE


def needs_ascii(stream: TextIO) -> bool:
    """Return whether a stream may lack the signs, and the blocks that rich draws with."""
    return not (stream.encoding or "").lower().startswith("utf")
