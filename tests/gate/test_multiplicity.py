import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analog_bench.gate.significance import benjamini_hochberg

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(P_VALUES)
def test_it_is_statsmodels(p_values):
    _, expected, _, _ = multipletests(p_values, method="fdr_bh")
    assert benjamini_hochberg(p_values) == pytest.approx(tuple(expected))


def test_an_example_by_hand():
    # 0.01·4/1, 0.04·4/3 from above for 0.03, 0.04·4/3, 0.5·4/4
    assert benjamini_hochberg([0.04, 0.5, 0.01, 0.03]) == pytest.approx(
        (0.16 / 3, 0.5, 0.04, 0.16 / 3)
    )
    assert benjamini_hochberg([0.2]) == (0.2,)
    assert benjamini_hochberg([]) == ()
    assert all(type(p) is float for p in benjamini_hochberg([0.2, 1.0]))


@given(P_VALUES, st.randoms(use_true_random=False))
def test_each_case_keeps_its_own(p_values, rng):
    first = dict(zip(p_values, benjamini_hochberg(p_values), strict=True))
    rng.shuffle(p_values)
    assert dict(zip(p_values, benjamini_hochberg(p_values), strict=True)) == first


@given(P_VALUES)
def test_adjusting_never_lowers_and_keeps_the_order(p_values):
    adjusted = benjamini_hochberg(p_values)
    assert all(
        raw <= after * (1 + 1e-12) and after <= 1.0
        for raw, after in zip(p_values, adjusted, strict=True)
    )
    in_order = [after for _, after in sorted(zip(p_values, adjusted, strict=True))]
    assert in_order == sorted(in_order)
    assert max(adjusted) == pytest.approx(max(p_values))


def test_the_share_of_false_alarms_is_kept():
    rng = np.random.default_rng(8)
    families, cases, real = 1000, 40, 8
    shares, found = [], 0
    for _ in range(families):
        # Cases share their chips, so their scores depend on each other.
        score = np.sqrt(0.5) * (rng.normal(size=cases) + rng.normal())
        score[:real] += 3.5
        alarm = np.array(benjamini_hochberg(list(stats.norm.sf(score)))) <= 0.1
        shares.append(alarm[real:].sum() / max(1, alarm.sum()))
        found += alarm[:real].sum()
    error = np.std(shares) / math.sqrt(families)
    assert np.mean(shares) < 0.1 + 3 * error
    assert found / (families * real) > 0.7


def test_independent_false_alarms_are_as_many_as_theory_says():
    rng = np.random.default_rng(9)
    shares = []
    for _ in range(1500):
        p_values = rng.uniform(size=20)
        p_values[:5] = stats.norm.sf(rng.normal(4.0, 1.0, 5))
        alarm = np.array(benjamini_hochberg(list(p_values))) <= 0.1
        shares.append(alarm[5:].sum() / max(1, alarm.sum()))
    # Exactly α · (share of cases without a change), for independent tests.
    assert np.mean(shares) == pytest.approx(0.075, abs=4 * np.std(shares) / math.sqrt(1500))
