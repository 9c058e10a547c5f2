"""Timings of two releases, compared turn by turn."""

import random

import pytest

from analog_bench.commands.releases import FEWEST_TURNS
from analog_bench.releases.stopwatch import compare_timings


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, ""), (1.05, ""), (1.5, "slower"), (0.5, "faster")]
)
def test_timings_are_compared_turn_by_turn(factor, verdict):
    # The machine becomes twice as slow half-way, and one turn is hit by something else.
    load = [1.0] * 8 + [2.0] * 7
    old = [{"work": 0.01 * x * (1 + 0.01 * (n % 3))} for n, x in enumerate(load)]
    new = [{"work": 0.01 * x * factor, "more": 1.0} for x in load]
    new[4]["work"] *= 10
    (timing,) = compare_timings(old, new)
    assert timing.verdict == verdict
    assert timing.low <= timing.ratio <= timing.high
    assert timing.ratio == pytest.approx(factor, rel=0.03)
    assert compare_timings([], []) == ()


@pytest.mark.parametrize("turns", [FEWEST_TURNS, 7, 15])
def test_the_interval_holds_the_true_ratio_as_often_as_it_says(turns):
    """By simulation, with a load that both share and outliers that hit one alone."""
    draw = random.Random(turns)
    runs = 4000
    held = called = 0
    for _ in range(runs):
        loads = [draw.lognormvariate(0, 0.5) for _ in range(turns)]
        one, other = (
            [
                {"work": load * draw.lognormvariate(0, 0.1) * draw.choice([1, 1, 1, 3])}
                for load in loads
            ]
            for _ in range(2)
        )
        (timing,) = compare_timings(one, other)
        held += timing.low <= 1.0 <= timing.high
        called += bool(timing.verdict)
    # The sign test is exact: 96.9 %, 98.4 % and 96.5 %.
    assert 0.95 < held / runs < 0.995
    # An unchanged release is called slower or faster less often than the interval misses.
    assert called / runs < 0.05
