"""The closed forms against scipy, and how often a sound release would be called off."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import integrate, stats

from analog_bench.simulators.physics import closed_form as form
from analog_bench.simulators.physics.experiment import exact, mean, spread
from analog_bench.simulators.physics.specimen import DAY_S, YEAR_S
from analog_bench.simulators.physics.survey_record import ALLOWED_ERRORS

SAMPLES, SIZE = 3000, 2000


@pytest.mark.parametrize(("mean", "sigma"), [(1.25, 0.36), (0.0, 0.263), (-0.2, 0.5), (25.0, 1.06)])
def test_moments_of_what_is_clamped_and_folded(mean, sigma):
    folded = stats.foldnorm(abs(mean) / sigma, scale=sigma)
    assert form.folded(mean, sigma) == pytest.approx((folded.mean(), folded.std()))
    normal = stats.norm(mean, sigma)
    top = mean + 12 * sigma
    first, second = (
        integrate.quad(lambda x, n=n: x**n * normal.pdf(x), 0, top, points=[max(mean, 0.0)])[0]
        for n in (1, 2)
    )
    clamped = form.clamped(mean, sigma)
    assert clamped == pytest.approx((first, math.sqrt(second - first**2)), rel=1e-5)


def test_values_computed_by_hand():
    # g = 0.3: 0.26348 + 0.5895 - 0.105579, and the idle device 0.26348 √(1/2 - 1/2π).
    on, idle = 0.747401, 0.26348 * math.sqrt(0.5 - 1 / (2 * math.pi))
    assert form.pair(0.3, form.PCM_PROGRAMMING, 25.0).std == pytest.approx(math.hypot(on, idle))
    # At g = 0.8 both of mean and spread are at their floors: 0.049 and 0.008.
    assert form.pcm_drift(0.8) == pytest.approx((0.049, 0.008), rel=1e-6)
    ten_years = form.pcm_read(0.1, 10 * YEAR_S) / form.pcm_read(0.1, 0.0)
    assert ten_years == pytest.approx(math.sqrt(math.log(315360020 / 5e-7) / math.log(20 / 5e-7)))
    # Q is cut at 0.2 for conductances below (0.0088 / 0.2)^(1/0.65), 0.8 % of the largest.
    assert form.pcm_read(0.004, DAY_S) == form.pcm_read(0.008, DAY_S)


def kurtosis(draw):
    centred = draw - draw.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2)


def pair(g, programming, g_max):
    devices = ((g * g_max, form.polynomial(programming, g)), (0.0, programming[0]))
    on, idle = (torch.normal(mu, sigma, (1_000_000,)).clamp(min=0) for mu, sigma in devices)
    return (on - idle).double()


def test_noise_here_has_no_heavier_tails_than_normal_noise():
    """The standard error of a spread is σ √((κ - 1) / 4n), and κ is taken for 3."""
    torch.manual_seed(0)
    drawn = {g: pair(g, form.PCM_PROGRAMMING, form.PCM_G_MAX) for g in (0.05, 0.3, 0.9)}
    drawn |= {f"h{g}": pair(g, form.HERMES[1].programming, 10.35) for g in (0.1, 0.6)}
    drawn["folded"] = torch.normal(0.071, 0.0315, (1_000_000,)).abs().double()
    assert max(map(kurtosis, drawn.values())) < 3.1
    for g, draw in drawn.items():
        if not isinstance(g, str):
            expected = form.pair(g, form.PCM_PROGRAMMING, form.PCM_G_MAX)
            assert spread("", draw, expected.std).tolerance < 0.004 * expected.std
            assert abs(spread("", draw, expected.std).measured - expected.std) < 0.004
            assert abs(mean("", draw, *expected).measured - expected.mean) < 0.006


def test_tolerances_are_as_many_standard_errors_as_they_say():
    """Errors in units of a fifth of the tolerance are standard normal.

    So that a sound quantity fails with the chance of a normal number beyond 5: once in 1.7
    million, for a hundred quantities once in 17,000 surveys.
    """
    torch.manual_seed(1)
    samples = torch.randn(SAMPLES, SIZE) * 0.3 + 2.0
    for findings in (
        [spread("", sample, 0.3) for sample in samples],
        [mean("", sample, 2.0, 0.3) for sample in samples],
    ):
        errors = [
            ALLOWED_ERRORS * (found.measured - found.expected) / found.tolerance
            for found in findings
        ]
        # A Kolmogorov distance of 0.03 among 3,000 would be met once in 100 at most.
        assert stats.kstest(errors, "norm").statistic < 0.03
        beyond = sum(abs(error) > 3 for error in errors)
        assert stats.binomtest(beyond, SAMPLES, 2 * stats.norm.sf(3)).pvalue > 1e-3
    assert 1 / (2 * stats.norm.sf(ALLOWED_ERRORS)) == pytest.approx(1.74e6, rel=0.01)


def test_outliers_do_not_excuse_the_spread_that_they_make():
    torch.manual_seed(2)
    sample = torch.randn(40_000)
    assert abs(spread("", sample, 1.0).measured - 1.0) < spread("", sample, 1.0).tolerance
    sample[:40] = 20.0
    found = spread("", sample, 1.0)
    assert found.measured - 1.0 > 5 * found.tolerance


def test_what_is_exact_may_be_off_by_rounding_alone():
    found = exact("", 2.0001, 2.0)
    assert found.tolerance == pytest.approx(2e-4)
    assert abs(found.measured - found.expected) <= found.tolerance
