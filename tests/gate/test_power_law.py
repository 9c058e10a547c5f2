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


def test_scatter_widens_the_interval_and_lowers_the_share():
    rng = np.random.default_rng(3)
    xs = np.linspace(0.02, 0.3, 40)
    hits, shares = 0, []
    for _ in range(50):
        law = fit_power_law(xs, 10 * xs**2 + rng.normal(0, 0.1, 40))
        hits += law.powers[0] <= 2 <= law.powers[1]
        shares.append(law.r_squared)
    assert hits >= 42
    truth = np.var(10 * xs**2)
    assert np.mean(shares) == pytest.approx(truth / (truth + 0.01), abs=0.03)


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
