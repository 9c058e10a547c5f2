"""Power laws that are known come back, and what has none is told apart."""

import numpy as np
import pytest

from analog_bench.gate.power_law import fit_power_law

XS = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3]


@pytest.mark.parametrize(("factor", "power"), [(30.0, 2.0), (0.004, 1.0), (5.0, 3.3)])
def test_a_law_comes_back(factor, power):
    law = fit_power_law(XS, [factor * x**power for x in XS])
    assert (law.factor, law.power) == pytest.approx((factor, power), rel=1e-4)
    assert law.r_squared == pytest.approx(1)
    assert law.powers == pytest.approx((power, power), abs=1e-3)
    assert law.at(0.1) == pytest.approx(factor * 0.1**power, rel=1e-4)


@pytest.mark.parametrize("points", [6, 40])
def test_scatter_widens_the_interval_and_lowers_the_share(points):
    rng = np.random.default_rng(3)
    xs = np.linspace(0.02, 0.3, points)
    truth = 10 * xs**2
    laws = [fit_power_law(xs, truth + rng.normal(0, 0.05, points)) for _ in range(200)]
    assert 0.92 <= np.mean([law.powers[0] <= 2 <= law.powers[1] for law in laws]) <= 0.98
    share = np.var(truth) / (np.var(truth) + 0.05**2)
    assert np.mean([law.r_squared for law in laws]) == pytest.approx(share, abs=0.03)


def test_what_is_not_known_to_grow_has_no_law():
    rng = np.random.default_rng(4)
    flat = [fit_power_law(XS, 1 + rng.normal(0, 1, len(XS))) for _ in range(50)]
    assert sum(law is not None for law in flat) <= 3


@pytest.mark.parametrize(
    ("xs", "ys"),
    [
        ([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]),
        ([0.1, 0.1, 0.1, 0.1], [1.0, 2.0, 3.0, 4.0]),
        ([0.1, 0.2, 0.3, 0.4], [1.0, 1.0, 1.0, 1.0]),
        ([0.0, 0.2, 0.3, 0.4], [0.0, 2.0, 3.0, 4.0]),
    ],
)
def test_too_little_has_no_law(xs, ys):
    assert fit_power_law(xs, ys) is None
