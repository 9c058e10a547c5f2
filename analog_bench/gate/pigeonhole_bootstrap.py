"""Uncertainty over chips and examples together: both are resampled, independently of each other.

An interval over chips says nothing of other examples, and the examples' share is often the larger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analog_bench.gate.drift_band import RESAMPLES, Array
from analog_bench.gate.significance import CONFIDENCE, FEWEST_CHIPS
from analog_bench.seeds import derive_seed

FEWEST_EXAMPLES = FEWEST_CHIPS
"""Examples that an interval needs, for the reason that it needs so many chips."""


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

        Scores have the shape (rows, examples), weights (examples,) and are 1 by default; the result
        has (draws, rows). The ratio Σ w s / Σ w is taken anew in each draw, since other examples
        have other weights. NaN where a draw's weights are all 0.
        """
        table = np.asarray(scores, dtype=np.float64)
        each = np.ones(table.shape[1]) if weights is None else np.asarray(weights, np.float64)
        # Around their mean, so that what differs between draws is not lost in what does not.
        centre = table.mean()
        with np.errstate(invalid="ignore", divide="ignore"):
            means = self.examples @ ((table - centre) * each).T / (self.examples @ each)[:, None]
        return np.asarray(means + centre)

    def over_chips(self, per_chip: Array) -> Array:
        """Return the mean over each draw's chips; of shape (draws, chips) to (draws,)."""
        return np.asarray((self.chips * per_chip).sum(axis=1))


@lru_cache(maxsize=4)
def resample(chips: int, examples: int, seed: int, resamples: int = RESAMPLES) -> Resamples | None:
    """Draw chips and examples; None where there are too few of either for an interval.

    Equal numbers of both get equal draws from a seed, so that scores at two drift times, of two
    variants, or of chips and the digital model meet the same examples in every draw.

    One fewer is drawn than there are: the variance of a mean over n − 1 draws out of n is s² / n
    with n − 1 in the denominator of s², without bias; n draws would give (n − 1) / n of it, two
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
    """Return half the interval of a mean over chips, for other chips and other examples.

    `per_chip` is the statistic of each chip on all examples, shape (chips,); `drawn` the same on
    each draw's examples, shape (draws, chips). The pigeonhole bootstrap (Owen, "The pigeonhole
    bootstrap", Ann. Appl. Stat. 1, 2007): a score is known for every pair of chip and example, and
    rows and columns of that table are drawn independently of each other. Half the interval is
    t(ν) · e, with e the standard deviation over draws and ν the degrees of freedom of Satterthwaite
    (Biometrics Bulletin 2, 1946): those of n − 1 chips for the chips' share of e², those of n − 1
    examples for the rest.

    No bootstrap of crossed factors is exact (McCullagh, "Resampling and exchangeable arrays",
    Bernoulli 6, 2000), and this one is conservative. Where scores are μ + chip + example + rest
    with variances C, E and R, a mean over c chips and n examples has the variance
    C / c + E / n + R / (c n), and e² is C / c + E / n + 3 R / (c n) in expectation. The closed form
    of the first, which is without bias, serves as the tests' oracle.

    It is never below Student's for the chips alone, as t(ν) falls fast where a little is added to
    the error of few chips. None where a number is not finite.
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
    share = of_chips / both
    freedom = 1.0 / (share**2 / (chips - 1) + (1.0 - share) ** 2 / (examples - 1))
    quantiles = stats.t.ppf((1.0 + confidence) / 2.0, [freedom, chips - 1])
    half = float(np.max(quantiles * np.sqrt([both, of_chips])))
    return half if math.isfinite(half) else None
