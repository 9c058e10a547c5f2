"""Fit a power law to points: how a loss grows with an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.stats import t

FEWEST = 4
"""Fewest points that determine the law's two constants and their uncertainty."""


@dataclass(frozen=True)
class PowerLaw:
    """y = factor · x ** power, and the share of the variance of y that it explains.

    `powers` is the 95 % interval of the power, from the scatter of the points about the law.
    """

    factor: float
    power: float
    powers: tuple[float, float]
    r_squared: float

    def at(self, x: float) -> float:
        """Return the law's y at x."""
        return float(self.factor * x**self.power)


def fit_power_law(xs: Sequence[float], ys: Sequence[float]) -> PowerLaw | None:
    """Fit y = a · x^p by least squares, with a and p from 0 to 10.

    x and y are divided by their largest magnitudes before the fit, and the bound of a applies to
    these scaled values. y may be below 0, as losses near none are.

    Returns:
        The law. None for fewer than `FEWEST` points, an x that is not above 0, identical x or y, a
        fit that does not converge, or an interval of the power that reaches 0, because y is then
        not known to grow with x.
    """
    x, y = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
    alike = len(x) < FEWEST or float(np.ptp(x)) == 0 or float(np.ptp(y)) == 0
    if alike or not (x > 0).all():
        return None
    # Scaled so that both constants are near 1.
    scale, size = float(x.max()), float(np.abs(y).max())
    try:
        (a, p), covariance = curve_fit(
            lambda of, a, p: a * of**p, x / scale, y / size, (1.0, 2.0), bounds=([0, 0], [10, 10])
        )
    except (OptimizeWarning, RuntimeError):
        return None
    half = float(t.ppf(0.975, len(x) - 2) * np.sqrt(covariance[1, 1]))
    if p <= half:
        return None
    rest = y - size * a * (x / scale) ** p
    return PowerLaw(
        factor=float(size * a / scale**p),
        power=float(p),
        powers=(float(p) - half, float(p) + half),
        r_squared=float(1 - (rest @ rest) / np.sum((y - y.mean()) ** 2)),
    )
