"""What a token takes on analog hardware in the cases of a run that put a whole model on tiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from analog_bench.planning.energy import ModelEnergy, model_energy
from analog_bench.planning.scenarios import DEFAULT_SCENARIO, SCENARIOS
from analog_bench.records import Result
from analog_bench.report.energy_table import energy_text
from analog_bench.report.table import Column, Spelling, number
from analog_bench.simulators.registry import NO_TILE
from analog_bench.zoo.model_shape import ModelShape

_WHOLE = ("all", "blocks")


def is_whole(result: Result) -> bool:
    """Whether a result is of a model with all matrix multiplications, or its blocks', on tiles."""
    return result.group in _WHOLE and result.tile != NO_TILE


def energy_of(result: Result, shapes: Mapping[str, ModelShape]) -> ModelEnergy | None:
    """Return what an inference takes under the usual scenario with the result's layers on tiles.

    None where these are not a whole model, or its shape is not known.
    """
    shape = shapes.get(result.model)
    if shape is None or not is_whole(result):
        return None
    everything = result.group == "all"
    analog = {x.name for x in shape.layers if everything or x.block is not None}
    return model_energy(shape, SCENARIOS[DEFAULT_SCENARIO], analog)


def energy_columns(
    results: Iterable[Result], shapes: Mapping[str, ModelShape]
) -> list[tuple[Column, Spelling[Result]]]:
    """Return the column of energies a token under the usual scenario; none where none is known."""

    def spell(result: Result) -> str:
        energy = energy_of(result, shapes)
        return "" if energy is None else energy_text(energy.pj_per_token / 1e3)

    return [number("nJ/token", spell)] if any(map(spell, results)) else []
