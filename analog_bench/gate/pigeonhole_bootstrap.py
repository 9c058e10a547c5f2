"""Uncertainty over chips and examples together: both are resampled independently.

An interval over chips does not cover other examples, and the examples' share is often the larger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analog_bench.gate.drift_band import RESAMPLES, Array
from analog_bench.gate.significance import CONFIDENCE, FEWEST_CHIPS, satterthwaite
from analog_bench.seeds import derive_seed

FEWEST_EXAMPLES = FEWEST_CHIPS
"""Fewest examples for an interval, for the same reason as `FEWEST_CHIPS`."""


@dataclass(frozen=True, eq=False)
class Resamples:
    """Chips and examples drawn with replacement, one fewer than there are of each.

    Attributes:
        chips: Share of each chip in each draw, shape (draws, chips); rows sum to 1.
        examples: How often each example was drawn, shape (draws, examples).
    """

    chips: Array
    examples: Array

    def means(self, scores: ArrayLike, weights: ArrayLike | None = None) -> Array:
        """Return the weighted mean of each row of scores over each draw's examples.

        The ratio Σ w s / Σ w is computed anew in each draw, because other examples have other
        weights.

        Args:
            scores: Scores of shape (rows, examples).
            weights: Weights of shape (examples,), 1 by default.

        Returns:
            The means, of shape (draws, rows); NaN where a draw's weights are all 0.
        """
        table = np.asarray(scores, dtype=np.float64)
        each = np.ones(table.shape[1]) if weights is None else np.asarray(weights, np.float64)
        # Centred, so that large scores do not cost digits of their small differences between draws.
        centre = table.mean()
        with np.errstate(invalid="ignore", divide="ignore"):
            means = self.examples @ ((table - centre) * each).T / (self.examples @ each)[:, None]
        return np.asarray(means + centre)

    def over_chips(self, per_chip: Array) -> Array:
        """Return the mean over each draw's chips, from shape (draws, chips) to (draws,)."""
        return np.asarray((self.chips * per_chip).sum(axis=1))


@lru_cache(maxsize=4)
def resample(chips: int, examples: int, seed: int, resamples: int = RESAMPLES) -> Resamples | None:
    """Draw chips and examples; None if there are too few of either for an interval.

    The same seed and numbers give the same draws. Scores at two drift times, of two variants, or of
    chips and the digital model therefore meet the same examples in every draw.

    One fewer is drawn than there are. The variance of a mean over n − 1 draws out of n is s² / n
    with n − 1 in the denominator of s², without bias. n draws would give (n − 1) / n of it, two
    thirds for three chips (Rao and Wu, "Resampling inference with complex survey data", J. Am.
    Stat. Assoc. 83, 1988).
    """
    if chips < FEWEST_CHIPS or examples < FEWEST_EXAMPLES:
        return None

    def drawn(purpose: str, number: int) -> Array:
        rng = np.random.default_rng(derive_seed(seed, "pigeonhole bootstrap", purpose, number))
        counts = np.empty((resamples, number))
        for row in counts:
            row[:] = np.bincount(rng.integers(number, size=number - 1), minlength=number)
        return counts

    return Resamples(drawn("chips", chips) / (chips - 1), drawn("examples", examples))


def half_width(
    per_chip: ArrayLike, drawn: Array, resamples: Resamples, confidence: float = CONFIDENCE
) -> float | None:
    """Return the half width of the interval of a mean over chips, for other chips and examples.

    This is the pigeonhole bootstrap (Owen, "The pigeonhole bootstrap", Ann. Appl. Stat. 1, 2007): a
    score is known for every pair of chip and example, and the rows and columns of that table are
    drawn independently. The half width is t(ν) · e, with e the standard deviation over draws and ν
    the degrees of freedom of Satterthwaite (Biometrics Bulletin 2, 1946): those of n − 1 chips for
    the chips' share of e², those of n − 1 examples for the rest.

    No bootstrap of crossed factors is exact (McCullagh, "Resampling and exchangeable arrays",
    Bernoulli 6, 2000), and this one is conservative. If scores are μ + chip + example + rest with
    variances C, E and R, a mean over c chips and n examples has the variance C / c + E / n + R / (c
    n), and e² is C / c + E / n + 3 R / (c n) in expectation. The closed form of the former, which
    is unbiased, is the tests' oracle.

    The half width is never below Student's for the chips alone, because t(ν) falls fast when a
    little is added to the error of few chips.

    Args:
        per_chip: The statistic of each chip on all examples, shape (chips,).
        drawn: The same on each draw's examples, shape (draws, chips).
        resamples: The draws.
        confidence: Confidence level of the interval.

    Returns:
        The half width; None if a number is not finite.
    """
    values = np.asarray(per_chip, dtype=np.float64)
    chips, examples = len(values), resamples.examples.shape[1]
    with np.errstate(invalid="ignore", over="ignore"):
        of_chips = float(values.var(ddof=1)) / chips
        both = max(of_chips, float(resamples.over_chips(drawn).var(ddof=1)))
    if not math.isfinite(both):
        return None
    if both == 0.0:
        return 0.0
    freedom = satterthwaite((of_chips, chips - 1), (both - of_chips, examples - 1))
    quantiles = stats.t.ppf((1.0 + confidence) / 2.0, [freedom, chips - 1])
    half = float(np.max(quantiles * np.sqrt([both, of_chips])))
    return half if math.isfinite(half) else None
