"""Bootstrap over chips: bands of mean drift curves, and the nominal level that few chips need."""

from __future__ import annotations

import math
import warnings
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from analog_bench.gate.significance import CONFIDENCE

RESAMPLES = 2000

Array: TypeAlias = NDArray[np.float64]

# Numbers held at once while resampling: 32 MiB.
_AT_ONCE = 2**22

# scipy requires a level below 1.
_HIGHEST_LEVEL = 1.0 - 1e-12


def trajectory_band(
    trajectories: ArrayLike,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int,
) -> tuple[Array, Array]:
    """Return the bootstrap band of a mean drift curve.

    Chips are the sampling unit. They are drawn with replacement, each with its whole curve, because
    a chip's scores at different times belong to one piece of hardware. At each time the band is the
    BCa interval, corrected for bias and for a spread that depends on the value (Efron, "Better
    bootstrap confidence intervals", J. Am. Stat. Assoc. 82, 1987). Where BCa is degenerate
    (identical chips) it is the percentile interval. Both are taken at `small_sample_level`.

    The band is pointwise. In 10,000 simulations with 10 chips, a 95 % band covered the true mean at
    each time in 94 % of cases for normal scores and in 93 % for log-normal ones (0.5); it covered
    all times together less often. BCa at the nominal level, as scipy gives it, covered 90 % and 89
    %. With 5 chips the coverage is 92 %.

    Args:
        trajectories: Scores of shape (chips, times), with at least two chips. The order of the
            chips does not affect the result, not even by rounding.
        confidence: Confidence level of the band.
        resamples: Number of bootstrap resamples.
        seed: Seed of the resampling.

    Returns:
        The lower and the upper ends, each of shape (times,).
    """
    curves = np.asarray(trajectories, dtype=np.float64)
    # A canonical order, so that the order of the chips does not matter.
    curves = curves[np.lexsort(curves.T[::-1])]

    def mean_curves(index: NDArray[np.int64], axis: int) -> Array:
        # scipy passes the chips along the last axis, after at most one axis of resamples. They are
        # sorted so that equal sets have bit-identical means, because BCa counts ties.
        chosen = np.sort(np.moveaxis(index, axis, -1), axis=-1)
        return np.moveaxis(curves[chosen].mean(axis=-2), -1, 0)

    resample = partial(
        stats.bootstrap,
        (np.arange(len(curves)),),
        mean_curves,
        vectorized=True,
        batch=max(1, _AT_ONCE // curves.size),
        confidence_level=small_sample_level(confidence, len(curves)),
    )
    percentile = resample(
        n_resamples=resamples, method="percentile", rng=np.random.default_rng(seed)
    )
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        corrected = resample(n_resamples=0, method="BCa", bootstrap_result=percentile)
    low, high = map(np.asarray, corrected.confidence_interval)
    plain_low, plain_high = percentile.confidence_interval
    defined = np.isfinite(low) & np.isfinite(high)
    return np.where(defined, low, plain_low), np.where(defined, high, plain_high)


def small_sample_level(confidence: float, chips: int, drawn: int | None = None) -> float:
    """Return the nominal level at which a bootstrap of few chips covers about `confidence`.

    The level is 2 Φ(√(d / (n − 1)) · t) − 1, where t is the (1 + confidence) / 2 quantile of
    Student's distribution with n − 1 degrees of freedom, n (at least 2) is the number of chips, and
    d is the number drawn each time, n by default. The means of such draws spread too little by √((n
    − 1) / d), and their quantiles are those of a normal distribution instead of Student's
    (Hesterberg, "What teachers should know about the bootstrap", Am. Stat. 69, 2015). For 0.95 and
    10 chips the level is 0.983.
    """
    quantile = float(stats.t.ppf((1.0 + confidence) / 2.0, chips - 1))
    level = 2.0 * float(special.ndtr(math.sqrt((drawn or chips) / (chips - 1)) * quantile)) - 1.0
    return min(level, _HIGHEST_LEVEL)
