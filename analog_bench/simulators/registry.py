"""The registry of simulators, and the cases that they reject. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping

from analog_bench.analog.compatibility import (
    IDEAL,
    check_drift,
    family_of,
    needs_input_ranges,
    preset_name,
)
from analog_bench.case import Case
from analog_bench.defining_files import note_code
from analog_bench.errors import UsageError, did_you_mean
from analog_bench.noise import Ideal, Noise, Preset
from analog_bench.noise.whole_hardware import STEPS_IN
from analog_bench.simulators import aihwkit_noises  # noqa: F401  its handlers register
from analog_bench.simulators.aihwkit_engines import CPP_TILE, TORCH_TILE
from analog_bench.simulators.lightning import Lightning
from analog_bench.simulators.protocol import Simulator

NO_TILE = "none"
"""Stands in results for a simulator if the noise needs none."""
DEFAULT_TILE = TORCH_TILE.name
"""The simulator if neither the study nor the user names one."""
_SIMULATORS: dict[str, Simulator] = {one.name: one for one in (TORCH_TILE, CPP_TILE, Lightning())}


def simulators() -> dict[str, Simulator]:
    """Return every simulator by name."""
    return dict(_SIMULATORS)


def register(simulator: Simulator) -> None:
    """Add a simulator for `--tile` and `find_simulator`.

    Raises:
        ValueError: The name is taken.
    """
    if simulator.name in _SIMULATORS:
        raise ValueError(f"two simulators are called {simulator.name!r}")
    _SIMULATORS[simulator.name] = simulator
    note_code(simulator.name, type(simulator))


def find_simulator(name: str) -> Simulator:
    """Return the simulator with this name.

    Raises:
        UsageError: There is no such simulator.
    """
    if name not in _SIMULATORS:
        raise UsageError(f"no tile {name!r}; {did_you_mean(name, _SIMULATORS)}")
    return _SIMULATORS[name]


def presets() -> Mapping[str, Simulator]:
    """Return every hardware preset with the first simulator that has it."""
    return {name: one for one in reversed(_SIMULATORS.values()) for name in one.presets}


def label_of(tile: str) -> str:
    """Return the label of a result's simulator, such as `C++ tile`; its name if unknown."""
    return _SIMULATORS[tile].label if tile in _SIMULATORS else tile


def why_unpaired(tile: str) -> str:
    """Return why chips of two runs on this tile cannot be paired; empty if they may be."""
    if tile == NO_TILE:
        return ""
    if tile not in _SIMULATORS:
        return f"the simulator {tile!r} is not registered here"
    simulator = _SIMULATORS[tile]
    return "" if simulator.seeded else f"the {simulator.label} seeds itself from the clock"


def simulator_of(case: Case) -> Simulator | None:
    """Return the simulator of a case's tiles; None if its noise does not act on tiles."""
    return find_simulator(case.tile) if case.noise.WHERE == "tile" else None


def has_input_ranges(case: Case) -> bool:
    """Return whether a case's tiles have static input ranges, to be observed or fitted."""
    simulator = simulator_of(case)
    return simulator is not None and needs_input_ranges(case.noise, case.hardware, simulator)


def check_case(noise: Noise, drift_s: float, tile: str, hardware: str) -> None:
    """Check that a case can be measured.

    Raises:
        UsageError: Hardware is named for a noise that needs no tile; the simulator lacks the
            family; the preset is unknown or belongs to another simulator; two presets are given at
            once; a term is missing; or the noise has no model for the drift time
            (`compatibility.check_drift`).
    """
    family = family_of(noise)
    if family.WHERE == "tile":
        _check_tile(family, find_simulator(tile), hardware)
    elif hardware != IDEAL:
        raise UsageError(
            f"{family.NAME} acts on no tile, so hardware {hardware!r} would change nothing; "
            f"leave it at {IDEAL!r}"
        )
    check_drift(noise, drift_s)


def _check_tile(noise: Noise, simulator: Simulator, hardware: str) -> None:
    if type(noise) not in simulator.noises:
        able = [name for name, one in _SIMULATORS.items() if type(noise) in one.noises]
        instead = f"use --tile {' or '.join(able)}" if able else "no simulator here has it"
        raise UsageError(f"{noise.NAME} cannot be had on the {simulator.label}; {instead}")
    if isinstance(noise, (Ideal, Preset)) and hardware != IDEAL:
        raise UsageError(
            f"{noise.NAME} describes the whole hardware, so it cannot start from {hardware!r}; "
            f"leave hardware at {IDEAL!r}"
        )
    preset = preset_name(noise, hardware)
    if isinstance(noise, Preset) and preset in simulator.presets:
        _check_terms(noise, simulator)
    if preset is None or preset in simulator.presets:
        return
    known = presets()
    if preset not in known:
        raise UsageError(f"no hardware preset {preset!r}; {did_you_mean(preset, known)}")
    own = f", or on the {simulator.label}: {', '.join(simulator.presets)}"
    raise UsageError(
        f"preset {preset} needs the {known[preset].label}; use --tile {known[preset].name}"
        + (own if simulator.presets else "")
    )


def _check_terms(noise: Preset, simulator: Simulator) -> None:
    has = simulator.terms.get(noise.name, ())
    for term in noise.named_terms:
        if term not in has:
            what = f"it has {', '.join(has)}" if has else "none of its terms can be switched"
            raise UsageError(f"preset {noise.name} has no term {term}; {what}")
        range_ = STEPS_IN.get(term)
        if range_ in has and range_ not in noise.named_terms:
            raise UsageError(
                f"{noise.NAME}: the term {term} needs {range_}, which its steps are shares of; "
                f"write terms={noise.terms}+{range_}"
            )
