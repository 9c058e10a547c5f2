"""Confidence intervals over chips: the chip is the sampling unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analog_bench.gate.significance import CONFIDENCE, interval_of, paired_effect


@dataclass(frozen=True)
class Interval:
    """A symmetric confidence interval.

    Attributes:
        centre: The estimate.
        half_width: None where the data cannot give one: a single chip shows no spread.
    """

    centre: float
    half_width: float | None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Lower and upper end; None where there is no interval."""
        if self.half_width is None:
            return None
        return self.centre - self.half_width, self.centre + self.half_width


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return Student's interval for a mean over chips: m ± t(n−1) · s / √n, as `interval_of`.

    Its width is 0 where all values are equal; a single value gives no half width.

    Raises:
        ValueError: No value at all, or one that is not finite.
    """
    effect = paired_effect(values)
    bounds = interval_of(effect, confidence)
    if bounds is None:
        return Interval(effect.change, None)
    half_width = (bounds[1] - bounds[0]) / 2
    return Interval(effect.change, half_width if math.isfinite(half_width) else None)
