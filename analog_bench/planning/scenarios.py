"""The hardware for which energy can be estimated: measured chips, and a tile made of components.

Figures of a tile at its peak, of a chip at work and of a whole system differ. Each scenario is at
one of these levels, and the digital parts beside it are charged at the same level.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.planning.adc_survey import FEWEST_BITS, conversion_pj
from analog_bench.planning.constants import CONSTANTS, value_of
from analog_bench.simulators.protocol import Periphery

Level = Literal["tile", "chip", "system"]

COMPONENTS = "components"
"""Name of the scenario whose tile can be changed."""
FAR_MEMORY: dict[Level, str] = {"tile": "sram", "chip": "large_sram", "system": "dram"}
"""Source of weights and cached values of digital parts, by level, as names of constants."""
_NODE_NM = 32.0
# ISAAC's converter serves 128 columns within a cycle.
_CONVERSIONS_HZ = 128 / 100e-9


@dataclass(frozen=True)
class Scenario:
    """Analog hardware with the cost of one matrix-vector product on a whole tile.

    Attributes:
        name: The name that users type.
        title: A description.
        level: What its energy covers.
        rows: Inputs of a tile, in weights.
        columns: Outputs of a tile.
        mvm_pj: Energy of a product, in pJ, whatever share of the tile is used.
        mvm_ns: Time of a product, in ns; None if not published.
        near_pj_per_bit: Energy of moving inputs to a tile and outputs from it, in pJ per bit.
        constants: Names in `constants.CONSTANTS` that it rests on.
    """

    name: str
    title: str
    level: Level
    rows: int
    columns: int
    mvm_pj: float
    mvm_ns: float | None
    near_pj_per_bit: float
    constants: tuple[str, ...]

    @property
    def second_hand(self) -> bool:
        """Whether it rests on a figure that was not read in its source."""
        return any(CONSTANTS[name].second_hand for name in self.constants)

    @property
    def source(self) -> str:
        """Where it was published."""
        return CONSTANTS[self.constants[0]].source


def component_tile(periphery: Periphery, adc_pj: float) -> tuple[float, float]:
    """Return the energy in pJ and time in ns of a product on a tile of ISAAC's components.

    Inputs are applied bit by bit. With R rows and C columns, each of these cycles takes

        R·e_DAC + C·(e_ADC + e_shift_add) + R·C·e_cell

    One cell holds one weight.
    """
    rows, columns, bits, _ = periphery
    cycle_pj = (
        rows * value_of("isaac_dac")
        + columns * (adc_pj + value_of("isaac_shift_add"))
        + rows * columns * value_of("isaac_cell")
    )
    return bits * cycle_pj, bits * value_of("isaac_cycle")


def on_periphery(scenario: Scenario, periphery: Periphery) -> Scenario:
    """Return the component scenario with another tile, whose converters come from Murmann's survey.

    A tile with unlimited outputs is taken to be square, as on chips.

    Raises:
        UsageError: The inputs are unlimited, or the survey does not cover the output converters.
    """
    if not periphery.inputs:
        raise UsageError(
            "the tiles of this hardware take any number of inputs, and none such can be built; "
            "name hardware with a max_input_size"
        )
    periphery = periphery._replace(outputs=periphery.outputs or periphery.inputs)
    if periphery.output_bits < FEWEST_BITS:
        raise UsageError(
            f"output converters of {periphery.output_bits} bits are outside of the survey that "
            f"energies come from; name hardware with {FEWEST_BITS} bits or more"
        )
    adc_pj = conversion_pj(periphery.output_bits, _CONVERSIONS_HZ, _NODE_NM)
    mvm_pj, mvm_ns = component_tile(periphery, adc_pj)
    return replace(
        scenario,
        title=(
            f"components at 32 nm, tiles of {periphery.inputs} x {periphery.outputs}, "
            f"{periphery.input_bits}-bit inputs, {periphery.output_bits}-bit outputs"
        ),
        rows=periphery.inputs,
        columns=periphery.outputs,
        mvm_pj=mvm_pj,
        mvm_ns=mvm_ns,
    )


def find_scenarios(names: Iterable[str]) -> tuple[Scenario, ...]:
    """Return scenarios by name, in that order, each once; all where none is named.

    Raises:
        UsageError: There is no such scenario.
    """
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in SCENARIOS:
            raise UsageError(f"no scenario {name!r}; {did_you_mean(name, SCENARIOS)}")
    return tuple(SCENARIOS[name] for name in wanted or SCENARIOS)


def _chip(
    name: str,
    title: str,
    level: Level,
    tile: tuple[int, int],
    efficiency: str,
    time: str | None = None,
) -> Scenario:
    """Return a chip, with the energy of a product on a whole tile from its published efficiency."""
    rows, columns = tile
    return Scenario(
        name=name,
        title=title,
        level=level,
        rows=rows,
        columns=columns,
        mvm_pj=2 * rows * columns / value_of(efficiency),
        mvm_ns=value_of(time) if time else None,
        near_pj_per_bit=value_of("sram"),
        constants=(efficiency, time) if time else (efficiency,),
    )


def _components() -> Scenario:
    periphery = Periphery(inputs=128, outputs=128, input_bits=8, output_bits=8)
    mvm_pj, mvm_ns = component_tile(periphery, value_of("isaac_adc"))
    return Scenario(
        name=COMPONENTS,
        title="components at 32 nm (ISAAC), tiles of 128 x 128, 8-bit inputs and outputs",
        level="tile",
        rows=periphery.inputs,
        columns=periphery.outputs,
        mvm_pj=mvm_pj,
        mvm_ns=mvm_ns,
        near_pj_per_bit=value_of("isaac_edram") + value_of("isaac_router"),
        constants=("isaac_adc", "isaac_dac", "isaac_shift_add", "isaac_cell", "isaac_cycle"),
    )


_HERMES = "HERMES, PCM at 14 nm, 64 cores"
_AMBROGIO = "34-tile chip, PCM at 14 nm"
_NEURRAM = "NeuRRAM, RRAM at 130 nm, 8-bit inputs, 10-bit outputs"
_AON = "AON-CiM, PCM at 14 nm, simulated"
_BY_HERMES, _BY_AMBROGIO, _BY_AON = (256, 256), (512, 512), (1024, 512)
_BY_NEURRAM = (128, 256)  # two of its 256 x 256 cells hold a weight
_ALL = (
    _chip(
        "hermes-1phase", f"{_HERMES}, fast read", "chip", _BY_HERMES,
        "hermes_1phase", "hermes_1phase_mvm",
    ),
    _chip(
        "hermes-4phase", f"{_HERMES}, precise read", "chip", _BY_HERMES,
        "hermes_4phase", "hermes_4phase_mvm",
    ),
    _chip("ambrogio-tile", f"{_AMBROGIO}, tile peak", "tile", _BY_AMBROGIO, "ambrogio_tile"),
    _chip("ambrogio-chip", f"{_AMBROGIO}, sustained", "chip", _BY_AMBROGIO, "ambrogio_chip"),
    _chip("ambrogio-system", f"{_AMBROGIO}, system", "system", _BY_AMBROGIO, "ambrogio_system"),
    _chip("neurram", _NEURRAM, "chip", _BY_NEURRAM, "neurram", "neurram_mvm"),
    _components(),
    _chip("aon-8bit", f"{_AON}, 8-bit activations", "chip", _BY_AON, "aon_8bit"),
    _chip("aon-6bit", f"{_AON}, 6-bit activations", "chip", _BY_AON, "aon_6bit"),
    _chip("aon-4bit", f"{_AON}, 4-bit activations", "chip", _BY_AON, "aon_4bit"),
)  # fmt: skip
SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
"""By name."""
DEFAULT_SCENARIO = "hermes-4phase"
"""The default scenario.

It is the mode in which HERMES' accuracies were measured and aihwkit's `HermesNoiseModel` was
fitted.
"""
