"""The benchmark of encodings: nothing leaks, and its scores are what they say."""

import itertools

import numpy as np
import pytest

from analog_bench.errors import DataError, UsageError
from analog_bench.planning.cell_ranking import (
    DIGITAL_ALONE,
    ENCODINGS,
    TARGETS,
    ceiling,
    rank_agreement,
    regret,
    score_rankings,
    split_by_class,
)
from analog_bench.planning.nas_cells import canonical_classes
from tests.planning.some_cells import scored_cells


@pytest.fixture(scope="module")
def scores():
    return scored_cells(400)


@pytest.fixture(scope="module")
def classes(scores):
    return canonical_classes(scores.cells)


@pytest.fixture(scope="module")
def ranked(scores, classes):
    return list(score_rankings(scores, classes, (12, 40), repeats=3, seed=0))


def test_no_class_is_on_both_sides(classes):
    splits = split_by_class(classes, 5, seed=0)
    kinds = len(set(classes))
    for pool, held_out in splits:
        assert set(classes[pool]).isdisjoint(classes[held_out])
        assert sorted([*pool, *held_out]) == list(range(len(classes)))
        assert len(set(classes[held_out])) == pytest.approx(kinds / 2, abs=1)
    assert len({tuple(pool) for pool, _ in splits}) == 5
    again = split_by_class(classes, 5, seed=0)
    assert all(
        (a == b).all()
        for one, two in zip(splits, again, strict=True)
        for a, b in zip(one, two, strict=True)
    )


def test_agreement_is_kendalls_tau_b():
    draw = np.random.default_rng(0)
    one, two = draw.integers(0, 6, 30).astype(float), draw.integers(0, 6, 30).astype(float)
    pairs = list(itertools.combinations(range(30), 2))
    signs = np.array([[np.sign(x[i] - x[j]) for i, j in pairs] for x in (one, two)])
    expected = np.sum(signs[0] * signs[1]) / np.sqrt(np.prod(np.sum(signs != 0, axis=1)))
    assert rank_agreement(one, two) == pytest.approx(expected)
    assert rank_agreement(np.ones(30), two) == 0


def test_regret_is_of_the_first_ten():
    actual = np.arange(20.0)
    assert regret(actual, actual) == 0
    assert regret(-actual, actual) == 10
    # Equal predictions choose the first ten as they come.
    assert regret(np.zeros(20), actual) == 10


def test_the_ceiling_is_the_agreement_of_equal_cells(classes):
    draw = np.random.default_rng(0)
    common = draw.normal(size=classes.max() + 1)[classes]
    assert ceiling(common, classes, 3, seed=0) == pytest.approx((1, 1, 1))
    noisy = common + draw.normal(size=len(classes))
    assert 0.1 < np.mean(ceiling(noisy, classes, 5, seed=0)) < 0.6
    with pytest.raises(DataError, match="no two classes have two cells"):
        ceiling(common, np.arange(len(classes)), 3, seed=0)


def test_every_encoding_is_scored_on_the_same_cells(scores, ranked):
    fitted = {(one.encoding, one.target, one.measured) for one in ranked if one.measured}
    assert fitted == set(itertools.product(ENCODINGS, TARGETS, (12, 40)))
    alone = [one for one in ranked if one.encoding == DIGITAL_ALONE]
    assert [(one.target, one.measured) for one in alone] == [("one_day", 0), ("avm", 0)]
    assert all(len(one.tau) == len(one.regret) == 3 for one in ranked)
    assert all(value >= 0 for one in ranked for value in one.regret)


def test_what_depends_on_paths_is_ranked_by_paths(ranked):
    tau = {
        one.encoding: np.mean(one.tau)
        for one in ranked
        if (one.target, one.measured) == ("one_day", 40)
    }
    best, *others = (tau[name] for name in ENCODINGS)
    assert best > 0.6
    assert best > tau["one-hot"]
    assert others[0] > 0.6


def test_too_few_cells_are_refused(scores, classes):
    with pytest.raises(UsageError, match=r"300 cells cannot be measured: half of the classes have"):
        next(score_rankings(scores, classes, (20, 300), repeats=2, seed=0))
    with pytest.raises(DataError, match="nothing to hold out"):
        split_by_class(np.zeros(9, dtype=int), 2, seed=0)
