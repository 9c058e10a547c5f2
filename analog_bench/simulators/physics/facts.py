"""The facts of an installation: what is the same in two releases where nothing changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from analog_bench.analog.draws import seeded, summaries
from analog_bench.noise import (
    Hermes,
    Ideal,
    InpNoise,
    IrDrop,
    Noise,
    OutNoise,
    Pcm,
    Preset,
    Quantise,
    ReramCmo,
    ReramWan2022,
    SShape,
)
from analog_bench.simulators.physics.fact import CONVERTED, ROUNDING, Fact, Kind
from analog_bench.simulators.physics.specimen import SEED, numbers, on_chip, product, weights
from analog_bench.simulators.registry import find_simulator
from analog_bench.simulators.trial import reason_of
from analog_bench.simulators.versions import TORCH_VARIANT

_OUTPUTS, _INPUTS, _VECTORS = 60, 80, 40
_DAY_S = 86_400.0
_CPU = torch.device("cpu")
_SETTLED: tuple[Noise, ...] = (Quantise(), IrDrop(), SShape())
_DEVICES: tuple[Noise, ...] = (Pcm(), Hermes(), ReramWan2022(), ReramCmo())
_READ: tuple[Noise, ...] = (OutNoise(), InpNoise())


def facts_without_tiles() -> Iterator[Fact]:
    """Yield what torch alone decides: its random numbers, and a digital product."""
    for name, draw in (("normal", torch.randn), ("uniform", torch.rand)):
        with seeded(SEED, _CPU):
            yield Fact("random numbers", name, "none", summaries(draw(5000)))
    yield Fact("digital", "torch", "none", summaries(_inputs() @ _weight().T))


def facts_of(tile: str) -> Iterator[Fact]:
    """Yield the facts of a tile engine; one that cannot be computed has its reason.

    Args:
        tile: The tile engine.
    """
    yield _fact("ideal tile", Ideal(), tile, lambda noise: _product(noise, tile))
    simulator = find_simulator(tile)

    def had(noises: tuple[Noise, ...]) -> list[Noise]:
        return [noise for noise in noises if type(noise) in simulator.noises]

    for noise in had(_SETTLED):
        yield _fact("deterministic", noise, tile, lambda noise: _product(noise, tile), CONVERTED)
    for noise in had(_DEVICES):
        yield _fact("programming", noise, tile, lambda noise: _fingerprint(noise, tile))
    for noise in had(_DEVICES):
        drifted = f"{noise.NAME} after a day"
        yield _fact("programming", noise, tile, lambda noise: _drifted(noise, tile), name=drifted)
    if simulator.seeded:
        for noise in had(_READ):
            yield _fact("reading", noise, tile, lambda noise: _product(noise, tile))
    if TORCH_VARIANT in simulator.presets:
        preset = Preset(TORCH_VARIANT)
        read = f"{TORCH_VARIANT} after a day"
        yield _fact("reading", preset, tile, lambda noise: _aged(noise, tile), CONVERTED, read)


def _fact(
    kind: Kind,
    noise: Noise,
    tile: str,
    compute: Callable[[Noise], tuple[float, ...]],
    tolerance: float = ROUNDING,
    name: str = "",
) -> Fact:
    try:
        figures, reason = compute(noise), ""
        if not all(map(math.isfinite, figures)):
            figures, reason = (), "what was computed is not finite"
    except Exception as problem:  # aihwkit does not declare what its parts raise
        figures, reason = (), reason_of(problem)
    return Fact(kind, name or noise.NAME, tile, figures, tolerance, reason)


def _weight() -> Tensor:
    return numbers(_OUTPUTS, _INPUTS)


def _inputs() -> Tensor:
    return numbers(_VECTORS, _INPUTS).flip(0)


def _product(noise: Noise, tile: str) -> tuple[float, ...]:
    return summaries(product(_weight(), _inputs(), noise, tile))


def _fingerprint(noise: Noise, tile: str) -> tuple[float, ...]:
    with on_chip(_weight(), noise, tile) as (_, chip):
        return chip.fingerprint


def _drifted(noise: Noise, tile: str) -> tuple[float, ...]:
    return summaries(weights(_weight(), noise, tile, _DAY_S))


def _aged(noise: Noise, tile: str) -> tuple[float, ...]:
    aged = product(_weight(), _inputs(), noise, tile, drift_s=_DAY_S, input_range=1.0)
    return summaries(aged)
