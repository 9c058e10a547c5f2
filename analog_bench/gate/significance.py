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
"""Chips that an interval needs: that of two reaches 12.7 standard errors, and says nothing."""

# The chance that a change of the mean stays unseen beyond an interval's end: half of 1 − 95 %.
_UNSEEN = (1.0 - CONFIDENCE) / 2.0


@dataclass(frozen=True)
class Effect:
    """An estimated change, new − old, and its uncertainty.

    Attributes:
        change: In the unit of the scores.
        standard_error: In the same unit; 0.0 where the chips show no spread at all,
            None where a single chip cannot show one.
        freedom: Degrees of freedom of the standard error, positive unless that is None.
        step_error: What scores that move in steps may hide, as a standard error: see `step_error`.
    """

    change: float
    standard_error: float | None
    freedom: float
    step_error: float = 0.0

    @property
    def tested_error(self) -> float | None:
        """The standard error of tests for a change: never below what steps may hide."""
        return None if self.standard_error is None else max(self.standard_error, self.step_error)

    @property
    def interval_error(self) -> float | None:
        """The standard error of intervals and claims of equality: what steps may hide is added."""
        error = self.standard_error
        return None if error is None else math.hypot(error, self.step_error)


def paired_effect(differences: Sequence[float], step: float = 0.0) -> Effect:
    """Estimate a change from the same chips, measured before and after.

    The mean difference d̄, its standard error s / √n and n − 1 degrees of freedom, where s is the
    standard deviation of the differences with n − 1 in the denominator (Student, "The probable
    error of a mean", Biometrika 6, 1908). The standard error is exactly 0 where all differences are
    equal; scores that move in steps have a step error beside it. The order of the chips does not
    matter, not even to rounding.
    """
    mean, error = _mean_and_error(differences)
    return Effect(mean, error, float(len(differences) - 1), step_error(len(differences), step))


def welch_effect(new: Sequence[float], old: Sequence[float], step: float = 0.0) -> Effect:
    """Estimate a change from independent chips, whose spreads may differ.

    The difference of the means, its standard error √(e₁² + e₂²) with eᵢ = sᵢ / √nᵢ, and the degrees
    of freedom ν = (e₁² + e₂²)² / (e₁⁴/(n₁−1) + e₂⁴/(n₂−1)) (Welch, "The generalization of
    'Student's' problem when several different population variances are involved", Biometrika 34,
    1947; Satterthwaite, Biometrics Bulletin 2, 1946). The standard error is exactly 0 where neither
    side shows a spread, and None where a side has one chip; the step errors of the sides add up as
    their standard errors do. The order of the chips does not matter, not even to rounding.
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


def step_error(chips: int, step: float) -> float:
    """Return what a mean over chips may hide where scores move in steps, as a standard error.

    Such chips agree by accident: where one question in 32 is answered right or wrong by the toss of
    a coin, three chips agree in one case of four, and their spread is 0. What has not been seen may
    still be there: where answers flip λ times a chip, none of n chips shows a flip with probability
    exp(−nλ), which is 2.5 % at λ = 3.69 / n ("rule of three", two-sided here: Hanley and
    Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983). It is exact
    where many questions may flip, each rarely, and the more cautious the fewer there are. As a flip
    moves a chip's score by up to one step, a mean without any spread has a 95 % interval of
    λ steps either way: t(n−1) · step error = step · 3.69 / n. One chip has no error at all: 0.
    """
    if chips < 2:
        return 0.0
    unseen_flips = -math.log(_UNSEEN) / chips
    return step * unseen_flips / float(special.stdtrit(chips - 1, 1.0 - _UNSEEN))


def p_below(effect: Effect, bound: float) -> float:
    """Return the one-sided p of H₀ "true change ≥ bound".

    P(T ≤ (change − bound) / error), T of Student's distribution with the effect's degrees of
    freedom, and its `tested_error`. Without any error (0) 0.0 for a change below the bound, else
    1.0; 1.0 where the standard error is None.
    """
    error = effect.tested_error
    if error is None:
        return 1.0
    distance = effect.change - bound
    if error == 0.0:
        return 0.0 if distance < 0.0 else 1.0
    return float(special.stdtr(effect.freedom, distance / error))


def p_above(effect: Effect, bound: float) -> float:
    """Return the one-sided p of H₀ "true change ≤ bound": the mirror of `p_below`."""
    return p_below(replace(effect, change=-effect.change), -bound)


def tost(effect: Effect, margin: float) -> float:
    """Return the p of H₀ "|true change| ≥ margin", by two one-sided tests.

    The larger p of "true change ≤ −margin" and "true change ≥ margin" (Schuirmann, "A comparison of
    the two one-sided tests procedure and the power approach for assessing the equivalence of
    average bioavailability", J. Pharmacokinet. Biopharm. 15, 1987). It is below α exactly where
    the interval of confidence 1 − 2α lies inside the margin.
    """
    cautious = replace(effect, standard_error=effect.interval_error)
    return max(p_above(cautious, -margin), p_below(cautious, margin))


def interval_of(effect: Effect, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Return the confidence interval of a change: change ± t(ν) · its `interval_error`.

    t(ν) is the (1 + confidence) / 2 quantile of Student's distribution. None where the standard
    error is None.
    """
    error = effect.interval_error
    if error is None:
        return None
    if error == 0.0:
        return effect.change, effect.change
    half_width = _quantile(confidence, effect.freedom) * error
    return effect.change - half_width, effect.change + half_width


def telling_interval(effect: Effect) -> tuple[float, float] | None:
    """Return the interval of a change for a reader; None where chips are too few for one.

    That is where its error has fewer degrees of freedom than that of `FEWEST_CHIPS` paired chips.
    """
    return None if effect.freedom < FEWEST_CHIPS - 1 else interval_of(effect)


@dataclass(frozen=True)
class Interval:
    """A symmetric confidence interval; without a half width where chips are too few for one.

    `half_width` is over chips, on the examples that were measured; `with_examples` over chips and
    examples, None where nothing is known of single examples.
    """

    centre: float
    half_width: float | None
    with_examples: float | None = None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Lower and upper end; None where there is no interval."""
        if self.half_width is None:
            return None
        return self.centre - self.half_width, self.centre + self.half_width


def mean_interval(
    values: Sequence[float], confidence: float = CONFIDENCE, step: float = 0.0
) -> Interval:
    """Return Student's interval for a mean over chips: m ± t(n−1) · s / √n, as `interval_of`.

    With a `step` by which values move, what that may hide is added (`step_error`); without one its
    width is 0 where all values are equal. Fewer than `FEWEST_CHIPS` give no half width.
    """
    effect = paired_effect(values, step)
    bounds = interval_of(effect, confidence)
    if bounds is None or len(values) < FEWEST_CHIPS:
        return Interval(effect.change, None)
    half_width = (bounds[1] - bounds[0]) / 2
    return Interval(effect.change, half_width if math.isfinite(half_width) else None)


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust the p-values of one family of tests for their number.

    With the p-values in ascending order p₍₁₎ … p₍ₘ₎ the adjusted ones are
    min over j ≥ i of p₍ⱼ₎ · m / j, at most 1. To reject where the adjusted value is at most α keeps
    the expected share of false alarms among all alarms at α or below, for independent tests and for
    those that depend positively on each other, as cases on the same chips do (Benjamini and
    Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B 57, 1995; Benjamini and
    Yekutieli, Ann. Stat. 29, 2001). A case that was not tested must be left out: it would count
    towards m.
    """
    return tuple(map(float, stats.false_discovery_control(list(p_values), method="bh")))


@lru_cache(maxsize=1024)
def _quantile(confidence: float, freedom: float) -> float:
    return float(stats.t.ppf((1.0 + confidence) / 2.0, freedom))


def _mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    number = len(values)
    if min(values) == max(values):
        # Rounding in the mean would otherwise leave a spread of 1e-17 where there is none.
        return float(values[0]), 0.0 if number > 1 else None
    # fsum rounds once, whatever the order of what it sums.
    mean = math.fsum(values) / number
    deviations = [value - mean for value in values]
    # In units of the largest, so that no square leaves the range of floats.
    unit = max(map(abs, deviations))
    variance = math.fsum((deviation / unit) ** 2 for deviation in deviations) / (number - 1)
    return mean, unit * math.sqrt(variance / number)
