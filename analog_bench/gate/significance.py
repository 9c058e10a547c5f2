"""Student's and Welch's t tests over chips: effects, p-values, intervals, corrections.

The chip is the sampling unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from scipy import special, stats

CONFIDENCE = 0.95
FEWEST_CHIPS = 3
"""Fewest chips for an interval: two chips give one of ±12.7 standard errors, which is useless."""

# The chance that an unseen change of the mean lies beyond one end of an interval.
_UNSEEN = (1.0 - CONFIDENCE) / 2.0


@dataclass(frozen=True)
class Effect:
    """An estimated change, new − old, and its uncertainty.

    Attributes:
        change: The change, in the unit of the scores.
        standard_error: Its standard error, in the same unit; 0.0 if the chips show no spread, None
            if a single chip cannot show one.
        freedom: Degrees of freedom of the standard error, positive unless that is None.
        step_error: What scores that move in steps may hide, as a standard error (see `step_error`).
    """

    change: float
    standard_error: float | None
    freedom: float
    step_error: float = 0.0

    @property
    def tested_error(self) -> float | None:
        """The standard error for tests of a change: never below what steps may hide."""
        return None if self.standard_error is None else max(self.standard_error, self.step_error)

    @property
    def interval_error(self) -> float | None:
        """The standard error for intervals and claims of equality: what steps may hide is added."""
        error = self.standard_error
        return None if error is None else math.hypot(error, self.step_error)


def paired_effect(differences: Sequence[float], step: float = 0.0) -> Effect:
    """Estimate a change from the same chips, measured before and after.

    The change is the mean difference d̄ with standard error s / √n and n − 1 degrees of freedom,
    where s is the standard deviation of the differences with n − 1 in the denominator (Student,
    "The probable error of a mean", Biometrika 6, 1908). The standard error is exactly 0 if all
    differences are equal; scores that move in steps then still have a step error. The order of the
    chips does not affect the result, not even by rounding.
    """
    mean, error = _mean_and_error(differences)
    return Effect(mean, error, float(len(differences) - 1), step_error(len(differences), step))


def welch_effect(new: Sequence[float], old: Sequence[float], step: float = 0.0) -> Effect:
    """Estimate a change from independent chips, whose spreads may differ.

    The change is the difference of the means, with standard error √(e₁² + e₂²), eᵢ = sᵢ / √nᵢ, and
    ν = (e₁² + e₂²)² / (e₁⁴/(n₁−1) + e₂⁴/(n₂−1)) degrees of freedom (Welch, "The generalization of
    'Student's' problem when several different population variances are involved", Biometrika 34,
    1947; Satterthwaite, Biometrics Bulletin 2, 1946). The standard error is exactly 0 if neither
    side shows a spread, and None if a side has one chip. The step errors of the two sides add up as
    their standard errors do. The order of the chips does not affect the result, not even by
    rounding.
    """
    new_mean, new_error = _mean_and_error(new)
    old_mean, old_error = _mean_and_error(old)
    change = new_mean - old_mean
    most = float(len(new) + len(old) - 2)
    if new_error is None or old_error is None:
        return Effect(change, None, most)
    error = math.hypot(new_error, old_error)
    hidden = math.hypot(step_error(len(new), step), step_error(len(old), step))
    if error == 0.0:
        return Effect(change, 0.0, most, hidden)
    new_share, old_share = (new_error / error) ** 2, (old_error / error) ** 2
    freedom = 1.0 / (new_share**2 / (len(new) - 1) + old_share**2 / (len(old) - 1))
    return Effect(change, error, freedom, hidden)


def satterthwaite(*parts: tuple[float, float]) -> float:
    """Return the degrees of freedom of a sum of independent variances, each with its own.

    ν = (Σ v)² / Σ (v² / ν) (Satterthwaite, Biometrics Bulletin 2, 1946); at least one of the
    variances must be above 0.
    """
    whole = sum(part for part, _ in parts)
    return 1.0 / sum((part / whole) ** 2 / freedom for part, freedom in parts if part > 0)


def step_error(chips: int, step: float) -> float:
    """Return what a mean over chips may hide if scores move in steps, as a standard error.

    Such chips may agree by accident: if one question in 32 is answered by the toss of a coin, three
    chips agree in one case of four, and their spread is 0. A change that has not been seen may
    still exist. If answers flip λ times per chip, none of n chips shows a flip with probability
    exp(−nλ), which is 2.5 % at λ = 3.69 / n ("rule of three", two-sided here: Hanley and
    Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983). This is exact
    if many questions may flip, each rarely, and more cautious the fewer there are.

    A flip moves a chip's score by up to one step, so a mean without any spread has a 95 % interval
    of λ steps either way: t(n−1) · step error = step · 3.69 / n. One chip has no step error: 0.
    """
    if chips < 2:
        return 0.0
    unseen_flips = -math.log(_UNSEEN) / chips
    return step * unseen_flips / float(special.stdtrit(chips - 1, 1.0 - _UNSEEN))


def p_below(effect: Effect, bound: float) -> float:
    """Return the one-sided p of H₀ "true change ≥ bound".

    p = P(T ≤ (change − bound) / error), with T of Student's distribution with the effect's degrees
    of freedom, and error its `tested_error`. If the error is 0, p is 0.0 for a change below the
    bound, else 1.0. It is 1.0 if the standard error is None.
    """
    error = effect.tested_error
    if error is None:
        return 1.0
    distance = effect.change - bound
    if error == 0.0:
        return 0.0 if distance < 0.0 else 1.0
    return float(special.stdtr(effect.freedom, distance / error))


def p_above(effect: Effect, bound: float) -> float:
    """Return the one-sided p of H₀ "true change ≤ bound", the mirror of `p_below`."""
    return p_below(replace(effect, change=-effect.change), -bound)


def tost(effect: Effect, margin: float) -> float:
    """Return the p of H₀ "|true change| ≥ margin", by two one-sided tests.

    This is the larger p of "true change ≤ −margin" and "true change ≥ margin" (Schuirmann, "A
    comparison of the two one-sided tests procedure and the power approach for assessing the
    equivalence of average bioavailability", J. Pharmacokinet. Biopharm. 15, 1987). It is below α
    exactly if the interval of confidence 1 − 2α lies inside the margin.
    """
    cautious = replace(effect, standard_error=effect.interval_error)
    return max(p_above(cautious, -margin), p_below(cautious, margin))


def interval_of(effect: Effect, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Return the confidence interval of a change: change ± t(ν) · its `interval_error`.

    t(ν) is the (1 + confidence) / 2 quantile of Student's distribution. None if the standard error
    is None.
    """
    error = effect.interval_error
    if error is None:
        return None
    if error == 0.0:
        return effect.change, effect.change
    half_width = _quantile(confidence, effect.freedom) * error
    return effect.change - half_width, effect.change + half_width


def telling_interval(effect: Effect) -> tuple[float, float] | None:
    """Return the interval of a change to show to a reader; None with too few chips.

    That is the case if its error has fewer degrees of freedom than that of `FEWEST_CHIPS` paired
    chips.
    """
    return None if effect.freedom < FEWEST_CHIPS - 1 else interval_of(effect)


@dataclass(frozen=True)
class Interval:
    """A symmetric confidence interval; without a half width if there are too few chips.

    `half_width` is over chips, on the measured examples. `with_examples` is the half width over
    chips and examples, None without per-example scores.
    """

    centre: float
    half_width: float | None
    with_examples: float | None = None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Lower and upper end; None if there is no interval."""
        if self.half_width is None:
            return None
        return self.centre - self.half_width, self.centre + self.half_width


def mean_interval(
    values: Sequence[float], confidence: float = CONFIDENCE, step: float = 0.0
) -> Interval:
    """Return Student's interval for a mean over chips: m ± t(n−1) · s / √n, as `interval_of`.

    A `step` by which values move adds what it may hide (`step_error`). Without it, the width is 0
    if all values are equal. Fewer than `FEWEST_CHIPS` values give no half width.
    """
    effect = paired_effect(values, step)
    bounds = interval_of(effect, confidence)
    if bounds is None or len(values) < FEWEST_CHIPS:
        return Interval(effect.change, None)
    half_width = (bounds[1] - bounds[0]) / 2
    return Interval(effect.change, half_width if math.isfinite(half_width) else None)


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust the p-values of one family of tests for their number.

    With the p-values in ascending order p₍₁₎ … p₍ₘ₎, the adjusted ones are min over j ≥ i of p₍ⱼ₎ ·
    m / j, at most 1. Rejecting where the adjusted value is at most α keeps the expected share of
    false alarms among all alarms at α or below. This holds for independent tests and for positively
    dependent ones, such as cases on the same chips (Benjamini and Hochberg, "Controlling the false
    discovery rate", J. R. Stat. Soc. B 57, 1995; Benjamini and Yekutieli, Ann. Stat. 29, 2001).
    Leave out cases that were not tested, because they would count towards m.
    """
    return tuple(map(float, stats.false_discovery_control(list(p_values), method="bh")))


@lru_cache(maxsize=1024)
def _quantile(confidence: float, freedom: float) -> float:
    return float(stats.t.ppf((1.0 + confidence) / 2.0, freedom))


def _mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    number = len(values)
    if min(values) == max(values):
        # Rounding of the mean would otherwise leave a spread of 1e-17 where there is none.
        return float(values[0]), 0.0 if number > 1 else None
    # fsum rounds once, whatever the order of the terms.
    mean = math.fsum(values) / number
    deviations = [value - mean for value in values]
    # In units of the largest, so that no square overflows or underflows.
    unit = max(map(abs, deviations))
    variance = math.fsum((deviation / unit) ** 2 for deviation in deviations) / (number - 1)
    return mean, unit * math.sqrt(variance / number)
