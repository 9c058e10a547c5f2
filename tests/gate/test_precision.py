"""Chips are added until a case is known as well as asked; the interval then covers 95 %."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy import stats

from analog_bench.gate import precision
from analog_bench.gate.example_scores import interval
from analog_bench.gate.precision import (
    ADJUSTED,
    FIXED,
    certainty_of,
    chips_expected,
    chips_needed,
    reached,
)
from analog_bench.gate.significance import CONFIDENCE, mean_interval
from analog_bench.precision_target import PrecisionTarget
from analog_bench.records import Measurement
from tests.gate import precision_simulation
from tests.gate.precision_simulation import FLIPS, STEP, coverage, flipping, shaped
from tests.gate.simulation import F1, NEW, measured

WITHIN = PrecisionTarget(1.0)
LOSSES = st.lists(st.floats(-50.0, 50.0), min_size=40, max_size=40)


@given(LOSSES, st.integers(5, 40), st.sampled_from([0.0, 0.5]))
def test_the_next_look_follows_from_what_is_known_so_far(losses, most, step):
    seen = chips_needed([], WITHIN, 1.0, most, step)
    assert seen == 4
    while (wanted := chips_needed(losses[:seen], WITHIN, 1.0, most, step)) > seen:
        # However many more are known, the rule looks at the same numbers of chips.
        assert chips_needed(losses[: wanted - 1], WITHIN, 1.0, most, step) == wanted
        assert wanted <= min(most, max(5, 3 * seen))
        seen = wanted
    assert wanted == seen == chips_needed(losses, WITHIN, 1.0, most, step)
    known = mean_interval(losses[:seen], ADJUSTED, step)
    assert 5 <= seen <= most
    assert seen == most or known.half_width <= 1.0


def test_what_is_asked_is_in_margins_or_relative_to_the_loss():
    losses = [70.0 + off for off in (-3, 2, 1, -2, 3, 0, -1, 2, -3, 1)] * 4
    few = chips_needed(losses, PrecisionTarget(1.0, of_loss=0.1), 1.0, 40)
    assert few == 5
    assert chips_needed(losses, PrecisionTarget(1.0), 1.0, 40) > 2 * few
    assert chips_needed(losses, PrecisionTarget(1.0), 10.0, 40) == few
    # Of nothing lost there is no share.
    assert chips_needed([0.5, -0.5] * 20, PrecisionTarget(0.0, of_loss=0.1), 1.0, 40) == 40


def test_chips_that_agree_may_do_so_by_accident():
    assert chips_needed([3.0] * 40, WITHIN, 1.0, 40) == 5
    # Of 12 questions one is 8.3 points: what five chips may hide is more than is asked.
    assert chips_needed([3.0] * 40, WITHIN, 1.0, 40, step=100 / 12) > 30


def test_as_many_chips_are_expected_as_will_be_needed():
    losses = list(3.0 * np.random.default_rng(3).normal(size=40))
    assert chips_expected(losses, WITHIN, 1.0, 40) == chips_needed(losses, WITHIN, 1.0, 40)
    spread = np.std(losses[:10], ddof=1) * stats.t.ppf((1 + ADJUSTED) / 2, 9)
    assert chips_expected(losses[:10], WITHIN, 1.0, 200) == math.ceil(spread**2)


def test_an_interval_is_wider_where_its_width_decided():
    scores = [60.0, 62.0, 61.0, 64.0, 63.0]
    fixed = replace(NEW, chips=measured(scores))
    added = replace(fixed, target=WITHIN)
    assert certainty_of(fixed, F1) == FIXED == (CONFIDENCE, 0.0)
    assert certainty_of(added, F1) == (ADJUSTED, 0.0)
    half = stats.sem(scores) * stats.t.ppf((1 + ADJUSTED) / 2, 4)
    by_chip = dict(enumerate(scores))
    of = interval(by_chip, None, 1, certainty=certainty_of(added, F1))
    assert of.half_width == pytest.approx(half)
    assert not reached(added, F1)
    assert reached(replace(added, target=PrecisionTarget(half + 1e-9)), F1)
    assert reached(fixed, F1)


def test_an_interval_knows_how_coarse_scores_are():
    chips = tuple(Measurement(n, {"f1": 50.0}, {"f1": (0.0, 100.0)}, (), 1.0) for n in range(5))
    assert certainty_of(replace(NEW, chips=chips, target=WITHIN), F1) == (ADJUSTED, 50.0)


# Where stopping early costs most, on either side of it, and where there is nothing to decide.
@pytest.mark.parametrize("spread", [0.1, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("shape", ["normal", "rare bad chips"])
def test_intervals_cover_the_true_loss(shape, spread):
    rng = np.random.default_rng([7, int(10 * spread)])
    covered, _, _ = coverage(shaped(shape, spread, rng, 0.0), 3000)
    # Three standard errors of such a share of 3,000 are 1.2 points.
    assert 0.93 - 0.012 < covered < 0.97 + 0.012


def test_an_interval_of_the_usual_level_would_not_cover(monkeypatch):
    for module in (precision, precision_simulation):
        monkeypatch.setattr(module, "ADJUSTED", CONFIDENCE)
    covered, _, _ = coverage(shaped("normal", 1.5, np.random.default_rng(9), 0.0), 3000)
    assert covered < 0.945


@pytest.mark.parametrize("noise", FLIPS)
def test_intervals_cover_where_few_answers_flip(noise):
    covered, narrow, _ = coverage(flipping(noise, np.random.default_rng(8)), 1000, step=STEP)
    assert covered > 0.93
    assert narrow == 1.0
