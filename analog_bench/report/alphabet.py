"""Texts for streams that hold ASCII only."""

from __future__ import annotations

_SPELT = str.maketrans(
    {
        **{"µ": "u", "μ": "mu", "σ": "sigma", "ν": "nu", "Σ": "sum", "√": "sqrt", "²": "^2"},
        **{"×": "x", "·": "|", "–": "-", "−": "-", "→": "->", "±": "+-", "▼": "!", "…": ".."},
    }
)


def spelt(text: str, *, ascii_only: bool) -> str:
    """Return a text as it is, or in ASCII: signs of formulas by their names, others as `?`."""
    if not ascii_only:
        return text
    return text.translate(_SPELT).encode("ascii", "replace").decode("ascii")
