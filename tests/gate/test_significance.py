import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import weightstats

from analog_bench.gate.significance import (
    Effect,
    interval_of,
    p_above,
    p_below,
    paired_effect,
    step_error,
    tost,
    welch_effect,
)

SCORES = st.floats(-1000, 1000).map(lambda score: round(score, 2))
SEVERAL = st.lists(SCORES, min_size=2, max_size=12)
BOUNDS = st.floats(-50, 50)
EFFECTS = st.builds(Effect, st.floats(-50, 50), st.floats(0.01, 20), st.floats(1, 200))


def spread(values):
    return len(set(values)) > 1


def close_to(hits, trials, share):
    """Within four standard errors of a binomial count."""
    return abs(hits / trials - share) < 4 * math.sqrt(share * (1 - share) / trials)


@given(SEVERAL.filter(spread), BOUNDS)
def test_paired_is_scipys(differences, bound):
    found = paired_effect(differences)
    assert found.freedom == len(differences) - 1
    for test, alternative in ((p_below, "less"), (p_above, "greater")):
        expected = stats.ttest_1samp(differences, bound, alternative=alternative)
        assert test(found, bound) == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-9)


# scipy's own warning about a sample whose values are all the same
@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
@given(SEVERAL, SEVERAL)
def test_welch_is_scipys(new, old):
    assume(spread(new) or spread(old))
    found = welch_effect(new, old)
    expected = stats.ttest_ind(new, old, equal_var=False, alternative="less")
    assert found.freedom == pytest.approx(expected.df, rel=1e-6)
    assert p_below(found, 0.0) == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-9)


@given(SEVERAL.filter(spread), SEVERAL.filter(spread), BOUNDS)
def test_welch_against_a_bound_is_statsmodels(new, old, bound):
    found = welch_effect(new, old)
    for test, alternative in ((p_below, "smaller"), (p_above, "larger")):
        _, p, _ = weightstats.ttest_ind(new, old, alternative, usevar="unequal", value=bound)
        assert test(found, bound) == pytest.approx(p, rel=1e-6, abs=1e-9)


@given(SEVERAL.filter(spread), SEVERAL.filter(spread), st.floats(0.1, 50))
def test_equivalence_is_statsmodels(new, old, margin):
    expected, _, _ = weightstats.ttost_ind(new, old, -margin, margin, usevar="unequal")
    assert tost(welch_effect(new, old), margin) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    zeros = np.zeros(len(new))
    expected, _, _ = weightstats.ttost_paired(np.array(new), zeros, -margin, margin)
    assert tost(paired_effect(new), margin) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_no_spread_is_exactly_none():
    assert paired_effect([0.1] * 7) == Effect(0.1, 0.0, 6.0)
    assert welch_effect([0.1] * 7, [0.3] * 3) == Effect(0.1 - 0.3, 0.0, 8.0)
    assert interval_of(paired_effect([0.1] * 7)) == (0.1, 0.1)
    sure = Effect(-1.0, 0.0, 9.0)
    assert [p_below(sure, bound) for bound in (-1.5, -1.0, -0.5)] == [1.0, 1.0, 0.0]
    assert [p_above(sure, bound) for bound in (-1.5, -1.0, -0.5)] == [0.0, 1.0, 1.0]
    assert [tost(sure, margin) for margin in (0.5, 1.0, 1.5)] == [1.0, 1.0, 0.0]


def test_one_chip_proves_nothing():
    alone = paired_effect([-30.0])
    assert alone == Effect(-30.0, None, 0.0)
    assert welch_effect([1.0], [2.0, 2.0]) == Effect(-1.0, None, 1.0)
    assert welch_effect([1.0, 1.0], [2.0]).standard_error is None
    assert (p_below(alone, 0.0), p_above(alone, -99.0), tost(alone, 99.0)) == (1.0, 1.0, 1.0)
    assert interval_of(alone) is None


def test_a_side_without_spread_leaves_the_freedom_of_the_other():
    assert welch_effect([1.0, 2.0, 3.0], [5.0] * 10).freedom == pytest.approx(2.0)


def test_spreads_at_the_ends_of_floats_are_kept():
    assert paired_effect([0.0, 1e-200]).standard_error == pytest.approx(5e-201)
    assert paired_effect([-1e200, 1e200]).standard_error == pytest.approx(1e200)
    tiny = [1000.0 + n * 2.0**-40 for n in range(4)]
    assert paired_effect(tiny).standard_error == pytest.approx(
        2.0**-40 * paired_effect([0.0, 1.0, 2.0, 3.0]).standard_error, rel=1e-3
    )


FLOATS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12)


@given(FLOATS, FLOATS, st.randoms(use_true_random=False))
def test_the_order_of_chips_does_not_matter_to_the_bit(new, old, rng):
    paired, apart = paired_effect(new), welch_effect(new, old)
    rng.shuffle(new)
    rng.shuffle(old)
    assert paired_effect(new) == paired
    assert welch_effect(new, old) == apart


@given(SEVERAL, SEVERAL, st.floats(-100, 100), st.sampled_from([-8.0, -1.0, 0.25, 3.0]))
def test_shifting_and_scaling(new, old, shift, scale):
    first = welch_effect(new, old)
    moved = welch_effect([x + shift for x in new], old)
    assert moved.change == pytest.approx(first.change + shift, abs=1e-9)
    assert moved.standard_error == pytest.approx(first.standard_error, abs=1e-9)
    scaled = welch_effect([x * scale for x in new], [x * scale for x in old])
    assert scaled.change == pytest.approx(first.change * scale, abs=1e-9)
    assert scaled.standard_error == pytest.approx(first.standard_error * abs(scale), abs=1e-9)
    assert scaled.freedom == pytest.approx(first.freedom, rel=1e-6)


@given(SEVERAL, SEVERAL)
def test_exchanging_the_sides_turns_the_sign(new, old):
    first, second = welch_effect(new, old), welch_effect(old, new)
    assert (second.change, second.standard_error) == (-first.change, first.standard_error)
    assert second.freedom == pytest.approx(first.freedom)
    assert p_below(second, 1.0) == pytest.approx(p_above(first, -1.0))


@given(EFFECTS, BOUNDS, st.floats(0, 20))
@example(Effect(0.0, 1.0, 2.0), 0.0, 0.0)
def test_p_follows_the_change(effect, bound, more):
    worse = Effect(effect.change - more, effect.standard_error, effect.freedom)
    assert p_below(worse, bound) <= p_below(effect, bound)
    assert p_above(worse, bound) >= p_above(effect, bound)
    assert p_below(effect, bound) + p_above(effect, bound) == pytest.approx(1.0)
    assert tost(effect, abs(bound) + more) <= tost(effect, abs(bound))


@given(EFFECTS, BOUNDS, st.sampled_from([0.005, 0.025, 0.05]))
def test_tests_and_intervals_agree(effect, bound, alpha):
    low, high = interval_of(effect, 1 - 2 * alpha)
    assume(min(abs(high - bound), abs(low - bound), abs(abs(bound) - abs(low))) > 1e-9)
    assume(abs(abs(bound) - abs(high)) > 1e-9)
    assert (p_below(effect, bound) < alpha) == (high < bound)
    assert (p_above(effect, bound) < alpha) == (low > bound)
    margin = abs(bound)
    assert (tost(effect, margin) < alpha) == (-margin < low and high < margin)


def test_one_sided_tests_at_the_bound_reject_as_often_as_they_say():
    rng = np.random.default_rng(4)
    paired = [paired_effect(list(rng.normal(-1.0, 2.0, 4))) for _ in range(3000)]
    assert close_to(sum(p_below(effect, -1.0) < 0.05 for effect in paired), 3000, 0.05)
    assert close_to(sum(p_above(effect, -1.0) < 0.05 for effect in paired), 3000, 0.05)


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(5)
    paired = [interval_of(paired_effect(list(rng.normal(2, 1, 5))), 0.9) for _ in range(3000)]
    assert close_to(sum(low <= 2 <= high for low, high in paired), 3000, 0.9)
    apart = [
        interval_of(welch_effect(list(rng.normal(60, 3, 8)), list(rng.normal(61, 1, 12))))
        for _ in range(3000)
    ]
    assert close_to(sum(low <= -1 <= high for low, high in apart), 3000, 0.95)


def test_equivalence_at_the_margin_is_declared_as_often_as_it_says():
    rng = np.random.default_rng(6)

    def declared(true, chips, spread):
        draws = rng.normal(true, spread, (2000, chips)).tolist()
        return sum(tost(paired_effect(draw), 1.0) < 0.05 for draw in draws)

    assert close_to(declared(1.0, 10, 0.5), 2000, 0.05)
    assert close_to(declared(-1.0, 10, 0.5), 2000, 0.05)
    assert declared(0.0, 10, 0.5) > 0.99 * 2000
    # Chips too few for the margin: rather nothing is declared than too much.
    assert declared(1.0, 3, 4.0) < 0.05 * 2000


def test_pooling_examples_over_chips_raises_false_alarms():
    # Nothing changes; chips differ by 1 point, 500 answers on each by the 35 points of an F1.
    rng = np.random.default_rng(7)
    trials, chips, examples = 1000, 10, 500
    per_chip = pooled = 0
    for _ in range(trials):
        chip = rng.normal(60.0, 1.0, (2, chips, 1))
        new, old = chip + rng.normal(0.0, 35.0, (2, chips, examples))
        low, high = interval_of(welch_effect(list(new.mean(axis=1)), list(old.mean(axis=1))))
        per_chip += not low <= 0.0 <= high
        pooled += stats.ttest_ind(new.ravel(), old.ravel(), equal_var=False).pvalue < 0.05
    assert close_to(per_chip, trials, 0.05)
    # The pooled standard error lacks the chips: it is √(1 + 500/35²) = 1.19 times too small.
    expected = 2 * stats.norm.sf(stats.norm.isf(0.025) / math.sqrt(1 + examples / 35.0**2))
    assert expected == pytest.approx(0.098, abs=0.002)
    assert close_to(pooled, trials, expected)
    assert pooled > 1.4 * per_chip


def test_the_step_error_is_that_of_flips_that_no_chip_shows():
    for chips in (2, 3, 6, 10, 40):
        half_width = stats.t.ppf(0.975, chips - 1) * step_error(chips, 2.0)
        # Flips at this rate would have shown on one of the chips 39 times in 40.
        unseen = stats.poisson.pmf(0, half_width / 2.0) ** chips
        assert unseen == pytest.approx(0.025)
        low, high = interval_of(paired_effect([1.0] * chips, 2.0))
        assert (high - low) / 2 == pytest.approx(half_width)
    assert step_error(3, 0.0) == step_error(1, 5.0) == 0.0


@given(SEVERAL, SEVERAL, st.floats(0.01, 50), st.floats(0.5, 50))
def test_steps_take_from_what_chips_can_claim(new, old, step, margin):
    pairs = [
        (paired_effect(new), paired_effect(new, step)),
        (welch_effect(new, old), welch_effect(new, old, step)),
    ]
    for fine, coarse in pairs:
        assert coarse.change == fine.change
        assert coarse.tested_error == max(fine.standard_error, coarse.step_error)
        assert coarse.interval_error >= coarse.tested_error
        assert tost(coarse, margin) >= min(tost(fine, margin), 0.5) - 1e-12
        away = replace(coarse, change=-1.0)
        assert p_below(away, 0.0) >= p_below(replace(fine, change=-1.0), 0.0)
        assert not (p_below(away, 0.0) == 0.0 and coarse.step_error > 0.01)


def test_steps_far_below_the_spread_are_nothing():
    chips = [-1000.0, 0.0, 1000.0]
    fine, coarse = paired_effect(chips), paired_effect(chips, 1.0)
    assert p_below(coarse, 500.0) == p_below(fine, 500.0)
    assert interval_of(coarse) == pytest.approx(interval_of(fine), rel=1e-6)
