"""Phase-change memory of the HERMES chip, with one and with two devices a weight."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from analog_bench.noise import Hermes
from analog_bench.simulators.physics import closed_form as form
from analog_bench.simulators.physics.cells import DAY_S, blocks, exponents, levels
from analog_bench.simulators.physics.experiment import Finding, experiment, mean, spread
from analog_bench.simulators.physics.specimen import weights
from analog_bench.simulators.versions import TORCH

_LEVELS = (0.1, 0.6)
_DRIFT_LEVELS = (0.05, 0.5)


@experiment(
    "hermes",
    "programming noise",
    "a polynomial of order 3 in g, two devices or two pairs a weight, each clamped at 0 "
    f"({form.HERMES_SOURCE})",
    unit="µS",
    tiles=(TORCH,),
)
def _programming(tile: str) -> Iterator[Finding]:
    for devices, fit in form.HERMES.items():
        programmed = weights(levels(_LEVELS), Hermes(read=0, drift=0, devices=devices), tile)
        for g, block in blocks(programmed, _LEVELS):
            expected = form.pair(g, fit.programming, fit.g_max).std
            yield spread(_where(g, devices), block * fit.g_max, expected)


@experiment(
    "hermes", "drift exponent", f"mean of |N(μ(g), σ(g)²)| ({form.HERMES_SOURCE})", tiles=(TORCH,)
)
def _drift(tile: str) -> Iterator[Finding]:
    for where, found, expected in _drifted(tile):
        yield mean(where, found, *expected)


@experiment(
    "hermes",
    "spread of drift exponents",
    f"that of |N(μ(g), σ(g)²)| ({form.HERMES_SOURCE})",
    tiles=(TORCH,),
)
def _drift_spread(tile: str) -> Iterator[Finding]:
    for where, found, expected in _drifted(tile):
        yield spread(where, found, expected.std)


@experiment(
    "hermes",
    "read noise",
    f"Q(g) √ln((t + t0 + tr) / 2tr) of g, tr = 512 ns ({form.HERMES_SOURCE})",
    tiles=(TORCH,),
)
def _read(tile: str) -> Iterator[Finding]:
    for devices in form.HERMES:
        noise = Hermes(prog=0, drift=0, devices=devices, compensate=False)
        for g, block in blocks(weights(levels(_LEVELS), noise, tile, DAY_S), _LEVELS):
            expected = form.hermes_read(g, devices, DAY_S)
            yield spread(f"{_where(g, devices)}, 1 day", block / g, expected)


def _drifted(tile: str) -> Iterator[tuple[str, Tensor, form.Moments]]:
    for devices, fit in form.HERMES.items():
        noise = Hermes(prog=0, read=0, devices=devices, compensate=False)
        drifted = weights(levels(_DRIFT_LEVELS), noise, tile, DAY_S)
        for g, block in blocks(drifted, _DRIFT_LEVELS):
            found = exponents(block, g, DAY_S, fit.t_0)
            yield f"{_where(g, devices)}, 1 day", found, form.hermes_drift(g, devices)


def _where(g: float, devices: int) -> str:
    return f"g = {g:g}, {devices} device" + ("s" if devices > 1 else "")


EXPERIMENTS = (_programming, _drift, _drift_spread, _read)
