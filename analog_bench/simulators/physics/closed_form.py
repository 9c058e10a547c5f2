"""The closed forms that aihwkit's device models are held against, as plain functions.

Conductances `g` are relative to the largest one, `G` is in µS, times are in seconds. The figures
are those that aihwkit's documentation gives, from the papers that it names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


class Moments(NamedTuple):
    """Mean and standard deviation of what is drawn."""

    mean: float
    std: float


@dataclass(frozen=True)
class HermesFit:
    """The fits of the HERMES chip for one or two devices a weight.

    `g_max` is in µS, `t_0` the seconds from programming to the first read. The polynomials in g are
    the programming noise in µS, the spread of drift exponents above g = 0.3, and the read noise's Q
    above 0.16; below, slope and offset in ln g with the least and largest value.
    """

    g_max: float
    t_0: float
    programming: tuple[float, ...]
    drift_low: tuple[float, float, float, float]
    drift_high: tuple[float, ...]
    read_low: tuple[float, float, float, float]
    read_high: tuple[float, ...]


PCM_SOURCE = "Nandakumar et al., ICECS 2019"
PCM_G_MAX, PCM_T_0, PCM_T_READ = 25.0, 20.0, 250e-9
PCM_PROGRAMMING = (0.26348, 1.9650, -1.1731)

HERMES_SOURCE = "Le Gallo et al., Nat. Electron. 6, 2023"
HERMES_T_READ = 512e-9
HERMES = {
    1: HermesFit(
        g_max=10.35,
        t_0=200.0,
        programming=(0.15781817, 2.32443916, -2.16310839, 0.68841818),
        drift_low=(-0.0120, -0.0023, 0.0124, 0.04),
        drift_high=(0.0104, 0.0116, -0.0165),
        read_low=(-0.0078, 0.0038, 0.0179, 0.04),
        read_high=(0.0088, 0.0768, -0.1352, 0.0664),
    ),
    2: HermesFit(
        g_max=20.7,
        t_0=300.0,
        programming=(0.16603222, 4.71806468, -8.48101252, 4.68961419),
        drift_low=(-0.0117, -0.0057, 0.0091, 0.04),
        drift_high=(0.0073, 0.0093, -0.0118),
        read_low=(-0.0117, -0.0069, 0.015, 0.04),
        read_high=(0.0123, 0.0211, -0.0280, 0.0069),
    ),
}

WAN_SOURCE = "Wan et al., Nature 608, 2022"
WAN_G_MAX = 25.0
WAN = {
    1.0: (0.348, 16.030, -43.853, 45.393, -16.815),
    86_400.0: (0.701, 22.086, -50.773, 47.095, -16.458),
    172_800.0: (0.782, 20.274, -43.507, 37.062, -11.934),
}

CMO_SOURCE = "Falcone et al., as aihwkit documents it"
CMO_G_MIN, CMO_G_MAX, CMO_T_READ = 9.0, 88.199997, 1e-6
CMO_PROGRAMMING = {0.2: (0.00081107, 0.00106879), 2.0: (0.0112185391, 0.01129027418)}
CMO_RELAXATION = 0.08900206
CMO_SPREAD = (0.04201137, 0.41183342)
CMO_READ = 0.0277316483


def polynomial(coefficients: tuple[float, ...], g: float) -> float:
    """Return Σ cₙ gⁿ."""
    return math.fsum(c * math.pow(g, n) for n, c in enumerate(coefficients))


def clamped(mean: float, sigma: float) -> Moments:
    """Return the moments of max(0, N(mean, σ²)): a device has no negative conductance."""
    a = mean / sigma
    density = math.exp(-a * a / 2) / math.sqrt(2 * math.pi)
    share = 0.5 * math.erfc(-a / math.sqrt(2))
    first = mean * share + sigma * density
    second = (mean**2 + sigma**2) * share + mean * sigma * density
    return Moments(first, math.sqrt(second - first**2))


def folded(mean: float, sigma: float) -> Moments:
    """Return the moments of |N(mean, σ²)|: a drift exponent is not negative."""
    a = mean / sigma
    first = sigma * math.sqrt(2 / math.pi) * math.exp(-a * a / 2)
    first += mean * math.erf(a / math.sqrt(2))
    return Moments(first, math.sqrt(mean**2 + sigma**2 - first**2))


def pair(g: float, programming: tuple[float, ...], g_max: float) -> Moments:
    """Return the moments of a weight on a pair of devices, one at g and one at 0, in µS.

    Each device is programmed with N(0, p(its g)²), p a polynomial in µS, and clamped at 0.
    """
    on = clamped(g * g_max, polynomial(programming, g))
    idle = clamped(0.0, programming[0])
    return Moments(on.mean - idle.mean, math.hypot(on.std, idle.std))


def pcm_drift(g: float) -> Moments:
    """Return the moments of PCM's drift exponent.

    |N(μ, σ²)| with μ = −0.0155 ln g + 0.0244 within [0.049, 0.1] and σ = −0.0125 ln g − 0.0059
    within [0.008, 0.045].
    """
    return folded(
        _within(-0.0155 * math.log(g) + 0.0244, 0.049, 0.1),
        _within(-0.0125 * math.log(g) - 0.0059, 0.008, 0.045),
    )


def pcm_read(g: float, seconds: float) -> float:
    """Return the spread of PCM's accumulated 1/f noise, relative to the conductance.

    Q √ln((t + t₀ + t_r) / (2 t_r)) with Q = 0.0088 / g^0.65, at most 0.2.
    """
    return min(0.0088 / math.pow(g, 0.65), 0.2) * accumulated(seconds + PCM_T_0, PCM_T_READ)


def hermes_drift(g: float, devices: int) -> Moments:
    """Return the moments of the HERMES chip's drift exponent, |N(μ(g), σ(g)²)|."""
    fit = HERMES[devices]
    if g < 0.0945:
        mu = _within(-0.0387 * math.log(g) - 0.0182, 0.0720, 0.13)
    else:
        mu = polynomial((0.0736, -0.0126, -0.0436), g)
    sigma = _low(fit.drift_low, g) if g < 0.3 else polynomial(fit.drift_high, g)
    return folded(mu, sigma)


def hermes_read(g: float, devices: int, seconds: float) -> float:
    """Return the spread of the HERMES chip's accumulated read noise, relative."""
    fit = HERMES[devices]
    q = _low(fit.read_low, g) if g < 0.159 else polynomial(fit.read_high, g)
    return q * accumulated(seconds + fit.t_0, HERMES_T_READ)


def accumulated(seconds: float, t_read: float) -> float:
    """Return √ln((t + t_r) / (2 t_r)), how 1/f noise grows with time."""
    return math.sqrt(math.log((seconds + t_read) / (2 * t_read)))


def _low(fit: tuple[float, float, float, float], g: float) -> float:
    slope, offset, least, largest = fit
    return _within(slope * math.log(g) + offset, least, largest)


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
