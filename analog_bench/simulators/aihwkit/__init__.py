"""aihwkit, behind one door: nothing else in this project imports it.

A change of aihwkit's interface therefore shows up in this folder.
"""

from __future__ import annotations

from aihwkit.inference import (
    GlobalDriftCompensation,
    PCMLikeNoiseModel,
    ReRamWan2022NoiseModel,
)
from aihwkit.inference.noise.hermes import HermesNoiseModel
from aihwkit.inference.noise.reram import ReRamCMONoiseModel
from aihwkit.simulator.parameters.enums import (
    BoundManagementType,
    NoiseManagementType,
    WeightNoiseType,
)

from analog_bench.simulators.aihwkit.config import (
    base_config,
    converters,
    draws_once,
    has_input_range,
    presets,
    reads_randomly,
    set_forward,
    tile_of,
    torch_variant,
)
from analog_bench.simulators.aihwkit.devices import Exact, StuckDevices
from analog_bench.simulators.aihwkit.inventory import Inventory, take_inventory
from analog_bench.simulators.aihwkit.layer import (
    AihwkitTiles,
    build,
    programmed,
    release,
    set_input_ranges,
)
from analog_bench.simulators.aihwkit.wires import (
    ClosedFormIrDrop,
    IrDropTile,
    timed_ir_drop,
    with_timed_ir_drop,
)

__all__ = [
    "AihwkitTiles",
    "BoundManagementType",
    "ClosedFormIrDrop",
    "Exact",
    "GlobalDriftCompensation",
    "HermesNoiseModel",
    "Inventory",
    "IrDropTile",
    "NoiseManagementType",
    "PCMLikeNoiseModel",
    "ReRamCMONoiseModel",
    "ReRamWan2022NoiseModel",
    "StuckDevices",
    "WeightNoiseType",
    "base_config",
    "build",
    "converters",
    "draws_once",
    "has_input_range",
    "presets",
    "programmed",
    "reads_randomly",
    "release",
    "set_forward",
    "set_input_ranges",
    "take_inventory",
    "tile_of",
    "timed_ir_drop",
    "torch_variant",
    "with_timed_ir_drop",
]
