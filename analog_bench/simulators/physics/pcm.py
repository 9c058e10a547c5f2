"""Phase-change memory: programming, drift, read noise, compensation."""

from __future__ import annotations

from collections.abc import Iterator

from analog_bench.noise import Pcm
from analog_bench.simulators.physics import closed_form as form
from analog_bench.simulators.physics.cells import DAY_S, YEAR_S, blocks, exponents, levels
from analog_bench.simulators.physics.experiment import Finding, exact, experiment, mean, spread
from analog_bench.simulators.physics.specimen import weights

_LEVELS = (0.05, 0.3, 0.6, 0.9)
_DRIFT_LEVELS = (0.05, 0.15, 0.8)
_READ_LEVELS = (0.1, 0.3, 0.8)
_SUM = (
    "0.26348 + 1.965 g - 1.1731 g² µS a device, two devices a weight, each clamped at 0 "
    f"({form.PCM_SOURCE})"
)


@experiment("pcm", "programming noise", _SUM, unit="µS")
def _programming(tile: str) -> Iterator[Finding]:
    programmed = weights(levels(_LEVELS), Pcm(read=0, drift=0), tile)
    for g, block in blocks(programmed, _LEVELS):
        expected = form.pair(g, form.PCM_PROGRAMMING, form.PCM_G_MAX).std
        yield spread(f"g = {g:g}", block * form.PCM_G_MAX, expected)


@experiment("pcm", "programmed mean", _SUM, unit="µS")
def _programmed_mean(tile: str) -> Iterator[Finding]:
    programmed = weights(levels(_LEVELS), Pcm(read=0, drift=0), tile)
    for g, block in blocks(programmed, _LEVELS):
        expected = form.pair(g, form.PCM_PROGRAMMING, form.PCM_G_MAX)
        yield mean(f"g = {g:g}", block * form.PCM_G_MAX, expected.mean, expected.std)


@experiment(
    "pcm",
    "drift exponent",
    f"mean of |N(μ, σ²)|, μ = -0.0155 ln g + 0.0244 in [0.049, 0.1] ({form.PCM_SOURCE})",
)
def _drift(tile: str) -> Iterator[Finding]:
    noise = Pcm(prog=0, read=0, compensate=False)
    for seconds, spelt in ((DAY_S, "1 day"), (10 * YEAR_S, "10 years")):
        drifted = weights(levels(_DRIFT_LEVELS), noise, tile, seconds)
        for g, block in blocks(drifted, _DRIFT_LEVELS):
            found = exponents(block, g, seconds, form.PCM_T_0)
            yield mean(f"g = {g:g}, {spelt}", found, *form.pcm_drift(g))


@experiment(
    "pcm",
    "spread of drift exponents",
    f"that of |N(μ, σ²)|, σ = -0.0125 ln g - 0.0059 in [0.008, 0.045] ({form.PCM_SOURCE})",
)
def _drift_spread(tile: str) -> Iterator[Finding]:
    drifted = weights(levels(_DRIFT_LEVELS), Pcm(prog=0, read=0, compensate=False), tile, DAY_S)
    for g, block in blocks(drifted, _DRIFT_LEVELS):
        found = exponents(block, g, DAY_S, form.PCM_T_0)
        yield spread(f"g = {g:g}", found, form.pcm_drift(g).std)


@experiment(
    "pcm",
    "read noise",
    "Q √ln((t + t0 + tr) / 2tr) of g, Q = 0.0088 / g^0.65 up to 0.2, t0 = 20 s, tr = 250 ns "
    f"({form.PCM_SOURCE})",
)
def _read(tile: str) -> Iterator[Finding]:
    noise = Pcm(prog=0, drift=0, compensate=False)
    for seconds, spelt in ((0.0, "0 s"), (DAY_S, "1 day"), (10 * YEAR_S, "10 years")):
        read = weights(levels(_READ_LEVELS), noise, tile, seconds)
        for g, block in blocks(read, _READ_LEVELS):
            yield spread(f"g = {g:g}, {spelt}", block / g, form.pcm_read(g, seconds))


@experiment("pcm", "drift compensation", "the mean magnitude of the weights is that before drift")
def _compensation(tile: str) -> Iterator[Finding]:
    weight = levels((0.3,))
    for seconds, spelt in ((3600.0, "1 hour"), (YEAR_S, "1 year")):
        left = weights(weight, Pcm(prog=0, read=0), tile, seconds).abs().mean()
        yield exact(spelt, float(left / weight.abs().mean()), 1.0)


EXPERIMENTS = (_programming, _programmed_mean, _drift, _drift_spread, _read, _compensation)
