"""The power of a t test over chips: what it would have found, and how many chips it needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import stdev

from scipy import optimize, stats

from analog_bench.gate.decision_rule import EQUIVALENCE_LEVEL
from analog_bench.gate.significance import Effect, step_error, tost

POWER = 0.8

# From here on a noncentrality is far: scipy's series is slow there, and its limit close to 1e-6.
_FAR = 1e3


def detectable(effect: Effect, alpha: float, power: float = POWER) -> float | None:
    """Return the minimum detectable effect of a one-sided t test.

    The smallest shift δ ≥ 0 of the true change that the test finds with the given power, where it
    compares the change with a bound at level α: P(T′ > t(1−α, ν)) = power, T′ of the noncentral t
    distribution with ν degrees of freedom and noncentrality δ / standard error (Johnson and Welch,
    "Applications of the non-central t-distribution", Biometrika 31, 1940; Cohen, "Statistical power
    analysis for the behavioral sciences", 1988, chapter 2). The shift counts from the bound: a test
    of "worse by more than the margin" finds a true worsening of margin + δ.

    The standard error is itself an estimate, and so is δ: at 10 paired chips a 95 % interval of it
    reaches from 0.7 to 1.8 times its value. It is 0.0 where the chips show no spread, or where a
    test that lax has the power without any shift; None where there is no standard error.
    """
    error = effect.tested_error
    if error is None:
        return None
    if error == 0.0 or power <= alpha:
        return 0.0
    return error * _noncentrality(effect.freedom, alpha, power)


def chips_to_compare(stored: Sequence[float], margin: float, step: float, *, least: int) -> int:
    """Return how many new chips to measure where none can be one of the stored ones.

    The fewest, from `least` to twice as many as are stored, that would be `equivalent` if they
    agreed with them on average and spread as they do (Welch's test, see `tost`); as many as are
    stored where that is out of reach, which is due to the stored ones then. It is asked before any
    new chip is measured, so what these say has no part in it. `step` is that of `step_error`.
    """
    count = len(stored)
    if count < 2:
        return least
    spread = stdev(stored)
    for chips in range(max(2, least), 2 * count + 1):
        shares = spread**2 / chips, spread**2 / count
        error, hidden = (
            math.sqrt(sum(shares)),
            math.hypot(*(step_error(n, step) for n in (chips, count))),
        )
        squares = shares[0] ** 2 / (chips - 1) + shares[1] ** 2 / (count - 1)
        freedom = sum(shares) ** 2 / squares if squares else float(chips + count - 2)
        if tost(Effect(0.0, error, freedom, hidden), margin) <= EQUIVALENCE_LEVEL:
            return chips
    return max(least, count)


def _noncentrality(freedom: float, alpha: float, power: float) -> float:
    """Return the noncentrality at which a one-sided t test has this power."""
    critical = float(stats.t.isf(alpha, freedom))
    # T′ = (Z + δ) / √(V / ν) for a large δ, beside which Z is nothing: two chips, small alpha.
    limit = critical * math.sqrt(float(stats.chi2.ppf(power, freedom)) / freedom)
    if limit > _FAR:
        return limit

    def lacking(noncentrality: float) -> float:
        return power - float(stats.nct.sf(critical, freedom, noncentrality))

    enough = max(1.0, critical)
    while lacking(enough) > 0.0:
        enough *= 2.0
    return float(optimize.brentq(lacking, 0.0, enough))
