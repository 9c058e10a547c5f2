import math
from statistics import fmean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from analog_bench.gate.decision_rule import EQUIVALENCE_LEVEL
from analog_bench.gate.detectable_effect import chips_to_compare, detectable
from analog_bench.gate.significance import Effect, p_below, paired_effect, tost, welch_effect


@pytest.mark.parametrize("chips", [3, 4, 5, 10, 50, 1000])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
@pytest.mark.parametrize("power", [0.8, 0.95])
def test_paired_is_statsmodels(chips, alpha, power):
    effect = Effect(0.0, 2.0 / math.sqrt(chips), chips - 1.0)
    # Its own solver gives up for three chips; the power at our answer needs none.
    found = TTestPower().power(detectable(effect, alpha, power) / 2.0, chips, alpha, None, "larger")
    assert found == pytest.approx(power, abs=1e-8)


@pytest.mark.parametrize(("new", "old"), [(5, 5), (10, 10), (4, 20)])
def test_two_samples_are_statsmodels(new, old):
    effect = Effect(0.0, 1.5 * math.sqrt(1 / new + 1 / old), new + old - 2.0)
    expected = TTestIndPower().solve_power(
        nobs1=new, alpha=0.05, power=0.8, ratio=old / new, alternative="larger"
    )
    assert detectable(effect, 0.05) == pytest.approx(1.5 * expected, rel=1e-5)


@pytest.mark.parametrize("freedom", [1.0, 1.3, 2.0, 3.0, 4.0, 9.0, 300.0, 1e4, 1e6])
@pytest.mark.parametrize("alpha", [0.1, 0.05, 1e-3, 1e-5])
@pytest.mark.parametrize("power", [0.5, 0.8, 0.99])
def test_the_power_is_that_of_the_definition(freedom, alpha, power):
    # P(Z + δ > t √(V/ν)), averaged over the quantiles of V: no noncentral t in it.
    found = detectable(Effect(0.0, 1.0, freedom), alpha, power)
    variances = stats.chi2.ppf((np.arange(20000) + 0.5) / 20000, freedom)
    critical = stats.t.isf(alpha, freedom) * np.sqrt(variances / freedom)
    assert special.ndtr(found - critical).mean() == pytest.approx(power, abs=2e-5)


def test_many_chips_are_the_normal_case():
    normal = stats.norm.isf(0.05) + stats.norm.isf(0.2)
    assert detectable(Effect(0.0, 1.0, 1e9), 0.05) == pytest.approx(normal, rel=1e-4)


def test_without_a_spread():
    assert detectable(Effect(0.3, 0.0, 9.0), 0.05) == 0.0
    assert detectable(Effect(0.3, None, 0.0), 0.05) is None
    # A coin that rejects every other time needs no shift to do so.
    assert detectable(Effect(0.3, 1.0, 9.0), 0.5, power=0.5) == 0.0


@given(st.floats(0.01, 100), st.floats(1, 1000), st.floats(1e-5, 0.2), st.floats(0.3, 0.95))
def test_what_makes_it_larger(error, freedom, alpha, power):
    found = detectable(Effect(-3.0, error, freedom), alpha, power)
    assert found > 0.0
    assert detectable(Effect(5.0, 2 * error, freedom), alpha, power) == pytest.approx(2 * found)
    assert detectable(Effect(0.0, error, freedom), alpha / 2, power) > found
    assert detectable(Effect(0.0, error, freedom), alpha, power + 0.02) > found
    assert detectable(Effect(0.0, error, freedom + 1), alpha, power) < found


@pytest.mark.parametrize("chips", [3, 10])
def test_the_shift_is_found_as_often_as_asked(chips):
    rng = np.random.default_rng(chips)
    true = Effect(0.0, 2.0 / math.sqrt(chips), chips - 1.0)
    # A worsening beyond a margin of 1 by what is said to be detectable.
    worse = -1.0 - detectable(true, 0.05)
    draws = rng.normal(worse, 2.0, (2000, chips)).tolist()
    found = sum(p_below(paired_effect(draw), -1.0) < 0.05 for draw in draws)
    assert abs(found / 2000 - 0.8) < 4 * math.sqrt(0.8 * 0.2 / 2000)


def test_the_shift_is_found_without_pairs():
    rng = np.random.default_rng(10)
    # Spreads of 3 and 1 on 8 and 12 chips, by Welch's degrees of freedom at the true spreads.
    new, old = 9 / 8, 1 / 12
    freedom = (new + old) ** 2 / (new**2 / 7 + old**2 / 11)
    shift = detectable(Effect(0.0, math.sqrt(new + old), freedom), 0.05)
    found = sum(
        p_below(welch_effect(list(rng.normal(-shift, 3, 8)), list(rng.normal(0, 1, 12))), 0) < 0.05
        for _ in range(2000)
    )
    assert abs(found / 2000 - 0.8) < 4 * math.sqrt(0.8 * 0.2 / 2000)


@pytest.mark.parametrize("step", [0.0, 0.3])
@pytest.mark.parametrize("margin", [0.8, 1.0, 1.5, 4.0])
def test_chips_to_compare_are_the_fewest_that_could_be_equivalent(margin, step):
    stored = [60.0, 61.2, 59.1, 60.4, 60.9, 59.5, 60.1, 58.9, 61.0]

    def equivalent(chips):
        shape = stats.norm.ppf((np.arange(chips) + 0.5) / chips)
        alike = fmean(stored) + stdev(stored) * shape / stdev(shape)
        return tost(welch_effect(list(alike), stored, step), margin) <= EQUIVALENCE_LEVEL

    asked = chips_to_compare(stored, margin, step, least=3)
    if equivalent(2 * len(stored)):
        assert equivalent(asked)
        assert asked == 3 or not equivalent(asked - 1)
    else:
        assert asked == len(stored)


def test_chips_to_compare_where_nothing_is_known_of_their_spread():
    assert chips_to_compare([60.0], 1.0, 0.0, least=3) == 3
    assert chips_to_compare([60.0, 60.0, 60.0], 1.0, 0.0, least=3) == 3
    assert chips_to_compare([10.0, 90.0, 50.0], 1.0, 0.0, least=5) == 5
