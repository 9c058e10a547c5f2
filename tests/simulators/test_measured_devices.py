"""Devices of a user's table do what the table says, on every tile engine."""

import math

import pytest
import torch

from analog_bench.noise import EqualError, Measured, Pcm
from analog_bench.simulators.physics import closed_form as form
from analog_bench.simulators.physics.experiment import mean, spread
from tests.device_tables import TABLE, pcm_table

DAY, YEAR = 86_400.0, 31_536_000.0
LOW, HIGH = 2.0, 22.0  # µS, the table's
SPAN = HIGH - LOW


@pytest.fixture
def pcm_like(tmp_path):
    return pcm_table(tmp_path / "pcm.csv")


def levels(level):
    """One level everywhere, and 1 in the first column: a tile's normalised units are these."""
    weight = torch.full((300, 301), level)
    weight[:, 0] = 1.0
    return weight


def assert_agree(*findings):
    for found in findings:
        assert abs(found.measured - found.expected) <= found.tolerance, found


def between(level, at_low, at_high):
    return at_low + level * (at_high - at_low)


def alone(**scales):
    """The devices of the table with only some of what they do."""
    return Measured(str(TABLE), **{"prog": 0, "read": 0, "drift": 0, "compensate": False, **scales})


@pytest.mark.parametrize("level", [0.0, 0.25, 0.8])
def test_the_programmed_spread_is_the_tables(effective, tile, level):
    got = effective(levels(level), alone(prog=1), tile=tile)[:, 1:] * SPAN
    # The pair's other device stays at the lowest conductance, and scatters as well.
    expected = math.hypot(between(level, 0.2, 1.0), 0.2)
    assert_agree(spread("", got, expected), mean("", got, level * SPAN, expected))


def test_a_scale_is_a_factor(effective, tile):
    whole = effective(levels(0.5), alone(prog=1), tile=tile)[:, 1:]
    half = effective(levels(0.5), alone(prog=0.5), tile=tile)[:, 1:]
    torch.testing.assert_close(half - 0.5, (whole - 0.5) / 2, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("seconds", [DAY, YEAR])
def test_mean_drift_follows_nu(effective, tile, seconds):
    got = effective(levels(0.5), alone(drift=1), seconds, tile=tile)[:, 1:].double() * SPAN
    time = math.log((seconds + 20) / 20)

    def left(g, nu, std):
        """The mean of g times e^(-nu ln t), nu normal: folding at 0 is three sigma away."""
        return g * math.exp(-nu * time + (std * time) ** 2 / 2)

    expected = left(12.0, 0.05, 0.015) - left(LOW, 0.06, 0.02)
    assert float(got.mean()) == pytest.approx(expected, rel=5e-3)


def test_reads_scatter_as_the_table_says_and_grow_with_time(effective, tile):
    for seconds in (0.0, YEAR):
        grown = form.accumulated(seconds + 20, 250e-9) / form.accumulated(20, 250e-9)
        got = effective(levels(0.5), alone(read=1), seconds, tile=tile)[:, 1:] * SPAN
        assert_agree(spread("", got, math.hypot(0.2, 0.1) * grown))


def test_a_table_made_of_pcms_formulae_is_pcm(effective, tile, pcm_like):
    quiet = {"prog": 0, "read": 0, "drift": 0, "compensate": False}
    for level in (0.3, 0.8):
        expected = form.pair(level, form.PCM_PROGRAMMING, form.PCM_G_MAX)
        got = effective(levels(level), Measured(pcm_like, **{**quiet, "prog": 1}), tile=tile)
        microsiemens = got[:, 1:] * form.PCM_G_MAX
        assert_agree(spread("", microsiemens, expected.std), mean("", microsiemens, *expected))
        drifting = Measured(pcm_like, **{**quiet, "drift": 1})
        got = effective(levels(level), drifting, DAY, tile=tile)[:, 1:].double()
        exponents = -torch.log(got / level) / math.log((DAY + 20) / 20)
        expected = form.pcm_drift(level)
        assert_agree(spread("", exponents, expected.std), mean("", exponents, *expected))
        reading = Measured(pcm_like, **{**quiet, "read": 1})
        got = effective(levels(level), reading, DAY, tile=tile)[:, 1:]
        assert_agree(spread("", got / level, form.pcm_read(level, DAY)))


def test_all_of_it_together_is_pcm(effective, pcm_like):
    """Everything at once, after a year, is PCM in distribution, compensation included."""
    found = [
        effective(levels(0.4), noise, YEAR)[:, 1:].double() for noise in (Measured(pcm_like), Pcm())
    ]
    assert float(found[0].mean()) == pytest.approx(float(found[1].mean()), rel=2e-3)
    assert float(found[0].std()) == pytest.approx(float(found[1].std()), rel=2e-2)


@pytest.mark.parametrize(
    ("seconds", "left"),
    [(0.0, 1.0), (1.0, 0.99), (100.0, 0.99), (10_000.0, 0.97), (1e6, 0.95), (1e8, 0.75)],
)
def test_retention_is_interpolated_in_the_logarithm_of_time(effective, tmp_path, seconds, left):
    path = tmp_path / "kept.csv"
    path.write_text(
        "g_rel,sigma_rel,time_s,factor\n0,0,1,0.99\n0.5,0,100,0.99\n1,0,1e6,0.95\n,,1e8,0.75\n"
    )
    got = effective(levels(0.5), Measured(str(path), compensate=False), seconds)
    torch.testing.assert_close(got, levels(0.5) * left)
    twice = effective(levels(0.5), Measured(str(path), drift=2, compensate=False), seconds)
    torch.testing.assert_close(twice, levels(0.5) * left**2)


def test_a_kinked_column_keeps_its_kink(effective, tmp_path):
    path = tmp_path / "kink.csv"
    path.write_text("g_us,sigma_us\n0,0\n5,0\n10,0.5\n20,0\n")
    for level, expected in ((0.2, 0.0), (0.375, 0.25), (0.5, 0.5), (0.75, 0.25)):
        got = effective(levels(level), Measured(str(path)))[:, 1:] * 20
        assert float(got.std()) == pytest.approx(expected, rel=2e-2, abs=1e-5)


def test_it_can_be_solved_for(effective):
    noise = EqualError(f"measured:{TABLE}", 0.1)
    assert (noise.parameters, noise.DRIFTS) == (("prog", "read", "drift"), True)
    stronger = noise.at(2.0)
    assert (stronger.prog, stronger.read, stronger.drift) == (2, 2, 2)
    weak, strong = (
        float(effective(levels(0.5), noise.at(s), 0.0)[:, 1:].std()) for s in (0.5, 1.0)
    )
    assert strong == pytest.approx(2 * weak, rel=0.05)
