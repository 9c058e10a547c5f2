"""Intervals over chips and examples, against a two-way model whose variances are known."""

import math
import time

import numpy as np
import pytest

from analog_bench.gate.pigeonhole_bootstrap import half_width, resample
from analog_bench.gate.significance import mean_interval


def table(rng, chips, examples, of_chips, of_examples, rest):
    """Scores with true mean 0: chip + example + rest, standard deviations as given."""
    return (
        of_chips * rng.normal(size=(chips, 1))
        + of_examples * rng.normal(size=(1, examples))
        + rest * rng.normal(size=(chips, examples))
    )


def both(scores, draws, weights=None):
    weights = np.ones(scores.shape[1]) if weights is None else weights
    return half_width(scores @ weights / weights.sum(), draws.means(scores, weights), draws)


def shares(scores):
    """The variances, without bias, of means over chips, examples and the rest: two-way ANOVA."""
    chips, examples = scores.shape
    rows, columns = scores.mean(axis=1), scores.mean(axis=0)
    rest = scores - rows[:, None] - columns + scores.mean()
    interaction = (rest**2).sum() / ((chips - 1) * (examples - 1)) / (chips * examples)
    return rows.var(ddof=1) / chips, columns.var(ddof=1) / examples, interaction


@pytest.mark.parametrize("chips", [3, 10])
def test_the_draws_variance_is_the_closed_form(chips):
    scores = table(np.random.default_rng(3), chips, 60, 2.0, 20.0, 15.0)
    draws = resample(chips, 60, seed=5, resamples=20_000)
    found = draws.over_chips(draws.means(scores)).var(ddof=1)
    # Owen 2007, with n − 1 draws: v_c + v_e + v_ce, each a mean square over its number.
    assert found == pytest.approx(sum(shares(scores)), rel=0.03)


def test_it_is_conservative_by_two_interactions():
    rng = np.random.default_rng(4)
    draws = resample(8, 40, seed=5)
    drawn, estimated = [], []
    for _ in range(300):
        scores = table(rng, 8, 40, 0.0, 0.0, 10.0)
        drawn.append(draws.over_chips(draws.means(scores)).var(ddof=1))
        chip, example, interaction = shares(scores)
        # Every mean square of chips or examples holds the interaction once: one too many of it.
        estimated.append(chip + example - interaction)
    true = 10.0**2 / (8 * 40)
    assert np.mean(estimated) == pytest.approx(true, rel=0.1)
    assert np.mean(drawn) == pytest.approx(3 * true, rel=0.1)


@pytest.mark.parametrize(
    ("chips", "examples", "spreads", "chips_cover"),
    [
        # Ten chips of 0.4 points and 200 questions of 24: over chips alone it is nearly always off.
        (10, 200, (0.4, 24.0, 8.0), 0.3),
        (3, 96, (2.0, 40.0, 20.0), 0.85),
        (5, 30, (3.0, 8.0, 3.0), 0.9),
        (10, 100, (1.0, 0.0, 0.0), 1.0),
    ],
)
def test_it_covers_other_chips_and_examples(chips, examples, spreads, chips_cover):
    rng = np.random.default_rng(17)
    draws = resample(chips, examples, seed=1)
    hits = of_chips = 0
    for _ in range(600):
        scores = table(rng, chips, examples, *spreads)
        centre = abs(scores.mean())
        hits += centre <= both(scores, draws)
        of_chips += centre <= mean_interval(list(scores.mean(axis=1))).half_width
    # Four standard errors of 600 simulations.
    assert hits / 600 > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 600)
    assert of_chips / 600 < chips_cover


def test_means_are_ratios_where_examples_weigh_otherwise():
    rng = np.random.default_rng(2)
    scores, tokens = rng.normal(5, 1, (4, 12)), rng.integers(1, 200, 12).astype(float)
    draws = resample(4, 12, seed=9, resamples=50)
    expected = [
        [np.average(np.repeat(row, counts), weights=np.repeat(tokens, counts)) for row in scores]
        for counts in draws.examples.astype(int)
    ]
    assert draws.means(scores, tokens) == pytest.approx(np.array(expected), rel=1e-12)
    # A block of no weight changes nothing, whatever it scores.
    extra, weights = np.hstack([scores, np.full((4, 1), 1e3)]), np.append(tokens, 0.0)
    wider = resample(4, 13, seed=9)
    assert both(extra, wider, weights) == pytest.approx(
        both(np.hstack([scores, np.zeros((4, 1))]), wider, weights)
    )


def test_as_many_draws_as_there_are_less_one_by_seed():
    draws = resample(5, 20, seed=3)
    assert set(draws.examples.sum(axis=1)) == {19.0}
    assert draws.chips.sum(axis=1) == pytest.approx(np.ones(len(draws.chips)))
    assert set((draws.chips * 4).round(9).ravel()) <= {0.0, 1.0, 2.0, 3.0, 4.0}
    resample.cache_clear()
    again, other = resample(5, 20, seed=3), resample(5, 20, seed=4)
    assert np.array_equal(again.chips, draws.chips)
    assert np.array_equal(again.examples, draws.examples)
    assert not np.array_equal(other.examples, draws.examples)
    # Examples meet the same draws, however many chips there are.
    assert np.array_equal(resample(7, 20, seed=3).examples, draws.examples)


@pytest.mark.parametrize(("chips", "examples"), [(1, 50), (2, 50), (10, 1), (10, 2), (1, 1)])
def test_too_few_of_either_have_no_interval(chips, examples):
    assert resample(chips, examples, seed=1) is None


def test_it_is_students_where_examples_do_not_differ():
    scores = np.array([[50.0], [52.0], [55.0]]) + np.zeros((3, 40))
    students = mean_interval([50.0, 52.0, 55.0]).half_width
    # Draws know the chips' variance to a few percent; below Student's it never is.
    assert students <= both(scores, resample(3, 40, seed=1)) < 1.1 * students
    assert both(np.full((3, 40), 7.0), resample(3, 40, seed=1)) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e300])
def test_what_is_no_number_has_none(bad):
    scores = np.ones((4, 10))
    scores[1, 2] = bad
    with np.errstate(all="ignore"):
        found = both(scores, resample(4, 10, seed=1))
    assert found is None


def test_ten_chips_of_five_hundred_questions_take_no_time():
    scores = table(np.random.default_rng(0), 10, 500, 1.0, 30.0, 10.0)
    began = time.process_time()
    both(scores, resample(10, 500, seed=time.time_ns() % 10**9))
    assert time.process_time() - began < 0.5
