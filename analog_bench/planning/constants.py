"""Every constant of the energy model, with its unit and where it was published."""

from __future__ import annotations

from dataclasses import dataclass

_HERMES = "Le Gallo et al., Nature Electronics, 2023"
_AMBROGIO = "Ambrogio et al., Nature, 2023"
_NEURRAM = "Wan et al., Nature, 2022, as CiMLoop's reference values have it"
_ISAAC = "Shafiee et al., ISCA, 2016"
_ISAAC_LIBRARY = f"{_ISAAC}, as hwcomponents-library has it"
_AON = "Zhou et al., AnalogNets, arXiv 2111.06503, 2021"
_TPU = "TPU v4i (Jouppi et al., ISCA, 2021), as AccelForge's reference values have it"
_JOUPPI = "Jouppi et al., ISCA, 2021, table of operations at 7 nm"
_SURVEY = "Andrulis et al., arXiv 2404.06553, 2024, as hwcomponents-adc 1.0.21 has it"


@dataclass(frozen=True)
class Constant:
    """A published number.

    Attributes:
        value: The number.
        unit: Its unit.
        source: Author, venue, year.
        second_hand: Whether it was taken from another source than the one named; never used as a
            gate.
    """

    value: float
    unit: str
    source: str
    second_hand: bool = False


CONSTANTS: dict[str, Constant] = {
    # Whole tiles at work, with 8-bit inputs and outputs unless stated otherwise.
    "hermes_1phase": Constant(9.76, "TOPS/W", _HERMES),
    "hermes_1phase_mvm": Constant(133.0, "ns", _HERMES),
    "hermes_4phase": Constant(2.48, "TOPS/W", _HERMES),
    "hermes_4phase_mvm": Constant(521.0, "ns", _HERMES),
    "ambrogio_tile": Constant(20.0, "TOPS/W", _AMBROGIO, second_hand=True),
    "ambrogio_chip": Constant(12.4, "TOPS/W", _AMBROGIO),
    "ambrogio_system": Constant(6.94, "TOPS/W", _AMBROGIO, second_hand=True),
    "neurram": Constant(6.44, "TOPS/W", _NEURRAM),
    # 48 cores of 128 x 256 weights compute 0.264 TOPS.
    "neurram_mvm": Constant(11_920.0, "ns", _NEURRAM),
    "aon_8bit": Constant(8.55, "TOPS/W", _AON, second_hand=True),
    "aon_6bit": Constant(26.55, "TOPS/W", _AON, second_hand=True),
    "aon_4bit": Constant(56.67, "TOPS/W", _AON, second_hand=True),
    # Components at 32 nm; inputs go in one bit a cycle.
    "isaac_adc": Constant(1.667, "pJ", _ISAAC_LIBRARY),
    "isaac_dac": Constant(0.417, "pJ", _ISAAC_LIBRARY),
    "isaac_shift_add": Constant(0.021, "pJ", _ISAAC_LIBRARY),
    # 2.4 mW for 8 arrays of 128 x 128 cells, for 100 ns.
    "isaac_cell": Constant(0.00183, "pJ", _ISAAC, second_hand=True),
    "isaac_cycle": Constant(100.0, "ns", _ISAAC_LIBRARY),
    "isaac_edram": Constant(0.080, "pJ/bit", _ISAAC_LIBRARY),
    "isaac_router": Constant(0.081, "pJ/bit", _ISAAC_LIBRARY),
    # Digital arithmetic and memory at 7 nm.
    "mac_int8": Constant(0.084, "pJ", _TPU),
    "mac_fp16": Constant(0.50, "pJ", _JOUPPI, second_hand=True),
    "multiply": Constant(0.07, "pJ", f"{_JOUPPI}, INT8", second_hand=True),
    "add": Constant(0.03, "pJ", f"{_JOUPPI}, INT32", second_hand=True),
    "exponential": Constant(
        16.9, "pJ", f"assumed: ten FP32 multiply-adds of {_JOUPPI}", second_hand=True
    ),
    "normalised_value": Constant(
        1.5, "pJ", f"assumed: three FP16 multiply-adds of {_JOUPPI}", second_hand=True
    ),
    "sram": Constant(0.249, "pJ/bit", f"{_TPU}, 4 MB"),
    "large_sram": Constant(1.88, "pJ/bit", f"{_TPU}, 128 MB"),
    "dram": Constant(7.03, "pJ/bit", _TPU),
    # ADCs; see `adc_survey`.
    "adc_fom_rate": Constant(-2.8719, "dB", _SURVEY),
    "adc_fom_intercept": Constant(213.7807, "dB", _SURVEY),
    "adc_fom_bits": Constant(3.220512, "dB/bit", _SURVEY),
    "adc_fom_zero": Constant(128.30683, "dB", _SURVEY),
    "adc_node_power": Constant(1.88003692, "", _SURVEY),
    "adc_bits_power": Constant(-2.82912561, "", _SURVEY),
    "adc_log_scale": Constant(24.57941937, "", _SURVEY),
}
"""By name; an energy is per operation."""

MEAN_ERROR, LARGEST_ERROR = 0.28, 0.70
"""Errors of models with fixed energies per component, against NeuroSim.

They are from CiMLoop's paper (Andrulis et al., ISPASS, 2024).
"""


def value_of(name: str) -> float:
    """Return a constant's value, in its own unit."""
    return CONSTANTS[name].value
