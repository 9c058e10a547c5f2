"""Resistive memory: the fits of Wan et al., and CMO/HfOx devices."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor

from analog_bench.noise import ReramCmo, ReramWan2022
from analog_bench.simulators.physics import closed_form as form
from analog_bench.simulators.physics.cells import DAY_S, blocks, levels
from analog_bench.simulators.physics.experiment import Finding, experiment, mean, spread
from analog_bench.simulators.physics.specimen import weights
from analog_bench.simulators.versions import TORCH

_WAN_LEVELS = (0.2, 0.7)
_WAN_SCALE = 0.5  # less is clamped then, so that the spread says more of the polynomial
_CMO_LEVELS = (-0.5, 0.6)
_CMO_SPAN = (form.CMO_G_MAX - form.CMO_G_MIN) / 2


@experiment(
    "reram_wan2022",
    "deviation from target",
    "half of a polynomial of order 4 in g for each time, two devices a weight, each clamped at 0 "
    f"({form.WAN_SOURCE})",
    unit="µS",
    tiles=(TORCH,),
)
def _wan(tile: str) -> Iterator[Finding]:
    weight, noise = levels(_WAN_LEVELS), ReramWan2022(_WAN_SCALE)
    # aihwkit goes back to weights by the scale of the programmed ones (see `tile_noise`).
    stretch = float(weights(weight, noise, tile).abs().max())
    for seconds, coefficients in form.WAN.items():
        spelt = "1 s" if seconds == 1 else f"{seconds / DAY_S:g} d"
        scaled = tuple(_WAN_SCALE * c for c in coefficients)
        for g, block in blocks(weights(weight, noise, tile, seconds), _WAN_LEVELS):
            expected = form.pair(g, scaled, form.WAN_G_MAX).std
            yield spread(f"g = {g:g}, {spelt}", block * form.WAN_G_MAX / stretch, expected)


@experiment(
    "reram_cmo",
    "programming noise",
    f"a + b G for each acceptance range ({form.CMO_SOURCE})",
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
    "reram_cmo", "relaxation", f"-0.0890 ln t ({form.CMO_SOURCE})", unit="µS", tiles=(TORCH,)
)
def _cmo_relaxation(tile: str) -> Iterator[Finding]:
    for where, error, expected in _cmo_relaxed(tile):
        yield mean(where, error, *expected)


@experiment(
    "reram_cmo",
    "spread of relaxation",
    f"0.0420 ln t + 0.4118 ({form.CMO_SOURCE})",
    unit="µS",
    tiles=(TORCH,),
)
def _cmo_relaxation_spread(tile: str) -> Iterator[Finding]:
    for where, error, expected in _cmo_relaxed(tile):
        yield spread(where, error, expected.std)


@experiment(
    "reram_cmo",
    "read noise",
    f"0.02773 log10(G) √ln((t + tr) / 2tr), tr = 1 µs ({form.CMO_SOURCE})",
    unit="µS",
    tiles=(TORCH,),
)
def _cmo_read(tile: str) -> Iterator[Finding]:
    grown = form.accumulated(DAY_S, form.CMO_T_READ)
    for conductance, error in _cmo_errors(ReramCmo(prog=0, drift=0), tile, DAY_S):
        expected = form.CMO_READ * math.log10(conductance) * grown
        yield spread(f"{conductance:.1f} µS, 1 day", error, expected)


def _cmo_errors(
    noise: ReramCmo, tile: str, seconds: float | None
) -> Iterator[tuple[float, Tensor]]:
    """Yield target conductances and the deviations from them, both in µS."""
    matrix = weights(levels(_CMO_LEVELS, anchors=(1.0, -1.0)), noise, tile, seconds)
    for level, block in blocks(matrix, _CMO_LEVELS, anchors=2):
        yield form.CMO_G_MIN + _CMO_SPAN * (level + 1), (block - level) * _CMO_SPAN


def _cmo_relaxed(tile: str) -> Iterator[tuple[str, Tensor, form.Moments]]:
    slope, offset = form.CMO_SPREAD
    for seconds, spelt in ((60.0, "1 min"), (30 * DAY_S, "30 d")):
        log_t = math.log(seconds)
        expected = form.Moments(-form.CMO_RELAXATION * log_t, slope * log_t + offset)
        for conductance, error in _cmo_errors(ReramCmo(prog=0, read=0), tile, seconds):
            yield f"{conductance:.1f} µS, {spelt}", error, expected


EXPERIMENTS = (_wan, _cmo_programming, _cmo_relaxation, _cmo_relaxation_spread, _cmo_read)
