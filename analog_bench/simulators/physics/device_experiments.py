"""Experiments on devices: phase-change memory, the HERMES chip's, and resistive memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor

from analog_bench.noise import Hermes, Pcm, ReramCmo, ReramWan2022
from analog_bench.simulators.physics import closed_form as form
from analog_bench.simulators.physics.experiment import Finding, exact, experiment, mean, spread
from analog_bench.simulators.physics.specimen import (
    DAY_S,
    YEAR_S,
    blocks,
    exponents,
    levels,
    weights,
)
from analog_bench.simulators.versions import TORCH

_DECADE = (10 * YEAR_S, "10 years")
_PCM_LEVELS, _PCM_DRIFT_LEVELS, _PCM_READ_LEVELS = (
    *((0.05, 0.3, 0.6, 0.9), (0.05, 0.15, 0.8), (0.1, 0.3, 0.8)),
)
_PCM_SUM = (
    "0.26348 + 1.965 g - 1.1731 g² µS a device, two devices a weight, each clamped at 0 "
    f"({form.PCM_SOURCE})"
)
_HERMES_LEVELS, _HERMES_DRIFT_LEVELS = (0.1, 0.6), (0.05, 0.5)
_WAN_LEVELS = (0.2, 0.7)
_WAN_SCALE = 0.5  # less is clamped then, so that the spread says more of the polynomial
_CMO_LEVELS = (-0.5, 0.6)
_CMO_SPAN = (form.CMO_G_MAX - form.CMO_G_MIN) / 2


@experiment("pcm", {"programming noise": _PCM_SUM, "programmed mean": _PCM_SUM}, unit="µS")
def _pcm_programming(tile: str) -> Iterator[Finding]:
    programmed = weights(levels(_PCM_LEVELS), Pcm(read=0, drift=0), tile)
    for g, block in blocks(programmed, _PCM_LEVELS):
        expected, found = form.pair(g, form.PCM_PROGRAMMING, form.PCM_G_MAX), block * form.PCM_G_MAX
        yield spread(f"g = {g:g}", found, expected.std, "programming noise")
        yield mean(f"g = {g:g}", found, *expected, "programmed mean")


@experiment(
    "pcm",
    {
        "drift exponent": "mean of |N(μ, σ²)|, μ = -0.0155 ln g + 0.0244 in [0.049, 0.1] "
        f"({form.PCM_SOURCE})",
        "spread of drift exponents": "that of |N(μ, σ²)|, σ = -0.0125 ln g - 0.0059 in "
        f"[0.008, 0.045] ({form.PCM_SOURCE})",
    },
)
def _pcm_drift(tile: str) -> Iterator[Finding]:
    noise = Pcm(prog=0, read=0, compensate=False)
    for seconds, spelt in ((DAY_S, "1 day"), _DECADE):
        drifted = weights(levels(_PCM_DRIFT_LEVELS), noise, tile, seconds)
        for g, block in blocks(drifted, _PCM_DRIFT_LEVELS):
            found, expected = exponents(block, g, seconds, form.PCM_T_0), form.pcm_drift(g)
            yield mean(f"g = {g:g}, {spelt}", found, *expected, "drift exponent")
            if seconds == DAY_S:
                yield spread(f"g = {g:g}", found, expected.std, "spread of drift exponents")


@experiment(
    "pcm",
    {
        "read noise": "Q √ln((t + t0 + tr) / 2tr) of g, Q = 0.0088 / g^0.65 up to 0.2, t0 = 20 s, "
        f"tr = 250 ns ({form.PCM_SOURCE})"
    },
)
def _pcm_read(tile: str) -> Iterator[Finding]:
    noise = Pcm(prog=0, drift=0, compensate=False)
    for seconds, spelt in ((0.0, "0 s"), (DAY_S, "1 day"), _DECADE):
        read = weights(levels(_PCM_READ_LEVELS), noise, tile, seconds)
        for g, block in blocks(read, _PCM_READ_LEVELS):
            yield spread(f"g = {g:g}, {spelt}", block / g, form.pcm_read(g, seconds))


@experiment("pcm", {"drift compensation": "the mean magnitude of the weights is that before drift"})
def _pcm_compensation(tile: str) -> Iterator[Finding]:
    weight = levels((0.3,))
    for seconds, spelt in ((3600.0, "1 hour"), (YEAR_S, "1 year")):
        left = weights(weight, Pcm(prog=0, read=0), tile, seconds).abs().mean()
        yield exact(spelt, float(left / weight.abs().mean()), 1.0)


def _hermes_where(g: float, devices: int) -> str:
    return f"g = {g:g}, {devices} device" + ("s" if devices > 1 else "")


@experiment(
    "hermes",
    {
        "programming noise": "a polynomial of order 3 in g, two devices or two pairs a weight, "
        f"each clamped at 0 ({form.HERMES_SOURCE})"
    },
    unit="µS",
    tiles=(TORCH,),
)
def _hermes_programming(tile: str) -> Iterator[Finding]:
    for devices, fit in form.HERMES.items():
        noise = Hermes(read=0, drift=0, devices=devices)
        for g, block in blocks(weights(levels(_HERMES_LEVELS), noise, tile), _HERMES_LEVELS):
            expected = form.pair(g, fit.programming, fit.g_max).std
            yield spread(_hermes_where(g, devices), block * fit.g_max, expected)


@experiment(
    "hermes",
    {
        "drift exponent": f"mean of |N(μ(g), σ(g)²)| ({form.HERMES_SOURCE})",
        "spread of drift exponents": f"that of |N(μ(g), σ(g)²)| ({form.HERMES_SOURCE})",
    },
    tiles=(TORCH,),
)
def _hermes_drift(tile: str) -> Iterator[Finding]:
    for devices, fit in form.HERMES.items():
        noise = Hermes(prog=0, read=0, devices=devices, compensate=False)
        drifted = weights(levels(_HERMES_DRIFT_LEVELS), noise, tile, DAY_S)
        for g, block in blocks(drifted, _HERMES_DRIFT_LEVELS):
            found, expected = exponents(block, g, DAY_S, fit.t_0), form.hermes_drift(g, devices)
            where = f"{_hermes_where(g, devices)}, 1 day"
            yield mean(where, found, *expected, "drift exponent")
            yield spread(where, found, expected.std, "spread of drift exponents")


@experiment(
    "hermes",
    {"read noise": f"Q(g) √ln((t + t0 + tr) / 2tr) of g, tr = 512 ns ({form.HERMES_SOURCE})"},
    tiles=(TORCH,),
)
def _hermes_read(tile: str) -> Iterator[Finding]:
    for devices in form.HERMES:
        noise = Hermes(prog=0, drift=0, devices=devices, compensate=False)
        read = weights(levels(_HERMES_LEVELS), noise, tile, DAY_S)
        for g, block in blocks(read, _HERMES_LEVELS):
            expected = form.hermes_read(g, devices, DAY_S)
            yield spread(f"{_hermes_where(g, devices)}, 1 day", block / g, expected)


@experiment(
    "reram_wan2022",
    {
        "deviation from target": "half of a polynomial of order 4 in g for each time, two devices "
        f"a weight, each clamped at 0 ({form.WAN_SOURCE})"
    },
    unit="µS",
    tiles=(TORCH,),
)
def _wan(tile: str) -> Iterator[Finding]:
    weight, noise = levels(_WAN_LEVELS), ReramWan2022(_WAN_SCALE)
    # aihwkit goes back to weights by the scale of the programmed ones (see `aihwkit_noises`).
    stretch = float(weights(weight, noise, tile).abs().max())
    for seconds, coefficients in form.WAN.items():
        spelt = "1 s" if seconds == 1 else f"{seconds / DAY_S:g} d"
        scaled = tuple(_WAN_SCALE * c for c in coefficients)
        for g, block in blocks(weights(weight, noise, tile, seconds), _WAN_LEVELS):
            expected = form.pair(g, scaled, form.WAN_G_MAX).std
            yield spread(f"g = {g:g}, {spelt}", block * form.WAN_G_MAX / stretch, expected)


def _cmo_errors(
    noise: ReramCmo, tile: str, seconds: float | None
) -> Iterator[tuple[float, Tensor]]:
    """Yield target conductances and the deviations from them, both in µS."""
    matrix = weights(levels(_CMO_LEVELS, anchors=(1.0, -1.0)), noise, tile, seconds)
    for level, block in blocks(matrix, _CMO_LEVELS, anchors=2):
        yield form.CMO_G_MIN + _CMO_SPAN * (level + 1), (block - level) * _CMO_SPAN


@experiment(
    "reram_cmo",
    {"programming noise": f"a + b G for each acceptance range ({form.CMO_SOURCE})"},
    unit="µS",
    tiles=(TORCH,),
)
def _cmo_programming(tile: str) -> Iterator[Finding]:
    for acceptance, (offset, slope) in form.CMO_PROGRAMMING.items():
        noise = ReramCmo(read=0, drift=0, acceptance=acceptance)
        for conductance, error in _cmo_errors(noise, tile, None):
            where = f"{conductance:.1f} µS, accepting {acceptance:g} %"
            yield spread(where, error, offset + slope * conductance)


@experiment(
    "reram_cmo",
    {
        "relaxation": f"-0.0890 ln t ({form.CMO_SOURCE})",
        "spread of relaxation": f"0.0420 ln t + 0.4118 ({form.CMO_SOURCE})",
    },
    unit="µS",
    tiles=(TORCH,),
)
def _cmo_relaxation(tile: str) -> Iterator[Finding]:
    slope, offset = form.CMO_SPREAD
    for seconds, spelt in ((60.0, "1 min"), (30 * DAY_S, "30 d")):
        log_t = math.log(seconds)
        std = slope * log_t + offset
        for conductance, error in _cmo_errors(ReramCmo(prog=0, read=0), tile, seconds):
            where = f"{conductance:.1f} µS, {spelt}"
            yield mean(where, error, -form.CMO_RELAXATION * log_t, std, "relaxation")
            yield spread(where, error, std, "spread of relaxation")


@experiment(
    "reram_cmo",
    {"read noise": f"0.02773 log10(G) √ln((t + tr) / 2tr), tr = 1 µs ({form.CMO_SOURCE})"},
    unit="µS",
    tiles=(TORCH,),
)
def _cmo_read(tile: str) -> Iterator[Finding]:
    grown = form.accumulated(DAY_S, form.CMO_T_READ)
    for conductance, error in _cmo_errors(ReramCmo(prog=0, drift=0), tile, DAY_S):
        expected = form.CMO_READ * math.log10(conductance) * grown
        yield spread(f"{conductance:.1f} µS, 1 day", error, expected)


EXPERIMENTS = (
    *(_pcm_programming, _pcm_drift, _pcm_read, _pcm_compensation),
    *(_hermes_programming, _hermes_drift, _hermes_read),
    *(_wan, _cmo_programming, _cmo_relaxation, _cmo_read),
)
