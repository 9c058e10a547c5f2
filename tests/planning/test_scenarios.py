"""Scenarios against what was published of the same chips in other words."""

import pytest

from analog_bench.errors import UsageError
from analog_bench.planning.adc_survey import conversion_pj
from analog_bench.planning.constants import CONSTANTS
from analog_bench.planning.scenarios import (
    COMPONENTS,
    DEFAULT_SCENARIO,
    SCENARIOS,
    find_scenarios,
    on_periphery,
)
from analog_bench.simulators.protocol import Periphery


@pytest.mark.parametrize(
    ("name", "nanojoules"),
    [
        ("hermes-1phase", 13.4),
        ("hermes-4phase", 52.9),
        ("ambrogio-tile", 26.2),
        ("ambrogio-chip", 42.3),
        ("ambrogio-system", 75.5),
    ],
)
def test_products_of_whole_tiles_take_what_was_published(name, nanojoules):
    assert SCENARIOS[name].mvm_pj / 1e3 == pytest.approx(nanojoules, rel=3e-3)


@pytest.mark.parametrize(("name", "tops"), [("hermes-1phase", 63.1), ("hermes-4phase", 16.1)])
def test_64_cores_of_hermes_reach_its_throughput(name, tops):
    chip = SCENARIOS[name]
    operations = 64 * 2 * chip.rows * chip.columns
    assert operations / chip.mvm_ns / 1e3 == pytest.approx(tops, rel=3e-3)


def test_neurram_takes_the_sum_of_its_parts():
    # CiMLoop's reference values at 8-bit inputs and 10-bit outputs, fJ an operation.
    parts = 50.52466791 + 75.85721686 + 27.50986693
    chip = SCENARIOS["neurram"]
    operations = 2 * chip.rows * chip.columns
    assert chip.mvm_pj * 1e3 / operations == pytest.approx(parts, rel=0.02)
    # 48 such cores, and the throughput that it lists for them.
    assert 48 * operations / chip.mvm_ns / 1e3 == pytest.approx(0.2638743409, rel=1e-3)


def test_components_add_up():
    # Eight cycles of 100 ns, each with 128 inputs and 128 conversions.
    tile = SCENARIOS[COMPONENTS]
    cycle = 128 * 0.417 + 128 * (1.667 + 0.021) + 128 * 128 * 0.00183
    assert tile.mvm_pj == pytest.approx(8 * cycle)
    assert tile.mvm_ns == 800.0


def test_other_tiles_have_converters_of_the_survey():
    tile = on_periphery(SCENARIOS[COMPONENTS], Periphery(512, 0, 7, 9))
    assert (tile.rows, tile.columns) == (512, 512)
    cycle = 512 * 0.417 + 512 * (conversion_pj(9, 1.28e9, 32) + 0.021) + 512 * 512 * 0.00183
    assert tile.mvm_pj == pytest.approx(7 * cycle)
    assert "512 x 512, 7-bit inputs, 9-bit outputs" in tile.title


@pytest.mark.parametrize(
    ("periphery", "wrong"),
    [
        (Periphery(512, 512, 8, 3), "output converters of 3 bits"),
        (Periphery(0, 512, 8, 8), "any number of inputs"),
    ],
)
def test_hardware_that_no_energy_is_known_of(periphery, wrong):
    with pytest.raises(UsageError, match=wrong):
        on_periphery(SCENARIOS[COMPONENTS], periphery)


def test_levels_of_one_chip_are_scenarios_of_their_own():
    levels = [SCENARIOS[f"ambrogio-{level}"] for level in ("tile", "chip", "system")]
    assert [scenario.level for scenario in levels] == ["tile", "chip", "system"]
    assert levels[0].mvm_pj < levels[1].mvm_pj < levels[2].mvm_pj


def test_every_constant_has_a_source_and_is_used():
    used = {name for scenario in SCENARIOS.values() for name in scenario.constants}
    assert used <= CONSTANTS.keys()
    for name, constant in CONSTANTS.items():
        assert constant.source, name
        assert constant.unit or name.startswith("adc_"), name
        assert constant.second_hand or not constant.source.startswith("assumed"), name


def test_scenarios_are_found_by_name():
    assert find_scenarios(()) == tuple(SCENARIOS.values())
    assert [one.name for one in find_scenarios([DEFAULT_SCENARIO, "neurram"] * 2)] == [
        DEFAULT_SCENARIO,
        "neurram",
    ]
    with pytest.raises(UsageError, match="no scenario 'nuram'; did you mean 'neurram'"):
        find_scenarios(["nuram"])
