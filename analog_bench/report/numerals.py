"""How numbers without a metric are spelt: correlations and shares of a whole."""

from __future__ import annotations

import math

from analog_bench.report.glyphs import Glyphs


def signed(value: float, glyph: Glyphs) -> str:
    """Spell a correlation with its sign and two decimals: `+0.61`; never `-0.00`."""
    spelt = f"{abs(value):.2f}"
    if float(spelt) == 0:
        return spelt
    return f"{glyph.minus if value < 0 else '+'}{spelt}"


def percent(share: float) -> str:
    """Spell a share in percent, never as 100 where something is missing."""
    return f"{math.floor(1000 * share) / 10:g} %"
