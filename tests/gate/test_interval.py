import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analog_bench.gate.significance import (
    Interval,
    interval_of,
    mean_interval,
    paired_effect,
    telling_interval,
    welch_effect,
)

SCORES = st.floats(-1000, 1000).map(lambda score: round(score, 2))
SEVERAL = st.lists(SCORES, min_size=2, max_size=12)
ENOUGH = st.lists(SCORES, min_size=3, max_size=12)


@given(ENOUGH)
def test_the_mean_interval_is_scipys(values):
    found = mean_interval(values)
    if len(set(values)) == 1:
        assert found == Interval(values[0], 0.0)
        return
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert found.bounds == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-6)


# scipy's own warning about a sample whose values are all the same
@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
@given(SEVERAL, SEVERAL)
def test_the_difference_interval_is_scipys(new, old):
    found = welch_effect(new, old)
    assert found.change == pytest.approx(np.mean(new) - np.mean(old), abs=1e-9)
    if len(set(new)) == len(set(old)) == 1:
        assert interval_of(found) == (found.change, found.change)
    else:
        expected = stats.ttest_ind(new, old, equal_var=False).confidence_interval(0.95)
        bounds = (expected.low, expected.high)
        assert interval_of(found) == pytest.approx(bounds, rel=1e-6, abs=1e-6)


@given(st.lists(st.floats(-100.0, 100.0), min_size=2, max_size=2))
def test_two_values_are_too_few_for_an_interval(values):
    assert mean_interval(values) == Interval(pytest.approx(sum(values) / 2, abs=1e-9), None)
    assert telling_interval(paired_effect(values)) is None
    # A test on them is a test all the same.
    assert interval_of(paired_effect(values)) is not None


def test_two_values_a_side_are_told_by_their_freedom():
    few, some = [1.0, 2.0], [1.0, 2.5, 3.0]
    assert telling_interval(welch_effect(few, [1.0, 5.0])) is None
    assert telling_interval(welch_effect(some, some)) == interval_of(welch_effect(some, some))


def test_one_value_shows_no_spread():
    assert mean_interval([3.0]) == Interval(3.0, None)
    assert mean_interval([3.0]).bounds is None
    lone = welch_effect([3.0], [1.0, 2.0])
    assert (lone.change, interval_of(lone)) == (1.5, None)


def test_equal_values_leave_no_spread_by_rounding():
    assert mean_interval([0.1] * 7) == Interval(0.1, 0.0)
    assert welch_effect([0.1] * 7, [0.3] * 3).standard_error == 0.0


def test_a_tiny_spread_on_a_large_score_keeps_its_digits():
    spread = np.array([0.0, 1.0, 2.0, 3.0]) * 2.0**-30
    found = mean_interval(list(1000.0 + spread))
    assert found.half_width == pytest.approx(mean_interval(list(spread)).half_width, rel=1e-9)


@given(ENOUGH, st.floats(0.5, 0.94))
def test_more_confidence_is_wider(values, confidence):
    assert mean_interval(values, confidence).half_width <= mean_interval(values).half_width


def test_the_mean_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(3000):
        low, high = mean_interval(list(rng.normal(61.0, 2.0, 5))).bounds
        hits += low <= 61.0 <= high
    assert abs(hits / 3000 - 0.95) < 3.5 * np.sqrt(0.95 * 0.05 / 3000)


def test_welch_covers_with_unequal_spreads_and_numbers():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(3000):
        new, old = rng.normal(60.0, 3.0, 6), rng.normal(61.0, 1.0, 12)
        low, high = interval_of(welch_effect(list(new), list(old)))
        hits += low <= -1.0 <= high
    assert abs(hits / 3000 - 0.95) < 0.02
