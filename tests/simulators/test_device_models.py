"""Programming noise, drift and read noise of the devices against their published formulas.

The closed forms are those of `simulators.physics`, where tests hold them against scipy; here they
are asked on every tile engine, and at other scales than 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from analog_bench.noise import Hermes, Noise, Pcm, ReramCmo, Stuck
from analog_bench.simulators.physics import closed_form as form
from analog_bench.simulators.physics.device_experiments import EXPERIMENTS
from analog_bench.simulators.physics.experiment import Experiment, Finding, mean, spread

Effective = Callable[..., Tensor]
OUT, IN = 300, 301
DAY = 86_400.0


def levels(level: float) -> Tensor:
    """One level everywhere, and 1 in the first column: a tile's normalised units are these."""
    weight = torch.full((OUT, IN), level)
    weight[:, 0] = 1.0
    return weight


def assert_agree(*findings: Finding) -> None:
    for found in findings:
        assert abs(found.measured - found.expected) <= found.tolerance, found


@pytest.mark.parametrize(
    "one", EXPERIMENTS, ids=lambda one: f"{one.family} {next(iter(one.formulas))}"
)
def test_every_device_is_its_closed_form(one: Experiment, tile: str) -> None:
    checks = one.checks(tile)
    assert {check.quantity for check in checks} == set(one.formulas)
    failing = [f"{c.subject}, {c.where}: {c.reason}" for c in checks if not c.passes]
    assert failing == []


@pytest.mark.parametrize("level", [0.05, 0.3, 0.9])
def test_programming_noise_scales(effective: Effective, tile: str, level: float) -> None:
    got = effective(levels(level), Pcm(prog=0.5, read=0, drift=0), tile=tile)[:, 1:]
    halved = tuple(c / 2 for c in form.PCM_PROGRAMMING)
    expected = form.pair(level, halved, form.PCM_G_MAX)
    microsiemens = got * form.PCM_G_MAX
    assert_agree(spread("", microsiemens, expected.std), mean("", microsiemens, *expected))


@pytest.mark.parametrize("level", [0.05, 0.15, 0.8])
def test_drift_exponents_scale_and_stay_over_time(
    effective: Effective, tile: str, level: float
) -> None:
    def exponents(noise: Noise, seconds: float = DAY) -> Tensor:
        got = effective(levels(level), noise, seconds, tile=tile)[:, 1:].double()
        return -torch.log(got / level) / math.log((seconds + form.PCM_T_0) / form.PCM_T_0)

    noise = Pcm(prog=0, read=0, compensate=False)
    once = exponents(noise)
    half = exponents(Pcm(0, 0, 0.5, compensate=False))
    torch.testing.assert_close(half, once / 2, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(exponents(noise, 3.15e8), once, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", [Pcm, Hermes])
def test_global_compensation_restores_the_mean_magnitude(
    effective: Effective, tile: str, family: type[Pcm] | type[Hermes]
) -> None:
    weight = levels(0.3)
    plain = effective(weight, family(prog=0, read=0, compensate=False), DAY, tile=tile)
    rescaled = effective(weight, family(prog=0, read=0, compensate=True), DAY, tile=tile)
    assert float(rescaled.abs().mean()) == pytest.approx(float(weight.abs().mean()), rel=1e-4)
    factor = float(weight.abs().mean() / plain.abs().mean())
    assert factor > 1.2
    torch.testing.assert_close(rescaled, plain * factor, rtol=1e-4, atol=1e-6)


def test_reram_cmo_at_time_zero_is_exact(effective: Effective, tile: str) -> None:
    weight = levels(0.2)
    weight[:, 1] = -1.0
    at_zero = effective(weight, ReramCmo(prog=0, drift=0), 0.0, tile=tile)
    torch.testing.assert_close(at_zero, weight, atol=1e-5, rtol=1e-5)


def test_stuck_shares(effective: Effective, tile: str) -> None:
    torch.manual_seed(0)
    weight = torch.rand(OUT, IN) * 0.5 + 0.1
    weight[:, 0] = torch.logspace(0, 1, OUT)
    largest = weight.abs().amax(1, keepdim=True)
    got = effective(weight, Stuck(0.1, 0.06), tile=tile)
    zero, high, low = got == 0, torch.isclose(got, largest), torch.isclose(got, -largest)
    n = weight.numel()
    # The first column is at the largest magnitude anyway.
    for found, share in ((zero, 0.1), (high[:, 1:], 0.03), (low, 0.03)):
        assert abs(int(found.sum()) / found.numel() - share) < 5 * math.sqrt(share / n)
    healthy = ~(zero | high | low)
    torch.testing.assert_close(got[healthy], weight[healthy])
    # Faults at low rates are among those at high rates, and stay where they are over time.
    fewer = effective(weight, Stuck(0.02, 0.01), 3.15e8, tile=tile)
    assert bool((zero | (fewer != 0)).all())
    kept = torch.isclose(fewer, -largest)
    assert bool((low | ~kept).all())


def test_stuck_on_real_devices_does_not_drift(effective: Effective) -> None:
    setup = {"hardware": "FloatingPointPreset", "tile": "torch"}
    weight = levels(0.3)
    got = effective(weight, Stuck(0.2, 0.0), DAY, **setup)
    share = float((got == 0).double().mean())
    # PCM programming leaves a few weights at exactly 0 by clamping both devices: none at 0.3.
    assert share == pytest.approx(0.2, abs=5 * math.sqrt(0.2 / weight.numel()))
    assert float(got[got != 0].std()) > 0.01
