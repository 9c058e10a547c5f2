"""The root is found where there is one, in few evaluations, and its absence is said."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from analog_bench.analog.root_finding import Root, root


def searched(
    function: Callable[[float], float], target: float, start: float = 1.0, upper: float = 1e6
) -> tuple[Root, list[float]]:
    asked: list[float] = []

    def counted(x: float) -> float:
        asked.append(x)
        return function(x)

    return root(counted, target, start, 1e-6, upper), asked


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("target", [0.03, 0.1, 0.9999, 5.0])
def test_a_power_takes_few_evaluations(power: float, target: float) -> None:
    found, asked = searched(lambda x: 0.7 * x**power, target)
    assert found.side == 0
    assert found.value == 0.7 * found.x**power
    assert found.value == pytest.approx(target, rel=0.002)
    assert len(asked) == len(set(asked))
    assert len(asked) <= (2 if power == 1 else 7)


@pytest.mark.parametrize("target", [0.02, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("start", [1e-4, 1.0, 1e4])
def test_a_function_that_saturates(target: float, start: float) -> None:
    found, asked = searched(lambda x: x / (1 + x), target, start)
    assert found.side == 0
    assert found.x == pytest.approx(target / (1 - target), rel=0.01 / (1 - target))
    assert len(asked) <= 16


@pytest.mark.parametrize("start", [0.01, 1.0, 100.0])
def test_a_floor_and_a_ceiling_are_out_of_reach(start: float) -> None:
    def between(x: float) -> float:
        return 0.05 + 0.9 * x / (1 + x)

    low, _ = searched(between, 0.04, start)
    assert (low.side, low.value) == (1, pytest.approx(0.05, rel=1e-3))
    high, _ = searched(between, 1.0, start)
    assert (high.side, high.value) == (-1, pytest.approx(0.95, rel=1e-3))
    inside, _ = searched(between, 0.06, start)
    assert (inside.side, inside.value) == (0, pytest.approx(0.06, rel=0.002))


@pytest.mark.parametrize("nothing", [math.nan, math.inf])
@pytest.mark.parametrize("start", [1e-3, 1.0, 1e3])
def test_beyond_the_range_there_are_no_numbers(nothing: float, start: float) -> None:
    def ends(x: float) -> float:
        return 0.1 * x if x < 5 else nothing

    inside, _ = searched(ends, 0.45, start)
    assert (inside.side, inside.x) == (0, pytest.approx(4.5, rel=0.002))
    beyond, asked = searched(ends, 0.7, start)
    assert beyond.side == -1
    assert 4.7 < beyond.x < 5
    assert len(asked) <= 16


def test_no_number_anywhere() -> None:
    found, _ = searched(lambda _x: math.nan, 0.1)
    assert found.side == 1
    assert math.isnan(found.value)


def test_a_jump_over_the_target_is_no_root() -> None:
    found, _ = searched(lambda x: 0.1 if x < 3 else 0.2, 0.15)
    assert found.side != 0
    assert found.value in (0.1, 0.2)


def test_the_bounds_hold() -> None:
    found, asked = searched(lambda x: x, 0.5, start=0.01, upper=0.3)
    assert (found.side, found.x) == (-1, pytest.approx(0.3))
    assert max(asked) <= 0.3 * (1 + 1e-12)
