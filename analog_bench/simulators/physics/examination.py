"""Surveys the installation that this process runs in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

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
from analog_bench.simulators.physics import devices, periphery
from analog_bench.simulators.physics.experiment import Experiment
from analog_bench.simulators.physics.specimen import (
    DAY_S,
    SEED,
    numbers,
    on_chip,
    product,
    weights,
)
from analog_bench.simulators.physics.survey import CONVERTED, ROUNDING, Check, Fact, Kind, Survey
from analog_bench.simulators.probe import probe
from analog_bench.simulators.registry import NO_TILE, find_simulator
from analog_bench.simulators.trial import reason_of
from analog_bench.simulators.versions import CPP, TORCH, TORCH_VARIANT

EXPERIMENTS: tuple[Experiment, ...] = (*devices.EXPERIMENTS, *periphery.EXPERIMENTS)
_OUTPUTS, _INPUTS, _VECTORS = 60, 80, 40
_SETTLED: tuple[Noise, ...] = (Quantise(), IrDrop(), SShape())
_DEVICES: tuple[Noise, ...] = (Pcm(), Hermes(), ReramWan2022(), ReramCmo())
_READ: tuple[Noise, ...] = (OutNoise(), InpNoise())


def examine(*tiles: str) -> Survey:
    """Look at everything: simulators, exact facts, physics, presets, noise models.

    A simulator that does not work has its reason, and no facts or checks. It takes seconds.

    Args:
        *tiles: The simulators to examine; aihwkit's where none is named.

    Returns:
        The survey. Nothing that aihwkit may throw comes through: it becomes a reason.
    """
    here = probe()
    named = tiles or (TORCH, CPP)
    status = {**{tile: find_simulator(tile).status for tile in named}, **here.tiles}
    reasons = {tile: status[tile].reason for tile in named}
    usable = [tile for tile, reason in reasons.items() if not reason]
    survey = Survey(
        versions=here.versions,
        tiles=reasons,
        facts=tuple(_facts(usable)),
        checks=tuple(_checks(usable)),
    )
    if not {TORCH, CPP}.intersection(usable):
        return survey
    import analog_bench.simulators.aihwkit as kit

    offered = kit.take_inventory()
    return replace(
        survey,
        presets=offered.presets,
        noise_models=offered.noise_models,
        reasons=offered.reasons,
    )


def _checks(tiles: Sequence[str]) -> Iterator[Check]:
    for experiment in EXPERIMENTS:
        for tile in tiles:
            if experiment.runs_on(tile):
                yield from experiment.checks(tile)


def _facts(tiles: Sequence[str]) -> Iterator[Fact]:
    """Yield what torch alone decides, its random numbers and a digital product, and the rest."""
    for name, draw in (("normal", torch.randn), ("uniform", torch.rand)):
        with seeded(SEED, torch.device("cpu")):
            yield Fact("random numbers", name, NO_TILE, summaries(draw(5000)))
    yield Fact("digital", "torch", NO_TILE, summaries(_inputs() @ _weight().T))
    for tile in tiles:
        yield from _facts_of(tile)


def _facts_of(tile: str) -> Iterator[Fact]:
    simulator = find_simulator(tile)
    yield _fact("ideal tile", Ideal(), tile, lambda noise: _product(noise, tile))

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
    return summaries(weights(_weight(), noise, tile, DAY_S))


def _aged(noise: Noise, tile: str) -> tuple[float, ...]:
    aged = product(_weight(), _inputs(), noise, tile, drift_s=DAY_S, input_range=1.0)
    return summaries(aged)
