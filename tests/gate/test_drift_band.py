import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analog_bench.gate.drift_band import small_sample_level, trajectory_band
from analog_bench.gate.significance import mean_interval

SCORES = st.floats(-1000, 1000).map(lambda score: round(score, 2))
SEVERAL = st.lists(SCORES, min_size=2, max_size=12)


def interval(scores, **options):
    """Return the band at the only time."""
    low, high = trajectory_band(np.reshape(scores, (-1, 1)), **options)
    return low[0], high[0]


def curves(rng, chips=10, times=6):
    """Chips that start apart and drift down, each at a pace of its own."""
    start = 70 + rng.normal(0, 3, (chips, 1))
    return start - np.arange(times) * (1 + rng.normal(0, 0.2, (chips, 1)))


@pytest.mark.parametrize("chips", [2, 3, 5, 10, 30])
def test_it_is_scipys_bca_at_the_level_for_few_chips(chips):
    # Whole numbers: their sums have no rounding, which would break ties.
    scores = np.sort(np.random.default_rng(chips).integers(0, 1000, chips)).astype(float)
    expected = stats.bootstrap(
        (scores,),
        np.mean,
        n_resamples=2000,
        confidence_level=small_sample_level(0.95, chips),
        method="BCa",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert interval(scores, seed=3) == pytest.approx(tuple(expected), rel=1e-12)


def test_bca_follows_the_skew():
    scores = np.random.default_rng(0).lognormal(0.0, 1.0, 40)
    low, high = interval(scores, seed=3)
    assert high - scores.mean() > 1.2 * (scores.mean() - low)


def test_where_bca_is_degenerate_it_is_the_percentile_interval():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert interval([61.5] * 5, seed=1) == (61.5, 61.5)
        low, high = interval([0.1] * 7, seed=1)
    assert low == high == pytest.approx(0.1)


def test_a_curve_is_degenerate_only_at_the_times_where_it_is():
    drifting = curves(np.random.default_rng(1))
    drifting[:, 0] = 70.0
    low, high = trajectory_band(drifting, seed=1)
    assert (low[0], high[0]) == (70.0, 70.0)
    assert (low[1:] < drifting.mean(axis=0)[1:]).all()
    assert (drifting.mean(axis=0)[1:] < high[1:]).all()


def test_whole_curves_are_drawn_again():
    # All curves lose 7: were each time drawn by itself, the ends would not differ by 7.
    drifting = curves(np.random.default_rng(2))
    low, high = trajectory_band(drifting, seed=5)
    again = np.column_stack([drifting[:, 0], drifting[:, 0] - 7.0])
    same_low, same_high = trajectory_band(again, seed=5)
    assert low.shape == high.shape == (6,)
    assert (same_low[0], same_high[0]) == pytest.approx((low[0], high[0]), rel=1e-12)
    assert same_low[0] - same_low[1] == pytest.approx(7.0)
    assert same_high[0] - same_high[1] == pytest.approx(7.0)


@given(SEVERAL, st.randoms(use_true_random=False))
def test_the_order_of_chips_does_not_matter_to_the_bit(scores, rng):
    drifting = np.column_stack([np.round(scores, -2), scores])
    order = list(range(len(scores)))
    rng.shuffle(order)
    one = trajectory_band(drifting, resamples=100, seed=1)
    assert np.array_equal(one, trajectory_band(drifting[order], resamples=100, seed=1))


@given(SEVERAL, st.floats(-100, 100), st.sampled_from([0.25, 3.0]))
def test_shifting_and_scaling(scores, shift, scale):
    low, high = interval(scores, resamples=200, seed=1)
    moved = interval(np.add(scores, shift), resamples=200, seed=1)
    scaled = interval(np.multiply(scores, scale), resamples=200, seed=1)
    # Rounding may tell means apart that were tied, and BCa counts ties.
    slack = 0.05 * (high - low) + 1e-9
    assert moved == pytest.approx((low + shift, high + shift), abs=slack)
    assert scaled == pytest.approx((low * scale, high * scale), abs=slack * scale)


def test_seeds_and_confidence():
    scores = np.random.default_rng(5).normal(size=10)
    assert interval(scores, seed=1) == interval(scores, seed=1)
    assert interval(scores, seed=1) != interval(scores, seed=2)
    wide, narrow = (interval(scores, confidence=c, seed=1) for c in (0.95, 0.6))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_large_samples_are_drawn_in_parts():
    # 4 × 20,000 numbers: 52 sets at once, of 300. The parts make no difference.
    scores = np.random.default_rng(6).normal(size=(4, 20_000))
    low, high = trajectory_band(scores, resamples=300, seed=1)
    first = scores[:, [0, 1]]
    few_low, few_high = trajectory_band(first, resamples=300, seed=1)
    assert (low[0], high[0]) == pytest.approx((few_low[0], few_high[0]))


def test_the_level_for_few_chips():
    assert small_sample_level(0.95, 10) == pytest.approx(0.9829, abs=1e-4)
    levels = [small_sample_level(0.95, chips) for chips in (2, 3, 5, 10, 100, 100_000)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] < 1.0
    assert levels[-1] == pytest.approx(0.95, abs=1e-5)


def covered(draw, true, trials=400):
    hits = 0
    for trial in range(trials):
        low, high = interval(draw(), resamples=400, seed=trial)
        hits += low <= true <= high
    return hits / trials


def test_it_covers_what_the_docstring_says():
    rng = np.random.default_rng(7)
    # Four standard errors of 400 trials, and a point for drawing fewer sets than it does.
    assert covered(lambda: rng.normal(size=10), 0.0) == pytest.approx(0.94, abs=0.057)
    skewed = covered(lambda: rng.lognormal(0.0, 0.5, 10), math.exp(0.125))
    assert skewed == pytest.approx(0.93, abs=0.061)


def test_the_band_covers_at_each_time_and_less_at_all():
    rng = np.random.default_rng(8)
    true = 70 - np.arange(6.0)
    inside = []
    for trial in range(400):
        low, high = trajectory_band(curves(rng), resamples=500, seed=trial)
        inside.append((low <= true) & (true <= high))
    at_each = np.mean(inside, axis=0)
    assert (abs(at_each - 0.94) < 0.05).all()
    assert 0.8 < np.mean(np.all(inside, axis=1)) < at_each.min()


def test_for_a_mean_it_is_close_to_students():
    scores = np.random.default_rng(9).normal(60, 2, 25)
    assert interval(scores, resamples=5000, seed=1) == pytest.approx(
        mean_interval(list(scores)).bounds, abs=0.15
    )
