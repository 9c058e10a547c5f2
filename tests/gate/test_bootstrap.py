import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analog_bench.gate.bootstrap import bootstrap_interval, small_sample_level, trajectory_band
from analog_bench.gate.interval import mean_interval

SCORES = st.floats(-1000, 1000).map(lambda score: round(score, 2))
SEVERAL = st.lists(SCORES, min_size=2, max_size=12)


def mean(sets):
    return sets.mean(axis=1)


def median(sets):
    return np.median(sets, axis=1)


def spread(sets):
    return sets.std(axis=1, ddof=1)


def month(sets):
    return (sets[:, :, -1] - sets[:, :, 0]).mean(axis=1)


def different(sets):
    return 1 + (np.diff(np.sort(sets, axis=1)) > 0).sum(axis=1) + 0.001 * mean(sets)


def curves(rng, chips=10, times=6):
    """Chips that start apart and drift down, each at a pace of its own."""
    start = 70 + rng.normal(0, 3, (chips, 1))
    return start - np.arange(times) * (1 + rng.normal(0, 0.2, (chips, 1)))


@pytest.mark.parametrize(("ours", "scipys"), [(mean, np.mean), (median, np.median)])
@pytest.mark.parametrize("chips", [2, 3, 5, 10, 30])
def test_it_is_scipys_bca_at_the_level_for_few_chips(ours, scipys, chips):
    # Whole numbers: their sums have no rounding, which would break ties.
    scores = np.sort(np.random.default_rng(chips).integers(0, 1000, chips)).astype(float)
    expected = stats.bootstrap(
        (scores,),
        scipys,
        n_resamples=2000,
        confidence_level=small_sample_level(0.95, chips),
        method="BCa",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert bootstrap_interval(scores, ours, seed=3) == pytest.approx(tuple(expected), rel=1e-12)


def test_bca_follows_the_skew():
    scores = np.random.default_rng(0).lognormal(0.0, 1.0, 40)
    low, high = bootstrap_interval(scores, mean, seed=3)
    assert high - scores.mean() > 1.2 * (scores.mean() - low)


def test_where_bca_is_degenerate_it_is_the_percentile_interval():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bootstrap_interval([61.5] * 5, median, seed=1) == (61.5, 61.5)
        low, high = bootstrap_interval([0.1] * 7, mean, seed=1)
        # Of 20 like chips and 1 other the median never moves, whichever is left out.
        assert bootstrap_interval([5.0] * 20 + [9.0], median, seed=1) == (5.0, 5.0)
        # No set has as many different chips as the sample: BCa's bias is infinite.
        few, many = bootstrap_interval(range(12), different, seed=1)
    assert 4.0 < few < many < 11.5
    assert low == high == pytest.approx(0.1)


def test_a_curve_is_degenerate_only_at_the_times_where_it_is():
    drifting = curves(np.random.default_rng(1))
    drifting[:, 0] = 70.0
    low, high = trajectory_band(drifting, seed=1)
    assert (low[0], high[0]) == (70.0, 70.0)
    assert (low[1:] < drifting.mean(axis=0)[1:]).all()
    assert (drifting.mean(axis=0)[1:] < high[1:]).all()


def test_the_band_is_the_interval_of_the_mean_at_each_time():
    drifting = curves(np.random.default_rng(2))
    low, high = trajectory_band(drifting, seed=5)
    assert low.shape == high.shape == (6,)
    for time in range(6):
        found = bootstrap_interval(
            drifting, lambda sets, t=time: sets[:, :, t].mean(axis=1), seed=5
        )
        assert found == pytest.approx((low[time], high[time]), rel=1e-12)


def test_whole_trajectories_are_drawn_again():
    # What a month takes is nearly the same on each chip, though chips start far apart: drawn time
    # by time the interval would be as wide as the starts are.
    drifting = curves(np.random.default_rng(3))
    low, high = bootstrap_interval(drifting, month, seed=2)
    assert low < np.mean(drifting[:, -1] - drifting[:, 0]) < high
    apart = bootstrap_interval(drifting[:, 0], mean, seed=2)
    assert high - low < 0.5 * (apart[1] - apart[0])
    differences = drifting[:, -1] - drifting[:, 0]
    assert (low, high) == pytest.approx(bootstrap_interval(differences, mean, seed=2), abs=0.15)


def test_the_shape_of_a_chip_is_free():
    cubes = np.random.default_rng(4).normal(size=(6, 3, 2))
    found = bootstrap_interval(cubes, lambda sets: sets.mean(axis=(1, 2, 3)), seed=1)
    assert found == pytest.approx(
        bootstrap_interval(cubes.mean(axis=(1, 2)), mean, seed=1), abs=0.2
    )


@settings(max_examples=40, deadline=None)
@given(SEVERAL, st.randoms(use_true_random=False))
def test_the_order_of_chips_does_not_matter_to_the_bit(scores, rng):
    shuffled = list(scores)
    rng.shuffle(shuffled)
    for statistic in (mean, median):
        assert bootstrap_interval(shuffled, statistic, resamples=100, seed=1) == (
            bootstrap_interval(scores, statistic, resamples=100, seed=1)
        )
    drifting = np.column_stack([np.round(scores, -2), scores])
    order = list(range(len(scores)))
    rng.shuffle(order)
    one = trajectory_band(drifting, resamples=100, seed=1)
    assert np.array_equal(one, trajectory_band(drifting[order], resamples=100, seed=1))


@settings(max_examples=40, deadline=None)
@given(SEVERAL, st.floats(-100, 100), st.sampled_from([0.25, 3.0]))
def test_shifting_and_scaling(scores, shift, scale):
    low, high = bootstrap_interval(scores, mean, resamples=200, seed=1)
    moved = bootstrap_interval(np.add(scores, shift), mean, resamples=200, seed=1)
    scaled = bootstrap_interval(np.multiply(scores, scale), mean, resamples=200, seed=1)
    # Rounding may tell means apart that were tied, and BCa counts ties.
    slack = 0.05 * (high - low) + 1e-9
    assert moved == pytest.approx((low + shift, high + shift), abs=slack)
    assert scaled == pytest.approx((low * scale, high * scale), abs=slack * scale)


def test_seeds_and_confidence():
    scores = np.random.default_rng(5).normal(size=10)
    assert bootstrap_interval(scores, mean, seed=1) == bootstrap_interval(scores, mean, seed=1)
    assert bootstrap_interval(scores, mean, seed=1) != bootstrap_interval(scores, mean, seed=2)
    wide, narrow = (bootstrap_interval(scores, mean, confidence=c, seed=1) for c in (0.95, 0.6))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_large_samples_are_drawn_in_parts():
    scores = np.random.default_rng(6).normal(size=(4, 20_000))
    found = bootstrap_interval(scores, lambda sets: sets.mean(axis=(1, 2)), resamples=300, seed=1)
    # 4 × 20,000 numbers: 52 sets at once. Chips alone decide.
    means = bootstrap_interval(np.sort(scores.mean(axis=1)), mean, resamples=300, seed=1)
    assert found[1] - found[0] == pytest.approx(means[1] - means[0], rel=0.3)


def test_the_level_for_few_chips():
    assert small_sample_level(0.95, 10) == pytest.approx(0.9829, abs=1e-4)
    levels = [small_sample_level(0.95, chips) for chips in (2, 3, 5, 10, 100, 100_000)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] < 1.0
    assert levels[-1] == pytest.approx(0.95, abs=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_interval([1.0], mean, seed=1), "at least two chips"),
        (lambda: bootstrap_interval([], mean, seed=1), "at least two chips"),
        (lambda: bootstrap_interval(3.0, mean, seed=1), "at least two chips"),
        (lambda: bootstrap_interval([1.0, math.nan], mean, seed=1), "finite"),
        (lambda: bootstrap_interval([1.0, 2.0], np.mean, seed=1), "must reduce"),
        (lambda: bootstrap_interval([1.0, 2.0], mean, confidence=1.0, seed=1), "between 0 and 1"),
        (lambda: trajectory_band([1.0, 2.0], seed=1), "shape"),
        (lambda: trajectory_band([[1.0, 2.0]], seed=1), "at least two chips"),
        (lambda: small_sample_level(0.95, 1), "at least two chips"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def covered(statistic, draw, true, trials=400):
    hits = 0
    for trial in range(trials):
        low, high = bootstrap_interval(draw(), statistic, resamples=400, seed=trial)
        hits += low <= true <= high
    return hits / trials


def test_it_covers_what_the_docstring_says():
    rng = np.random.default_rng(7)

    def normal():
        return rng.normal(size=10)

    def skewed():
        return rng.lognormal(0.0, 0.5, 10)

    # Four standard errors of 400 trials, and a point for drawing fewer sets than it does.
    assert covered(mean, normal, 0.0) == pytest.approx(0.94, abs=0.057)
    assert covered(median, normal, 0.0) == pytest.approx(0.97, abs=0.044)
    assert covered(spread, normal, 1.0) == pytest.approx(0.87, abs=0.077)
    assert covered(mean, skewed, math.exp(0.125)) == pytest.approx(0.93, abs=0.061)
    true = math.sqrt((math.exp(0.25) - 1) * math.exp(0.25))
    assert covered(spread, skewed, true) == pytest.approx(0.73, abs=0.099)


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
    assert bootstrap_interval(scores, mean, resamples=5000, seed=1) == pytest.approx(
        mean_interval(list(scores)).bounds, abs=0.15
    )
