"""Hardware of a user's own: a function in a Python file that returns a configuration of aihwkit's.

    def preset():
        return TorchInferenceRPUConfig(forward=IOParameters(out_noise=0.1))

`my_hardware.py:preset` names it on the command line. Results name it
`my_hardware.py:preset@1f3a9c2e-77b0d1e4`: with the fingerprints of the file and of what the
function returned, so that changed hardware is other hardware.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analog_bench.analog.compatibility import IDEAL, family_of, preset_name
from analog_bench.case import Case
from analog_bench.content_name import content_name
from analog_bench.defining_files import note_file
from analog_bench.errors import UsageError, did_you_mean
from analog_bench.noise import Noise, Preset
from analog_bench.planning.scenarios import COMPONENTS, SCENARIOS, Scenario, on_periphery
from analog_bench.session.extension import mistakes_in, read_own, run_file
from analog_bench.simulators.added_hardware import add_hardware, add_preset
from analog_bench.simulators.registry import find_simulator, presets
from analog_bench.value_checks import one_of

_LOADED: dict[tuple[str, str], str] = {}


def load_hardware(hardware: str) -> str:
    """Return the name under which simulators know some hardware, after loading it if needed.

    That is a function in a user's file, relative to the current folder, or a preset of this
    aihwkit's that is not listed in `registry.presets`. Any other name comes back as it is.
    UsageError where the function is not there, raises, or returns no inference tiles.
    """
    if hardware == IDEAL or hardware in presets():
        return hardware
    if not _is_own(hardware):
        add_preset(hardware)
        return hardware
    file, colon, function = hardware.rpartition(":")
    path = Path(file if colon else hardware)
    module = run_file(path)
    key = (module.__name__, function)
    if key not in _LOADED:
        known = [
            name
            for name, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module.__name__
        ]
        if not colon:
            raise UsageError(f"hardware {hardware} names no function; write {path}:FUNCTION")
        if function not in known:
            raise UsageError(
                f"{path} has no function {function!r}; {did_you_mean(function, known)}"
            )
        with mistakes_in(path):
            config = getattr(module, function)()
        name = f"{path.name}:{function}{_stamp(path)}"
        _LOADED[key] = add_hardware(name, config, fingerprint=True)
        note_file(_LOADED[key], path, read_own(path))
    return _LOADED[key]


def read_hardware(word: str) -> str:
    """Return what `--hardware` names, or raise UsageError; a user's file is read with the cases."""
    if _is_own(word):
        return word
    return one_of("--hardware", load_hardware(word), (IDEAL, *presets()))


def with_hardware(case: Case, *, tile: bool) -> Case:
    """Return a case on its hardware by the name that simulators know; see `load_hardware`.

    Where its `tile` was not chosen, it is the engine of the hardware.
    """
    noise = case.noise
    if noise.WHERE != "tile":
        return case
    if isinstance(noise, Preset):
        noise = replace(noise, name=load_hardware(noise.name))
    case = replace(case, noise=noise, hardware=load_hardware(case.hardware))
    engine = presets().get(preset_name(noise, case.hardware) or IDEAL)
    return case if tile or engine is None else replace(case, tile=engine.name)


def resolve_hardware(hardware: str) -> str:
    """Return the name under which simulators know hardware of any kind; raises UsageError."""
    return load_hardware(read_hardware(hardware))


def with_periphery(scenarios: Sequence[Scenario], hardware: str) -> tuple[Scenario, ...]:
    """Return scenarios of energy with the component tile as this hardware has it.

    UsageError where no scenario is of components, or the energy of this hardware is not known.
    """
    if not any(scenario.name == COMPONENTS for scenario in scenarios):
        raise UsageError(
            f"--hardware is for the scenario {COMPONENTS}; measured chips have tiles of their own"
        )
    name = resolve_hardware(hardware)
    if name == IDEAL:
        raise UsageError(f"hardware {IDEAL} has perfect converters, whose energy is not known")
    tile = on_periphery(SCENARIOS[COMPONENTS], presets()[name].periphery(name))
    return tuple(tile if one.name == COMPONENTS else one for one in scenarios)


def try_own(cases: list[Case]) -> None:
    """Refuse own hardware on which a small layer cannot be built, programmed, drifted and read.

    The UsageError says what the simulator, or the user's code in it, has against it.
    """
    tried = {(family_of(case.noise), case.drift_s, case.tile, case.hardware) for case in cases}
    for noise, drift_s, tile, hardware in tried:
        name, simulator = preset_name(noise, hardware), find_simulator(tile)
        if name in _LOADED.values() and simulator.status.usable:
            # Not at the top: it imports torch.
            from analog_bench.simulators.engine_trial import try_hardware

            problem = try_hardware(simulator, noise, hardware, drift_s)
            if problem:
                raise UsageError(f"hardware {name} cannot be used: {problem}")


def spelt_with_content(word: str, noise: Noise | None = None) -> str:
    """Return an option's word as a run's manifest has it, so that `--resume` sees changed files.

    The word is a hardware, or a noise that is given, too. UsageError where it names a file that is
    there and cannot be read.
    """
    if noise is not None and "@" in str(noise):
        return str(noise)
    own = noise.name if isinstance(noise, Preset) else word if noise is None else ""
    path = Path(own.rpartition(":")[0])
    return word + _stamp(path) if _is_own(own) and os.path.lexists(path) else word


def _is_own(hardware: str) -> bool:
    return ".py:" in hardware or hardware.endswith(".py")


def _stamp(path: Path) -> str:
    return content_name(path, read_own(path)).removeprefix(path.name)
