"""Surveys the installation that this process runs in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import get_args

from analog_bench.noise import Tile
from analog_bench.simulators.physics.check import Check
from analog_bench.simulators.physics.experiment import Experiment
from analog_bench.simulators.physics.fact import Fact
from analog_bench.simulators.physics.facts import facts_of, facts_without_tiles
from analog_bench.simulators.physics.survey import Survey
from analog_bench.simulators.probe import probe


def examine(tiles: Sequence[Tile] = get_args(Tile)) -> Survey:
    """Look at everything: tile engines, exact facts, physics, presets, noise models.

    A tile engine that does not work has its reason, and no facts or checks. It takes seconds.

    Args:
        tiles: The tile engines to examine.

    Returns:
        The survey. Nothing that aihwkit may throw comes through: it becomes a reason.
    """
    here = probe()
    reasons: dict[str, str] = {tile: here.tile(tile).reason for tile in tiles}
    usable = [tile for tile in tiles if not reasons[tile]]
    survey = Survey(
        versions=here.versions,
        tiles=reasons,
        facts=tuple(_facts(usable)),
        checks=tuple(_checks(usable)),
    )
    if not usable:
        return survey
    from analog_bench.simulators import aihwkit as kit

    offered = kit.take_inventory()
    return replace(
        survey,
        presets=offered.presets,
        noise_models=offered.noise_models,
        reasons=offered.reasons,
    )


def _facts(tiles: Sequence[Tile]) -> Iterator[Fact]:
    yield from facts_without_tiles()
    for tile in tiles:
        yield from facts_of(tile)


def _checks(tiles: Sequence[Tile]) -> Iterator[Check]:
    if not tiles:
        return
    for experiment in experiments():
        for tile in tiles:
            if tile in experiment.tiles:
                yield from experiment.checks(tile)


def experiments() -> tuple[Experiment, ...]:
    """Return all experiments; aihwkit must load."""
    from analog_bench.simulators.physics import converters, hermes, pcm, reram, wires

    modules = (pcm, hermes, reram, converters, wires)
    return tuple(found for module in modules for found in module.EXPERIMENTS)
