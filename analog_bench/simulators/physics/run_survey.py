"""Surveys the installation that this process runs in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from analog_bench.analog.random_draws import seeded, summaries
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
from analog_bench.simulators.engine_trial import reason_of
from analog_bench.simulators.environment_probe import probe
from analog_bench.simulators.physics import device_experiments as devices
from analog_bench.simulators.physics import periphery_experiments as periphery
from analog_bench.simulators.physics.experiment import Experiment
from analog_bench.simulators.physics.specimen import DAY_S, SEED, numbers, on_chip, product, weights
from analog_bench.simulators.physics.survey_record import CONVERTED, ROUNDING, Fact, Kind, Survey
from analog_bench.simulators.registry import NO_TILE, find_simulator
from analog_bench.simulators.versions import CPP, TORCH, TORCH_VARIANT

EXPERIMENTS: tuple[Experiment, ...] = (*devices.EXPERIMENTS, *periphery.EXPERIMENTS)
_WEIGHT, _X = numbers(60, 80), numbers(40, 80).flip(0)
_DEVICES: tuple[Noise, ...] = (Pcm(), Hermes(), ReramWan2022(), ReramCmo())
_Compute = Callable[[Noise, str], tuple[float, ...]]


def examine(*tiles: str) -> Survey:
    """Look at everything: simulators, exact facts, physics, presets, noise models.

    It examines aihwkit's simulators unless others are named, and takes seconds. A simulator that
    does not work has its reason, and no facts or checks; whatever aihwkit throws becomes a reason,
    too.
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
        checks=tuple(
            check
            for experiment in EXPERIMENTS
            for tile in usable
            if experiment.runs_on(tile)
            for check in experiment.checks(tile)
        ),
    )
    if not {TORCH, CPP}.intersection(usable):
        return survey
    import analog_bench.simulators.aihwkit as kit

    return replace(survey, **vars(kit.take_inventory()))


def _facts(tiles: Sequence[str]) -> Iterator[Fact]:
    for name, draw in (("normal", torch.randn), ("uniform", torch.rand)):
        with seeded(SEED, torch.device("cpu")):
            yield Fact("random numbers", name, NO_TILE, summaries(draw(5000)))
    yield Fact("digital", "torch", NO_TILE, summaries(_X @ _WEIGHT.T))
    for tile in tiles:
        yield from _facts_of(tile)


def _facts_of(tile: str) -> Iterator[Fact]:
    simulator = find_simulator(tile)
    preset = (Preset(TORCH_VARIANT),) if TORCH_VARIANT in simulator.presets else ()
    later = " after a day"
    plan: tuple[tuple[Kind, tuple[Noise, ...], _Compute, float, str], ...] = (
        ("ideal tile", (Ideal(),), _product, ROUNDING, ""),
        ("deterministic", (Quantise(), IrDrop(), SShape()), _product, CONVERTED, ""),
        ("programming", _DEVICES, _fingerprint, ROUNDING, ""),
        ("programming", _DEVICES, _drifted, ROUNDING, later),
        ("reading", (OutNoise(), InpNoise()) if simulator.seeded else (), _product, ROUNDING, ""),
        ("reading", preset, _aged, CONVERTED, later),
    )
    for kind, noises, compute, tolerance, when in plan:
        for noise in noises:
            if type(noise) in simulator.noises:
                name = noise.name if isinstance(noise, Preset) else noise.NAME
                figures, reason = _computed(compute, noise, tile)
                yield Fact(kind, name + when, tile, figures, tolerance, reason)


def _computed(compute: _Compute, noise: Noise, tile: str) -> tuple[tuple[float, ...], str]:
    try:
        figures = compute(noise, tile)
    except Exception as problem:  # aihwkit does not declare what its parts raise
        return (), reason_of(problem)
    finite = all(map(math.isfinite, figures))
    return (figures, "") if finite else ((), "what was computed is not finite")


def _product(noise: Noise, tile: str) -> tuple[float, ...]:
    return summaries(product(_WEIGHT, _X, noise, tile))


def _fingerprint(noise: Noise, tile: str) -> tuple[float, ...]:
    with on_chip(_WEIGHT, noise, tile) as (_, chip):
        return chip.fingerprint


def _drifted(noise: Noise, tile: str) -> tuple[float, ...]:
    return summaries(weights(_WEIGHT, noise, tile, DAY_S))


def _aged(noise: Noise, tile: str) -> tuple[float, ...]:
    return summaries(product(_WEIGHT, _X, noise, tile, drift_s=DAY_S, input_range=1.0))
