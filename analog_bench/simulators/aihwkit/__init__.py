"""The only package that imports aihwkit: a change of its interface shows up in this folder."""

from __future__ import annotations

from aihwkit.inference import GlobalDriftCompensation, PCMLikeNoiseModel, ReRamWan2022NoiseModel
from aihwkit.inference.noise.hermes import HermesNoiseModel
from aihwkit.inference.noise.reram import ReRamCMONoiseModel
from aihwkit.simulator.parameters.enums import NoiseManagementType, WeightNoiseType

from analog_bench.simulators.aihwkit.config import (
    ADDED,
    any_preset,
    base_config,
    converters,
    periphery,
    presets,
    set_forward,
    tile_of,
    torch_variant,
    unfit,
)
from analog_bench.simulators.aihwkit.extra_devices import Exact, MeasuredDevices, StuckDevices
from analog_bench.simulators.aihwkit.inventory import content_fingerprint, take_inventory
from analog_bench.simulators.aihwkit.layer import AihwkitTiles, build, release
from analog_bench.simulators.aihwkit.preset_terms import terms_of, with_terms
from analog_bench.simulators.aihwkit.timed_ir_drop import (
    ClosedFormIrDrop,
    timed_ir_drop,
    with_shipped_ir_drop,
    with_timed_ir_drop,
)

__all__ = [
    "ADDED",
    "AihwkitTiles",
    "ClosedFormIrDrop",
    "Exact",
    "GlobalDriftCompensation",
    "HermesNoiseModel",
    "MeasuredDevices",
    "NoiseManagementType",
    "PCMLikeNoiseModel",
    "ReRamCMONoiseModel",
    "ReRamWan2022NoiseModel",
    "StuckDevices",
    "WeightNoiseType",
    "any_preset",
    "base_config",
    "build",
    "content_fingerprint",
    "converters",
    "periphery",
    "presets",
    "release",
    "set_forward",
    "take_inventory",
    "terms_of",
    "tile_of",
    "timed_ir_drop",
    "torch_variant",
    "unfit",
    "with_shipped_ir_drop",
    "with_terms",
    "with_timed_ir_drop",
]
