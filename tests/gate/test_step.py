import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analog_bench.gate.significance import Effect, interval_of
from analog_bench.gate.step_detection import Row, Step, find_steps

CHIPS = 3


def same_chips(levels, rng, *, chips=CHIPS, noise=0.0, margin=1.0):
    """The very same chips in every run; what a level changes differs a little from chip to chip."""
    base = rng.normal(70, 2, chips)
    shifts = {
        level: rng.normal(level, 0.2, chips) if level else 0.0 for level in dict.fromkeys(levels)
    }
    runs = [base + shifts[level] + rng.normal(0, noise, chips) for level in levels]
    return Row([dict(enumerate(run.tolist())) for run in runs], margin)


def fresh_chips(levels, rng, *, chips=CHIPS, margin=1.0):
    """Other chips in every run, as the C++ tile has them."""
    return Row(
        [
            {(n, chip): float(rng.normal(70 + level, 2)) for chip in range(chips)}
            for n, level in enumerate(levels)
        ],
        margin,
    )


def redrawn_chips(levels, rng, *, chips=CHIPS, margin=1.0, nights=2):
    """Other chips with every level, the very same scores in all its runs."""
    drawn = [
        {(n, chip): float(rng.normal(70 + level, 2)) for chip in range(chips)}
        for n, level in enumerate(levels)
    ]
    return Row([run for run in drawn for _ in range(nights)], margin)


def steps_of(row):
    (steps,) = find_steps([row])
    return steps


def places(row):
    return [step.at for step in steps_of(row)]


def at_most(hits, trials, share):
    """No more than three standard errors of a binomial count above a share."""
    return hits / trials <= share + 3 * math.sqrt(share * (1 - share) / trials)


def close_to(hits, trials, share):
    return abs(hits / trials - share) < 4 * math.sqrt(share * (1 - share) / trials)


# What is the same in all of these is that nothing happens. Without a margin, every alarm is false.
NOTHING = {
    "the same chips, 2 runs": lambda rng: same_chips([0] * 2, rng, noise=1.0, margin=0.0),
    "the same chips, 20 runs": lambda rng: same_chips([0] * 20, rng, noise=1.0, margin=0.0),
    "10 of the same chips": lambda rng: same_chips([0] * 8, rng, noise=1.0, chips=10, margin=0.0),
    "fresh chips, 2 runs": lambda rng: fresh_chips([0] * 2, rng, margin=0.0),
    "fresh chips, 5 runs": lambda rng: fresh_chips([0] * 5, rng, chips=2, margin=0.0),
    "fresh chips, 20 runs": lambda rng: fresh_chips([0] * 20, rng, margin=0.0),
    "a fresh chip, 20 runs": lambda rng: fresh_chips([0] * 20, rng, chips=1, margin=0.0),
    "2 draws of chips": lambda rng: redrawn_chips([0] * 2, rng, margin=0.0),
    "8 draws of chips": lambda rng: redrawn_chips([0] * 8, rng, margin=0.0),
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_happens_and_one_row_in_twenty_at_most_says_otherwise(case):
    rng = np.random.default_rng(1)
    alarms = sum(bool(steps_of(NOTHING[case](rng))) for _ in range(500))
    assert at_most(alarms, 500, 0.05)
    if case.endswith("2 runs") or case.startswith("2 draws"):
        # One place alone: exactly as often as the level says.
        assert close_to(alarms, 500, 0.05)


@pytest.mark.parametrize("kind", [fresh_chips, same_chips, redrawn_chips])
def test_nothing_happens_in_many_rows_and_one_night_in_twenty_at_most_says_otherwise(kind):
    rng = np.random.default_rng(2)
    options = {"noise": 1.0} if kind is same_chips else {}
    alarms = sum(
        any(find_steps([kind([0] * 6, rng, margin=0.0, **options) for _ in range(20)]))
        for _ in range(80)
    )
    # Welch's test in place of the pooled one: an alarm in three of ten, with fresh chips.
    assert at_most(alarms, 80, 0.05)


@pytest.mark.parametrize(
    ("levels", "found"),
    [
        ([0] * 9 + [-3], [9]),
        ([0] + [-3] * 9, [1]),
        ([0] * 30 + [-3] * 30 + [-6] * 30, [30, 60]),
        ([0] * 30 + [-3] * 30 + [0] * 30, [30, 60]),
        # They cancel each other: over all of it there is next to no change.
        ([0] * 45 + [-3] * 10 + [0] * 45, [45, 55]),
        ([0] * 45 + [-3] * 2 + [0] * 45, [45, 47]),
        ([0] * 20 + [4] * 5 + [0] * 20 + [-4] * 5 + [0] * 20, [20, 25, 45, 50]),
        # What lasts a single run does not stay.
        ([0] * 45 + [-3] + [0] * 45, []),
        ([0] * 30 + [-3] + [0] * 20 + [-4] * 10, [51]),
        # Within the margin of 1.
        ([0] * 20 + [-0.5] * 20, []),
        ([0] * 20 + [-0.5] * 10 + [-3.5] * 10 + [-4] * 10, [30]),
    ],
)
def test_scores_that_repeat_step_exactly_where_they_change(levels, found):
    for seed in range(10):
        row = same_chips(levels, np.random.default_rng(seed))
        steps = steps_of(row)
        assert [step.at for step in steps] == found
        for step in steps:
            assert step.paired
            real = levels[step.at] - levels[step.at - 1]
            assert step.effect.change == pytest.approx(real, abs=1.0)


def test_a_step_among_scores_that_differ_every_night_is_found_near_by():
    rng = np.random.default_rng(3)
    rows = {
        "fresh chips": lambda: fresh_chips([0] * 20 + [-3] * 10, rng),
        "a fresh chip": lambda: fresh_chips([0] * 20 + [-6] * 10, rng, chips=1),
        "the same 5 chips": lambda: same_chips([0] * 20 + [-3] * 10, rng, chips=5, noise=0.5),
    }
    for name, make in rows.items():
        found = [places(make()) for _ in range(100)]
        assert sum(at == [20] for at in found) >= 70, name
        assert sum(len(at) == 1 and abs(at[0] - 20) <= 2 for at in found) >= 90, name


def test_the_newest_night_alone_can_be_a_step():
    rng = np.random.default_rng(4)
    found = [places(fresh_chips([0] * 29 + [-7], rng)) for _ in range(100)]
    assert sum(29 in at for at in found) >= 95
    # The same night, had its chips alone to tell the spread, would be lost among 29 places.
    assert stats.t.isf(0.05 / 29 / 2, 2) > 7 / (2 / math.sqrt(3))


def test_up_is_up_and_down_is_down():
    for level in (3.0, -3.0):
        for make in (same_chips, fresh_chips):
            (step,) = steps_of(make([0] * 20 + [level] * 20, np.random.default_rng(5)))
            assert math.copysign(1, step.effect.change) == math.copysign(1, level)
            low, high = interval_of(step.effect)
            assert low < step.effect.change < high
            assert low < level < high


def test_the_same_chips_are_scipys_test_of_differences():
    row = same_chips([0] * 6 + [-3] * 4, np.random.default_rng(6), noise=0.3, chips=8)
    scores = np.array([[run[chip] for run in row.readings] for chip in range(8)])
    (step,) = steps_of(row)
    assert step.at == 6
    expected = stats.ttest_rel(scores[:, 6:].mean(1), scores[:, :6].mean(1))
    assert step.p == pytest.approx(expected.pvalue * 9)
    assert step.paired
    assert interval_of(step.effect) == pytest.approx(tuple(expected.confidence_interval()))


def test_fresh_chips_are_scipys_test_of_two_samples():
    row = fresh_chips([0] * 6 + [-6] * 4, np.random.default_rng(7))
    before, after = (
        [score for run in runs for score in run.values()]
        for runs in (row.readings[:6], row.readings[6:])
    )
    (step,) = steps_of(row)
    assert step.at == 6
    expected = stats.ttest_ind(after, before)
    assert step.p == pytest.approx(expected.pvalue * 9)
    assert not step.paired
    assert interval_of(step.effect) == pytest.approx(tuple(expected.confidence_interval()))


def test_a_place_between_two_runs_of_the_same_scores_is_none():
    night = {0: 70.0, 1: 71.0, 2: 69.0}
    after = {0: 66.1, 1: 67.3, 2: 64.9}
    expected = stats.ttest_1samp([after[chip] - night[chip] for chip in night], 0.0).pvalue
    for nights in (1, 5, 50):
        (step,) = steps_of(Row([night] * nights + [after] * nights, 1.0))
        assert step.p == pytest.approx(expected)
    between = {chip: score + 0.5 for chip, score in night.items()}
    (step,) = steps_of(Row([night] * 20 + [between] * 20 + [after] * 40, 1.0))
    assert (step.at, step.p < 0.05) == (40, True)
    old = [score + 0.25 for score in night.values()]
    expected = stats.ttest_rel(list(after.values()), old).pvalue
    assert step.p == pytest.approx(2 * expected)


def test_the_rows_that_are_read_together_are_corrected_for():
    rng = np.random.default_rng(8)
    row = same_chips([0] * 5 + [-3] * 5, rng)
    quiet = same_chips([0] * 10, rng)
    (alone,) = steps_of(row)
    for others in (1, 4, 20):
        first, *rest = find_steps([row, *[quiet] * others])
        assert first == (replace(alone, p=pytest.approx(alone.p * (others + 1))),)
        assert rest == [()] * others
    weak = same_chips([0] * 5 + [-3] * 5, rng, chips=2)
    (step,) = steps_of(weak)
    assert 0.005 < step.p < 0.05
    assert find_steps([weak, *[quiet] * 20])[0] == ()


def test_the_weakest_place_goes_first():
    night = (70.0, 71.0, 69.0)
    shifts = [(0.0, 0.0, 0.0), (-0.9, -0.92, -0.88), (-1.3, -1.35, -1.2)]
    readings = [dict(enumerate(map(sum, zip(night, s, strict=True)))) for s in shifts for _ in "ab"]
    # Neither change is beyond the margin, until they are one.
    (step,) = steps_of(Row(readings, 1.0))
    assert (step.at, step.effect.change) == (2, pytest.approx(-1.0917, abs=1e-4))


def test_a_step_is_where_something_changed_whichever_chips_there_are():
    rng = random.Random(10)
    found = 0
    for _ in range(300):
        readings = []
        for _ in range(rng.randint(2, 5)):
            level = rng.choice([70.0, 60.0])
            chips = rng.sample(range(6), rng.randint(1, 6))
            readings += [{chip: rng.gauss(level, 0.5) for chip in chips}] * rng.randint(1, 6)
        for step in steps_of(Row(readings, 1.0)):
            assert readings[step.at] != readings[step.at - 1]
            found += 1
    assert found > 200


def test_one_chip_proves_something_only_where_nothing_is_random():
    readings = [{0: 70.0}] * 5 + [{0: 65.0}] * 5
    assert steps_of(Row(readings, 1.0)) == ()
    (step,) = steps_of(Row(readings, 1.0, draws=False))
    assert step == Step(5, Effect(-5.0, 0.0, math.inf), True, 0.0)
    assert steps_of(Row(readings, 5.0, draws=False)) == ()


def test_chips_that_come_and_go():
    many = {chip: 70.0 + chip for chip in range(5)}
    few = {chip: 66.0 + 1.1 * chip for chip in range(3)}
    (step,) = steps_of(Row([many] * 4 + [few] * 4, 1.0))
    assert (step.at, step.paired) == (4, True)
    assert step.effect.change == pytest.approx(-3.9)
    # Fewer chips, or more, with the scores that they always had.
    assert steps_of(Row([many] * 4 + [{0: 70.0, 1: 71.0}] * 4 + [many] * 4, 1.0)) == ()
    # One chip was programmed otherwise: what is left over is not taken for a pair.
    other = {0: 60.0, 1: 61.0, "other": 62.0}
    (step,) = steps_of(Row([{0: 70.0, 1: 71.0, 2: 72.0}] * 4 + [other] * 4, 1.0))
    assert (step.at, step.paired) == (4, False)


def test_scores_without_any_spread_are_sure():
    chips = range(3)
    (step,) = steps_of(
        Row([dict.fromkeys(chips, 70.0)] * 3 + [dict.fromkeys(chips, 60.0)] * 3, 1.0)
    )
    assert (step.at, step.p, step.effect.standard_error) == (3, 0.0, 0.0)
    fresh = [{(n, chip): 70.0 - 10 * (n > 2) for chip in chips} for n in range(6)]
    (step,) = steps_of(Row(fresh, 1.0))
    assert (step.at, step.p, step.effect.standard_error) == (3, 0.0, 0.0)


def test_last_digits_are_no_change():
    rng = np.random.default_rng(9)
    base = rng.normal(70, 2, 3)
    nights = [dict(enumerate((base + rng.normal(0, 1e-12, 3)).tolist())) for _ in range(30)]
    assert steps_of(Row(nights, 0.0)) == ()
    # Nor is it any evidence beside other rows.
    row = same_chips([0] * 5 + [-3] * 5, rng)
    (alone,) = steps_of(row)
    moved = [dict.fromkeys(range(3), 64.0 + n * 2.0**-40) for n in (0, 0, 1, 1)]
    ((step,), none) = find_steps([row, Row(moved, 0.0)])
    assert (none, step.p) == ((), pytest.approx(2 * alone.p))


def test_nothing_to_search():
    assert find_steps([]) == []
    assert find_steps([Row([], 1.0), Row([{0: 70.0, 1: 71.0}], 1.0)]) == [(), ()]


LEVELS = st.lists(st.sampled_from([0, -3, 4, 9]), min_size=2, max_size=14)


@given(LEVELS, st.integers(0, 99), st.sampled_from([same_chips, fresh_chips]))
def test_units_direction_and_zero_do_not_matter(levels, seed, make):
    row = make(levels, np.random.default_rng(seed))
    turned = Row(
        [{chip: 5.0 - 0.5 * score for chip, score in run.items()} for run in row.readings],
        row.margin * 0.5,
    )
    for step, other in zip(steps_of(row), steps_of(turned), strict=True):
        assert other.at == step.at
        assert other.effect.change == pytest.approx(-0.5 * step.effect.change)
        assert other.p == pytest.approx(step.p, rel=1e-6, abs=1e-12)


@given(LEVELS, st.integers(0, 99))
def test_backwards_the_same_steps_are_found(levels, seed):
    row = same_chips(levels, np.random.default_rng(seed))
    backwards = Row(row.readings[::-1], row.margin)
    found = [(len(levels) - step.at, -step.effect.change) for step in steps_of(backwards)][::-1]
    assert found == [(step.at, pytest.approx(step.effect.change)) for step in steps_of(row)]


@given(LEVELS, st.integers(0, 99), st.sampled_from([same_chips, fresh_chips]))
def test_every_step_is_beyond_the_margin_and_significant(levels, seed, make):
    steps = steps_of(make(levels, np.random.default_rng(seed), margin=2.0))
    assert all(abs(step.effect.change) > 2.0 and step.p <= 0.05 for step in steps)
    assert [step.at for step in steps] == sorted({step.at for step in steps})
    assert all(0 < step.at < len(levels) for step in steps)
