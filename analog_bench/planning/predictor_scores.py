"""How well predictors rank plans that they have not seen, and how well they could."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analog_bench.gate.significance import CONFIDENCE

_RESAMPLES = 2000


@dataclass(frozen=True)
class PredictorScore:
    """Scores of one predictor on held-out plans.

    Attributes:
        name: Name of the predictor.
        tau: Kendall's rank correlation (tau-b) of predicted and measured losses.
        low: Lower end of its 95 % interval over plans.
        high: Upper end.
        rho: Spearman's rank correlation.
        error: Mean absolute difference between predicted and measured losses, as a share of the
            mean loss; None for a predictor that gives only an order.
        regret: Excess loss of the plan with the least predicted loss, among plans of at most some
            energy, over the best of them; the mean over the energies of all plans.
    """

    name: str
    tau: float
    low: float
    high: float
    rho: float
    error: float | None
    regret: float


@dataclass(frozen=True)
class PredictorComparison:
    """Predictors on the same held-out plans.

    Attributes:
        plans: Number of plans.
        chips: Number of fresh chips that each was measured on.
        least: The smallest of their losses.
        most: The largest.
        scores: One per predictor, the simplest first.
        ceiling: Tau, with its interval, between disjoint halves of the chips: the limit set by
            measurement noise. None for a single chip.
        used: Name of the predictor used to choose plans.
    """

    plans: int
    chips: int
    least: float
    most: float
    scores: tuple[PredictorScore, ...]
    ceiling: tuple[float, float, float] | None
    used: str


def score_predictor(
    name: str,
    predicted: Sequence[float],
    measured: Sequence[float],
    energies: Sequence[float],
    *,
    seed: int,
    in_unit: bool = True,
) -> PredictorScore:
    """Return how well predictions fit the measured losses, all in the order of the plans.

    `in_unit` says whether predictions are losses; if not, only their order counts.
    """
    tau, low, high = tau_interval(predicted, measured, seed=seed)
    differences = [abs(p - m) for p, m in zip(predicted, measured, strict=True)]
    return PredictorScore(
        name=name,
        tau=tau,
        low=low,
        high=high,
        rho=float(stats.spearmanr(predicted, measured).statistic),
        error=fmean(differences) / fmean(measured) if in_unit else None,
        regret=regret(predicted, measured, energies),
    )


def tau_interval(
    one: Sequence[float], other: Sequence[float], *, seed: int
) -> tuple[float, float, float]:
    """Return Kendall's tau-b and its 95 % interval, a percentile bootstrap over plans.

    Values that are all equal have no order, and tau is 0.
    """
    x, y = (np.sign(np.subtract.outer(values, values)) for values in (one, other))
    drawn = np.random.default_rng(seed).integers(len(one), size=(_RESAMPLES, len(one)))
    taus = [_tau(x[np.ix_(plans, plans)], y[np.ix_(plans, plans)]) for plans in drawn]
    low, high = np.quantile(taus, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return _tau(x, y), float(low), float(high)


def _tau(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return tau-b from the signs of all pairwise differences."""
    size = math.sqrt(float((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / size if size else 0.0


def regret(
    predicted: Sequence[float], measured: Sequence[float], energies: Sequence[float]
) -> float:
    """Return what picking by prediction loses on average; see `PredictorScore`."""
    lost = []
    for most in energies:
        fitting = [n for n, energy in enumerate(energies) if energy <= most]
        pick = min(fitting, key=lambda n: predicted[n])
        lost.append(measured[pick] - min(measured[n] for n in fitting))
    return fmean(lost)


def ceiling(by_chip: Sequence[Sequence[float]], *, seed: int) -> tuple[float, float, float] | None:
    """Return tau, with its interval, between the means of disjoint halves of the chips.

    `by_chip` has one row of losses per plan, with the chips in the same order. None with fewer than
    two chips, or if a plan has fewer than others.
    """
    chips = min(map(len, by_chip))
    if chips < 2 or any(len(row) != chips for row in by_chip):
        return None
    half = chips // 2
    first = [fmean(row[:half]) for row in by_chip]
    second = [fmean(row[half : 2 * half]) for row in by_chip]
    return tau_interval(first, second, seed=seed)
