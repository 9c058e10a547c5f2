"""What cannot be measured is refused in one clear line, before anything runs."""

from __future__ import annotations

import pytest

import analog_bench.analog.chip  # noqa: F401  (registers handlers)
from analog_bench.analog.compatibility import family_of, needs_input_ranges
from analog_bench.analog.noise_effects import _HANDLERS
from analog_bench.errors import UsageError
from analog_bench.noise import Ideal, families, parse_noise
from analog_bench.simulators.registry import (
    check_case,
    find_simulator,
    label_of,
    presets,
    register,
    simulators,
    why_unpaired,
)


@pytest.mark.parametrize(
    ("noise", "drift_s", "tile", "hardware"),
    [
        ("white_output", 0.0, "torch", "ideal"),
        ("pcm", 3.15e8, "cpp", "ideal"),
        ("pcm", 0.0, "torch", "StandardHWATrainingTorch"),
        ("reram_wan2022", 86_400.0, "torch", "ideal"),
        ("reram_cmo", 0.0, "cpp", "ideal"),
        ("pcm_read", 0.0, "cpp", "ideal"),
        ("preset:StandardHWATrainingPreset", 1.0, "cpp", "ideal"),
        ("preset:FloatingPointPreset", 1.0, "torch", "ideal"),
    ],
)
def test_what_makes_sense_passes(noise: str, drift_s: float, tile: str, hardware: str) -> None:
    check_case(parse_noise(noise), drift_s, tile, hardware)


@pytest.mark.parametrize(
    ("noise", "drift_s", "tile", "hardware", "words"),
    [
        (
            "pcm",
            -1.0,
            "torch",
            "ideal",
            ["a drift time must be 0 or a number of seconds from 1e-12 to 1e+12", "-1"],
        ),
        ("pcm", float("inf"), "torch", "ideal", ["a drift time must be", "inf"]),
        ("white_output", float("nan"), "torch", "ideal", ["a drift time must be", "nan"]),
        ("reram_wan2022", 0.0, "torch", "ideal", ["1s", "86400s", "172800s", "found 0s"]),
        ("reram_wan2022", 3600.0, "torch", "ideal", ["1s", "86400s", "found 3600s"]),
        ("reram_cmo", 1e-7, "torch", "ideal", ["below 1e-06s", "found 1e-07s"]),
        ("pcm_read", 0.0, "torch", "ideal", ["pcm_read", "torch tile", "--tile cpp"]),
        ("s_shape", 0.0, "torch", "ideal", ["s_shape", "torch tile", "--tile cpp"]),
        ("white_output", 0.0, "torch", "FloatingPointPreset", ["no tile", "'ideal'"]),
        ("white_weight", 0.0, "torch", "FloatingPointPreset", ["no tile", "'ideal'"]),
        ("ideal", 0.0, "torch", "FloatingPointPreset", ["ideal", "whole hardware"]),
        ("preset", 0.0, "torch", "FloatingPointPreset", ["preset", "whole hardware"]),
        ("preset:StandardHWATraining", 0.0, "torch", "ideal", ["did you mean", "Standard"]),
        ("pcm", 0.0, "torch", "FloatingPointPrest", ["did you mean 'FloatingPointPreset'?"]),
        (
            "preset:StandardHWATrainingPreset",
            0.0,
            "torch",
            "ideal",
            ["needs the C++ tile", "--tile cpp", "StandardHWATrainingTorch"],
        ),
        ("pcm", 0.0, "cpp", "StandardHWATrainingTorch", ["needs the torch tile", "--tile torch"]),
    ],
)
def test_the_rest_is_one_clear_line(
    noise: str, drift_s: float, tile: str, hardware: str, words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        check_case(parse_noise(noise), drift_s, tile, hardware)
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text


def test_input_ranges_are_needed_exactly_where_aihwkit_enables_them() -> None:
    kit = pytest.importorskip("analog_bench.simulators.aihwkit")
    for name, simulator in presets().items():
        enabled = "input_range" in kit.terms_of(kit.base_config(simulator.name, name))
        assert needs_input_ranges(parse_noise(f"preset:{name}"), "ideal", simulator) == enabled
        assert needs_input_ranges(parse_noise("pcm"), name, simulator) == enabled
    assert not needs_input_ranges(parse_noise("pcm"), "ideal", find_simulator("torch"))


def test_every_family_is_had_somewhere() -> None:
    known = simulators().values()
    for family in families().values():
        acting = type(family_of(family()))
        on_tiles = any(acting in simulator.noises for simulator in known)
        assert on_tiles == (acting.WHERE == "tile")
        assert (acting in _HANDLERS) == (acting.WHERE != "tile")


def test_every_simulator_is_found_by_its_name() -> None:
    for name, simulator in simulators().items():
        assert find_simulator(name) is simulator
        assert label_of(name) == simulator.label
        assert Ideal in simulator.noises
    with pytest.raises(UsageError, match="no tile 'torhc'; did you mean 'torch'"):
        find_simulator("torhc")
    with pytest.raises(ValueError, match="two simulators are called 'torch'"):
        register(find_simulator("torch"))
    simulators().clear()
    assert "torch" in simulators()


def test_what_is_not_known_to_be_seeded_is_not_paired() -> None:
    assert why_unpaired("none") == why_unpaired("torch") == ""
    assert why_unpaired("cpp") == "the C++ tile seeds itself from the clock"
    assert why_unpaired("gone") == "the simulator 'gone' is not registered here"
    assert label_of("gone") == "gone"
