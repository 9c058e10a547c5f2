"""Scores of predictors against SciPy, closed forms and trying."""

import numpy as np
import pytest
from scipy import stats

from analog_bench.planning.predictor_scores import ceiling, regret, score_predictor, tau_interval

RNG = np.random.default_rng(5)
MEASURED = RNG.exponential(1.0, 30)
PREDICTED = MEASURED * np.exp(RNG.normal(0, 0.3, 30))
ENERGIES = 10 - 3 * MEASURED + RNG.normal(0, 1, 30)


def test_ranks_are_scipys():
    score = score_predictor("x", PREDICTED, MEASURED, ENERGIES, seed=1)
    assert score.tau == pytest.approx(stats.kendalltau(PREDICTED, MEASURED).statistic)
    assert score.rho == pytest.approx(stats.spearmanr(PREDICTED, MEASURED).statistic)
    assert score.error == pytest.approx(np.abs(PREDICTED - MEASURED).mean() / MEASURED.mean())
    assert score.low < score.tau < score.high
    assert score == score_predictor("x", PREDICTED, MEASURED, ENERGIES, seed=1)
    assert score_predictor("x", PREDICTED, MEASURED, ENERGIES, seed=1, in_unit=False).error is None


def test_the_interval_holds_the_taus_of_other_plans():
    """Of bivariate normals tau is 2/pi asin(rho)."""
    rng, true, hits = np.random.default_rng(2), 2 / np.pi * np.arcsin(0.9), 0
    for n in range(40):
        x, z = rng.normal(size=(2, 30))
        _, low, high = tau_interval(x, 0.9 * x + np.sqrt(1 - 0.81) * z, seed=n)
        hits += low <= true <= high
    assert hits >= 34


def test_perfect_and_absent_orders_are_numbers():
    assert tau_interval([1, 2, 3, 4, 5], [2, 3, 4, 5, 9], seed=1)[0] == 1
    assert tau_interval([1, 1, 1, 1, 1], [2, 3, 4, 5, 9], seed=1) == (0, 0, 0)


def test_regret_is_that_of_the_picks():
    measured, energies = [5.0, 1.0, 3.0, 2.0], [1.0, 4.0, 2.0, 3.0]
    assert regret(measured, measured, energies) == 0
    # At most 1: the first. At most 2: the first is picked, and loses 2 more. Then 3, then 4 more.
    assert regret([0.0, 9.0, 9.0, 9.0], measured, energies) == pytest.approx((0 + 2 + 3 + 4) / 4)


def test_the_ceiling_is_between_halves_of_the_chips():
    by_chip = MEASURED[:, np.newaxis] + RNG.normal(0, 0.2, (30, 5))
    tau, low, high = ceiling(by_chip.tolist(), seed=1)
    halves = by_chip[:, :2].mean(1), by_chip[:, 2:4].mean(1)
    assert tau == pytest.approx(stats.kendalltau(*halves).statistic)
    assert low < tau < high
    assert ceiling([[1.0], [2.0]], seed=1) is None
    assert ceiling([[1.0, 2.0], [2.0]], seed=1) is None
