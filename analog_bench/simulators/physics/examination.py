"""Surveys the installation that this process runs in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from analog_bench.simulators.physics.check import Check
from analog_bench.simulators.physics.experiment import Experiment
from analog_bench.simulators.physics.fact import Fact
from analog_bench.simulators.physics.facts import facts_of, facts_without_tiles
from analog_bench.simulators.physics.survey import Survey
from analog_bench.simulators.probe import probe
from analog_bench.simulators.registry import find_simulator
from analog_bench.simulators.versions import CPP, TORCH


def examine(*tiles: str) -> Survey:
    """Look at everything: tile engines, exact facts, physics, presets, noise models.

    A tile engine that does not work has its reason, and no facts or checks. It takes seconds.

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


def _facts(tiles: Sequence[str]) -> Iterator[Fact]:
    yield from facts_without_tiles()
    for tile in tiles:
        yield from facts_of(tile)


def _checks(tiles: Sequence[str]) -> Iterator[Check]:
    if not tiles:
        return
    for experiment in experiments():
        for tile in tiles:
            if experiment.runs_on(tile):
                yield from experiment.checks(tile)


def experiments() -> tuple[Experiment, ...]:
    """Return all experiments; aihwkit must load."""
    from analog_bench.simulators.physics import converters, hermes, pcm, reram, wires

    modules = (pcm, hermes, reram, converters, wires)
    return tuple(found for module in modules for found in module.EXPERIMENTS)
