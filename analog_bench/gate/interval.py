"""Confidence intervals over chips: the chip is the sampling unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A symmetric confidence interval.

    Attributes:
        centre: The estimate.
        half_width: Half the interval's width; None where the data cannot give one (a single chip
            shows no spread).
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
    """Student's interval for a mean: m ± t(n−1) · s / √n.

    s is the standard deviation with n − 1 in the denominator, t(n−1) the (1 + confidence) / 2
    quantile of Student's distribution (Student, "The probable error of a mean", Biometrika 6,
    1908). Equal values give an interval of width 0.

    Args:
        values: One value a chip, in any unit; shape (chips,), at least one.
        confidence: Coverage wanted, between 0 and 1.

    Returns:
        The interval in the unit of the values; without a half width for a single value.

    Raises:
        ValueError: No value at all.
    """
    mean, variance_of_mean = _mean_and_variance_of_mean(values)
    return _interval(mean, variance_of_mean, len(values) - 1, confidence)


def difference_interval(
    new: Sequence[float], old: Sequence[float], confidence: float = CONFIDENCE
) -> Interval:
    """Welch's interval for the difference of two means, new − old, of independent chips.

    (m₁ − m₂) ± t(ν) · √(s₁²/n₁ + s₂²/n₂), with the degrees of freedom
    ν = (s₁²/n₁ + s₂²/n₂)² / ((s₁²/n₁)²/(n₁−1) + (s₂²/n₂)²/(n₂−1)) (Welch, "The generalization of
    'Student's' problem when several different population variances are involved", Biometrika 34,
    1947).

    Args:
        new: One value a chip; shape (chips,), at least one.
        old: The same for the other sample; its number of chips may differ.
        confidence: Coverage wanted, between 0 and 1.

    Returns:
        The interval in the unit of the values; without a half width where a sample has one value.

    Raises:
        ValueError: A sample without a value.
    """
    new_mean, new_variance = _mean_and_variance_of_mean(new)
    old_mean, old_variance = _mean_and_variance_of_mean(old)
    change = new_mean - old_mean
    if len(new) < 2 or len(old) < 2:
        return Interval(change, None)
    total = new_variance + old_variance
    if total == 0.0:
        return Interval(change, 0.0)
    new_share, old_share = new_variance / total, old_variance / total
    freedom = 1.0 / (new_share**2 / (len(new) - 1) + old_share**2 / (len(old) - 1))
    return _interval(change, total, freedom, confidence)


def _interval(centre: float, variance: float, freedom: float, confidence: float) -> Interval:
    if freedom <= 0:
        return Interval(centre, None)
    if variance == 0.0:
        return Interval(centre, 0.0)
    half_width = float(stats.t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(variance)
    return Interval(centre, half_width if math.isfinite(half_width) else None)


def _mean_and_variance_of_mean(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        raise ValueError("an interval needs at least one value")
    if min(values) == max(values):
        # Rounding in the mean would otherwise leave a spread of 1e-17 where there is none.
        return values[0], 0.0
    # Deviations from one of the values, not from 0: no digits are lost where the spread is small.
    origin = values[0]
    shifted = np.asarray(values, dtype=np.float64) - origin
    return origin + float(shifted.mean()), float(shifted.var(ddof=1)) / len(values)
