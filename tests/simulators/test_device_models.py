"""Programming noise, drift and read noise of the devices against their published formulas.

Every weight matrix here has 1 (or -1) in its first column, so that a tile's normalised units are
those of the weights, and one level everywhere else. Tolerances are 5 standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from analog_bench.noise import Hermes, Noise, Pcm, ReramCmo, ReramWan2022, Stuck

Effective = Callable[..., Tensor]
OUT, IN = 300, 301
DAY = 86_400.0


def levels(level: float, anchor: float = 1.0) -> Tensor:
    weight = torch.full((OUT, IN), level)
    weight[:, 0] = anchor
    return weight


def polynomial(coefficients: list[float], g: float) -> float:
    return sum(c * g**n for n, c in enumerate(coefficients))


def clamped(mean: float, sigma: float) -> tuple[float, float]:
    """Mean and variance of max(0, N(mean, sigma²))."""
    a = mean / sigma
    density = math.exp(-a * a / 2) / math.sqrt(2 * math.pi)
    share = 0.5 * math.erfc(-a / math.sqrt(2))
    first = mean * share + sigma * density
    second = (mean**2 + sigma**2) * share + mean * sigma * density
    return first, second - first**2


def folded(mean: float, sigma: float) -> tuple[float, float]:
    """Mean and standard deviation of |N(mean, sigma²)|."""
    a = mean / sigma
    first = sigma * math.sqrt(2 / math.pi) * math.exp(-a * a / 2) + mean * math.erf(
        a / math.sqrt(2)
    )
    return first, math.sqrt(mean**2 + sigma**2 - first**2)


def assert_normal_like(values: Tensor, mean: float, std: float, slack: float = 0.0) -> None:
    values = values.double().reshape(-1)
    n = values.numel()
    kurtosis = float(((values - values.mean()) ** 4).mean() / values.var() ** 2)
    assert abs(float(values.mean()) - mean) < 5 * std / math.sqrt(n) + slack * abs(mean)
    error = std * math.sqrt(max(kurtosis - 1, 1) / (4 * n))
    assert abs(float(values.std()) - std) < 5 * error + slack * std


def pair_noise(level: float, sigma_of: Callable[[float], float], g_max: float) -> tuple:
    """Mean and std of a weight on a pair of devices, each clamped at 0; sigma in µS."""
    mean_on, var_on = clamped(level * g_max, sigma_of(level))
    mean_off, var_off = clamped(0.0, sigma_of(0.0))
    return (mean_on - mean_off) / g_max, math.sqrt(var_on + var_off) / g_max


@pytest.mark.parametrize("level", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_pcm_programming_noise(effective: Effective, tile: str, level: float, scale: float) -> None:
    got = effective(levels(level), Pcm(prog=scale, read=0, drift=0), tile=tile)[:, 1:]
    mean, std = pair_noise(
        level, lambda g: scale * polynomial([0.26348, 1.9650, -1.1731], g), g_max=25.0
    )
    assert_normal_like(got, mean, std)


HERMES = {
    1: ([0.15781817, 2.32443916, -2.16310839, 0.68841818], 10.35, 200.0),
    2: ([0.16603222, 4.71806468, -8.48101252, 4.68961419], 20.7, 300.0),
}


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("level", [0.1, 0.6])
def test_hermes_programming_noise(
    effective: Effective, tile: str, devices: int, level: float
) -> None:
    coefficients, g_max, _ = HERMES[devices]
    noise = Hermes(read=0, drift=0, devices=devices)
    got = effective(levels(level), noise, tile=tile)[:, 1:]
    assert_normal_like(got, *pair_noise(level, lambda g: polynomial(coefficients, g), g_max))


def exponents(
    effective: Effective, noise: Noise, level: float, t_0: float, tile: str, seconds: float = DAY
) -> Tensor:
    got = effective(levels(level), noise, seconds, tile=tile)[:, 1:].double()
    return -torch.log(got / level) / math.log((seconds + t_0) / t_0)


def clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


@pytest.mark.parametrize("level", [0.05, 0.15, 0.8])
def test_pcm_drift_exponents(effective: Effective, tile: str, level: float) -> None:
    noise = Pcm(prog=0, read=0, compensate=False)
    nu = exponents(effective, noise, level, 20.0, tile)
    mu = clip(-0.0155 * math.log(level) + 0.0244, 0.049, 0.1)
    sigma = clip(-0.0125 * math.log(level) - 0.0059, 0.008, 0.045)
    assert_normal_like(nu, *folded(mu, sigma))
    half = exponents(effective, Pcm(0, 0, 0.5, compensate=False), level, 20.0, tile)
    torch.testing.assert_close(half, nu / 2, atol=1e-5, rtol=1e-4)
    later = exponents(effective, noise, level, 20.0, tile, 3.15e8)
    torch.testing.assert_close(later, nu, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("level", [0.05, 0.5])
@pytest.mark.parametrize("devices", [1, 2])
def test_hermes_drift_exponents(
    effective: Effective, tile: str, devices: int, level: float
) -> None:
    noise = Hermes(prog=0, read=0, devices=devices, compensate=False)
    nu = exponents(effective, noise, level, HERMES[devices][2], tile)
    log_g = math.log(level)
    if level < 0.0945:
        mu = clip(-0.0387 * log_g - 0.0182, 0.0720, 0.13)
    else:
        mu = polynomial([0.0736, -0.0126, -0.0436], level)
    low, high = {
        1: (clip(-0.0120 * log_g - 0.0023, 0.0124, 0.04), [0.0104, 0.0116, -0.0165]),
        2: (clip(-0.0117 * log_g - 0.0057, 0.0091, 0.04), [0.0073, 0.0093, -0.0118]),
    }[devices]
    sigma = low if level < 0.3 else polynomial(high, level)
    assert_normal_like(nu, *folded(mu, sigma))


@pytest.mark.parametrize("seconds", [0.0, 1.0, DAY, 315_360_000.0])
@pytest.mark.parametrize("level", [0.1, 0.7])
def test_pcm_read_noise_grows_with_time(
    effective: Effective, tile: str, level: float, seconds: float
) -> None:
    noise = Pcm(prog=0, drift=0, compensate=False)
    ratio = effective(levels(level), noise, seconds, tile=tile)[:, 1:] / level
    q = min(0.0088 / level**0.65, 0.2)
    std = q * math.sqrt(math.log((seconds + 20.0 + 250e-9) / (2 * 250e-9)))
    assert_normal_like(ratio, 1.0, std)


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("level", [0.08, 0.6])
def test_hermes_read_noise(effective: Effective, tile: str, devices: int, level: float) -> None:
    noise = Hermes(prog=0, drift=0, devices=devices, compensate=False)
    ratio = effective(levels(level), noise, DAY, tile=tile)[:, 1:] / level
    low, high = {
        1: (
            clip(-0.0078 * math.log(level) + 0.0038, 0.0179, 0.04),
            [0.0088, 0.0768, -0.1352, 0.0664],
        ),
        2: (
            clip(-0.0117 * math.log(level) - 0.0069, 0.015, 0.04),
            [0.0123, 0.0211, -0.0280, 0.0069],
        ),
    }[devices]
    q = low if level < 0.159 else polynomial(high, level)
    t_0 = HERMES[devices][2]
    assert_normal_like(ratio, 1.0, q * math.sqrt(math.log((DAY + t_0 + 512e-9) / (2 * 512e-9))))


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


WAN = {
    1.0: [0.348, 16.030, -43.853, 45.393, -16.815],
    DAY: [0.701, 22.086, -50.773, 47.095, -16.458],
    2 * DAY: [0.782, 20.274, -43.507, 37.062, -11.934],
}


@pytest.mark.parametrize("seconds", [1.0, DAY, 2 * DAY])
@pytest.mark.parametrize("level", [0.2, 0.7])
def test_reram_wan2022_polynomials(
    effective: Effective, tile: str, seconds: float, level: float
) -> None:
    got = effective(levels(level), ReramWan2022(0.5), seconds, tile=tile)[:, 1:]
    mean, std = pair_noise(level, lambda g: 0.5 * polynomial(WAN[seconds], g), g_max=25.0)
    # aihwkit goes back to weights by the scale of the programmed ones: see the handler.
    stretch = float(effective(levels(level), ReramWan2022(0.5), tile=tile).abs().max())
    assert_normal_like(got / stretch, mean, std)


def cmo_levels(level: float) -> Tensor:
    weight = levels(level)
    weight[:, 1] = -1.0
    return weight


def cmo_g(level: float) -> float:
    return 9.0 + (88.199997 - 9.0) * (level + 1) / 2


TO_WEIGHT = 2 / (88.199997 - 9.0)


@pytest.mark.parametrize("acceptance", [0.2, 2.0])
@pytest.mark.parametrize("level", [-0.5, 0.6])
def test_reram_cmo_programming_noise(
    effective: Effective, tile: str, acceptance: float, level: float
) -> None:
    got = effective(cmo_levels(level), ReramCmo(acceptance=acceptance), tile=tile)[:, 2:]
    offset, slope = {0.2: (0.00081107, 0.00106879), 2.0: (0.0112185391, 0.01129027418)}[acceptance]
    sigma = (offset + slope * cmo_g(level)) * TO_WEIGHT
    assert_normal_like(got, level, sigma, slack=1e-6)


@pytest.mark.parametrize("seconds", [60.0, 2_592_000.0])
def test_reram_cmo_relaxation(effective: Effective, tile: str, seconds: float) -> None:
    got = effective(cmo_levels(0.2), ReramCmo(prog=0, read=0), seconds, tile=tile)[:, 2:]
    log_t = math.log(seconds)
    shift = -0.08900206 * log_t * TO_WEIGHT
    sigma = (0.04201137 * log_t + 0.41183342) * TO_WEIGHT
    assert_normal_like(got, 0.2 + shift, sigma)


def test_reram_cmo_read_noise_and_time_zero(effective: Effective, tile: str) -> None:
    noise = ReramCmo(prog=0, drift=0)
    got = effective(cmo_levels(0.2), noise, DAY, tile=tile)[:, 2:]
    sigma = 0.0277316483 * math.log10(cmo_g(0.2)) * math.sqrt(math.log((DAY + 1e-6) / 2e-6))
    assert_normal_like(got, 0.2, sigma * TO_WEIGHT)
    at_zero = effective(cmo_levels(0.2), noise, 0.0, tile=tile)
    torch.testing.assert_close(at_zero, cmo_levels(0.2), atol=1e-5, rtol=1e-5)


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
