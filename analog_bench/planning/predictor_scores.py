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
    """One predictor on held-out plans.

    Attributes:
        name: What it is.
        tau: Kendall's rank correlation (tau-b) of predicted and measured losses.
        low: Lower end of its 95 % interval over plans.
        high: Upper end.
        rho: Spearman's.
        error: Mean difference of predicted and measured losses, as a share of the mean loss; None
            of what predicts an order alone.
        regret: What is lost by picking, among plans of at most some energy, the one that is
            predicted to lose least, beyond the best of them: the mean over energies of all plans.
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
        plans: How many plans.
        chips: Fresh chips that each was measured on.
        least: The smallest of their losses.
        most: The largest.
        scores: By predictor, the simplest first.
        ceiling: Tau, with its interval, between disjoint halves of the chips: what noise of
            measuring allows. None of a single chip.
        used: Name of the predictor that plans are chosen by.
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
    """Return how well predictions fit the plans' measured losses, all in the plans' order.

    `in_unit` says whether predictions are losses; otherwise their order alone counts.
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
    """Return Kendall's tau-b and its 95 % interval: a percentile bootstrap over plans.

    What is all alike has no order, and tau is 0.
    """
    x, y = (np.sign(np.subtract.outer(values, values)) for values in (one, other))
    drawn = np.random.default_rng(seed).integers(len(one), size=(_RESAMPLES, len(one)))
    taus = [_tau(x[np.ix_(plans, plans)], y[np.ix_(plans, plans)]) for plans in drawn]
    low, high = np.quantile(taus, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return _tau(x, y), float(low), float(high)


def _tau(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return tau-b of the signs of all differences; ties count in neither's size."""
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

    `by_chip` has a plan's losses a row, chips in the same order. None of fewer than two chips, or
    where a plan has fewer than others.
    """
    chips = min(map(len, by_chip))
    if chips < 2 or any(len(row) != chips for row in by_chip):
        return None
    half = chips // 2
    first = [fmean(row[:half]) for row in by_chip]
    second = [fmean(row[half : 2 * half]) for row in by_chip]
    return tau_interval(first, second, seed=seed)
