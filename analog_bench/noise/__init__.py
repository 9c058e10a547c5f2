"""Noise families: frozen dataclasses that describe non-idealities by physical parameters.

A family defines *what* happens, with units and a source; `analog_bench.analog` and the simulators
define *how*. This package imports neither torch nor aihwkit, so thousands of cases are collected in
milliseconds.
"""

from analog_bench.noise.digital_arithmetic import Int8
from analog_bench.noise.equal_error import EqualError
from analog_bench.noise.measured import Measured
from analog_bench.noise.memory_cells import (
    Hermes,
    Pcm,
    ReramCmo,
    ReramWan2022,
    Stuck,
)
from analog_bench.noise.noise_family import (
    Noise,
    Where,
    check_noise,
    families,
    family,
    find_family,
    parse_noise,
)
from analog_bench.noise.periphery import (
    InpNoise,
    IrDrop,
    IrDropShipped,
    OutNoise,
    PcmRead,
    Quantise,
    SShape,
)
from analog_bench.noise.white import WhiteOutput, WhiteOutputRel, WhiteWeight
from analog_bench.noise.whole_hardware import Ideal, Preset

__all__ = [
    "EqualError",
    "Hermes",
    "Ideal",
    "InpNoise",
    "Int8",
    "IrDrop",
    "IrDropShipped",
    "Measured",
    "Noise",
    "OutNoise",
    "Pcm",
    "PcmRead",
    "Preset",
    "Quantise",
    "ReramCmo",
    "ReramWan2022",
    "SShape",
    "Stuck",
    "Where",
    "WhiteOutput",
    "WhiteOutputRel",
    "WhiteWeight",
    "check_noise",
    "families",
    "family",
    "find_family",
    "parse_noise",
]
