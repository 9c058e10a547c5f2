"""The power of a t test over chips: which effect it would detect, and how many chips it needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import stdev

from scipy import optimize, stats

from analog_bench.gate.decision_rule import EQUIVALENCE_LEVEL
from analog_bench.gate.significance import Effect, satterthwaite, step_error, tost

POWER = 0.8

# Above this noncentrality scipy's series is slow, and its limit is accurate to about 1e-6.
_FAR = 1e3


def detectable(effect: Effect, alpha: float, power: float = POWER) -> float | None:
    """Return the minimum detectable effect of a one-sided t test.

    This is the smallest shift δ ≥ 0 of the true change that the test detects with the given power
    when it compares the change with a bound at level α: P(T′ > t(1−α, ν)) = power, with T′ of the
    noncentral t distribution with ν degrees of freedom and noncentrality δ / standard error
    (Johnson and Welch, "Applications of the non-central t-distribution", Biometrika 31, 1940;
    Cohen, "Statistical power analysis for the behavioral sciences", 1988, chapter 2). The shift
    counts from the bound: a test of "worse by more than the margin" detects a true worsening of
    margin + δ.

    The standard error is itself an estimate, and so is δ: at 10 paired chips its 95 % interval
    reaches from 0.7 to 1.8 times its value.

    Returns:
        δ in the unit of the change. 0.0 if the chips show no spread or the test has the power
        without any shift; None if there is no standard error.
    """
    error = effect.tested_error
    if error is None:
        return None
    if error == 0.0 or power <= alpha:
        return 0.0
    return error * _noncentrality(effect.freedom, alpha, power)


def chips_to_compare(stored: Sequence[float], margin: float, step: float, *, least: int) -> int:
    """Return how many new chips to measure if none of them can match a stored chip.

    This is the smallest number, from `least` to twice the number stored, that would be `equivalent`
    if the new chips had the mean and spread of the stored ones (Welch's test, see `tost`). If no
    such number suffices, the stored chips are the limit, and their number is returned (at least
    `least`). The answer is needed before any new chip is measured, so new scores do not affect it.
    `step` is the step size of scores, as in `step_error`.
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
        freedom = float(chips + count - 2)
        if error:
            freedom = satterthwaite((shares[0], chips - 1), (shares[1], count - 1))
        if tost(Effect(0.0, error, freedom, hidden), margin) <= EQUIVALENCE_LEVEL:
            return chips
    return max(least, count)


def _noncentrality(freedom: float, alpha: float, power: float) -> float:
    """Return the noncentrality at which a one-sided t test has this power."""
    critical = float(stats.t.isf(alpha, freedom))
    # T′ = (Z + δ) / √(V / ν). For a large δ (two chips, small alpha) Z is negligible.
    limit = critical * math.sqrt(float(stats.chi2.ppf(power, freedom)) / freedom)
    if limit > _FAR:
        return limit

    def lacking(noncentrality: float) -> float:
        return power - float(stats.nct.sf(critical, freedom, noncentrality))

    enough = max(1.0, critical)
    while lacking(enough) > 0.0:
        enough *= 2.0
    return float(optimize.brentq(lacking, 0.0, enough))
