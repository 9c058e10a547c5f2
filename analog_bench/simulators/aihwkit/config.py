"""Configurations of tiles: presets, ideal hardware, and changes to either."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import math
from typing import Any

from aihwkit.simulator import presets as all_presets
from aihwkit.simulator.configs import InferenceRPUConfig, TorchInferenceRPUConfig
from aihwkit.simulator.parameters import IOParameters, MappingParameter
from aihwkit.simulator.parameters.enums import (
    BoundManagementType,
    NoiseManagementType,
    WeightNoiseType,
)
from aihwkit.simulator.presets import inference as presets_module

from analog_bench.analog.compatibility import IDEAL
from analog_bench.analog.input_ranges import BATCHES, STD_ALPHA, Converters
from analog_bench.errors import UsageError
from analog_bench.simulators.aihwkit.extra_devices import Exact
from analog_bench.simulators.protocol import Periphery
from analog_bench.simulators.versions import CPP, TORCH, TORCH_VARIANT

_CONFIGS: dict[str, Any] = {TORCH: TorchInferenceRPUConfig, CPP: InferenceRPUConfig}
ADDED: dict[str, Any] = {}
"""Configurations by name beside the presets that this project lists, such as a user's own."""


def presets() -> dict[str, type]:
    """Return aihwkit's inference presets by name."""
    return {
        name: cls
        for name, cls in inspect.getmembers(presets_module, inspect.isclass)
        if issubclass(cls, InferenceRPUConfig) and cls.__module__ == presets_module.__name__
    }


def any_preset(name: str) -> Any | None:
    """Make the preset of that name, be it of inference, training or a device; None without one."""
    cls = getattr(all_presets, name, None)
    return cls() if inspect.isclass(cls) else None


def unfit(config: Any) -> str:
    """Say what keeps an object from being the configuration of inference tiles; empty if nothing.

    It completes a sentence that begins with the object's name.
    """
    kind = config.__name__ if inspect.isclass(config) else type(config).__name__
    if inspect.isclass(config):
        return f"is the class {kind} and no configuration; write {kind}()"
    if not isinstance(config, InferenceRPUConfig):
        trains = hasattr(config, "tile_class")
        what = "is for training on devices" if trains else "is no configuration of tiles"
        return (
            f"{what} ({kind}); use a TorchInferenceRPUConfig or an InferenceRPUConfig, such as the "
            "presets that `analog-bench hardware` lists"
        )
    rule = config.pre_post.input_range
    for term, usual in (("init_std_alpha", STD_ALPHA), ("init_from_data", BATCHES)):
        if rule.enable and getattr(rule, term) != usual:
            return (
                f"has pre_post.input_range.{term} = {getattr(rule, term)!r}, and input ranges are "
                f"observed with {usual:g} here; leave it at that, or enable = False"
            )
    return ""


def tile_of(config: Any) -> str:
    """Return the tile engine that a configuration (or its class) asks for."""
    cls = config if inspect.isclass(config) else type(config)
    return TORCH if issubclass(cls, TorchInferenceRPUConfig) else CPP


def base_config(tile: str, hardware: str) -> Any:
    """Return a new configuration for a handler to modify: a preset's, or `ideal`.

    Ideal hardware has perfect converters, weights mapped by output column to a largest magnitude of
    1, tiles of at most 512 x 512, bias in digital, devices that neither scatter nor drift, no
    compensation and no input range.
    """
    if hardware in ADDED:
        return copy.deepcopy(ADDED[hardware])
    if hardware == TORCH_VARIANT:
        return torch_variant()
    if hardware != IDEAL:
        return presets()[hardware]()
    return _CONFIGS[tile](
        mapping=MappingParameter(
            weight_scaling_omega=1.0,
            weight_scaling_columnwise=True,
            digital_bias=True,
            max_input_size=512,
            max_output_size=512,
        ),
        forward=IOParameters(is_perfect=True),
        noise_model=Exact(),
        drift_compensation=None,
    )


def torch_variant() -> Any:
    """Return `StandardHWATrainingPreset` for the torch tile: without `w_noise` and `ir_drop`.

    The torch tile refuses these two terms. Everything else is the preset's.
    """
    preset = presets_module.StandardHWATrainingPreset()
    forward = dataclasses.replace(
        preset.forward, w_noise=0.0, w_noise_type=WeightNoiseType.NONE, ir_drop=0.0
    )
    return as_class(preset, TorchInferenceRPUConfig, forward)


def set_forward(config: Any, **terms: Any) -> Any:
    """Change terms of the forward pass; a perfect one first becomes exact, term by term.

    Largest input and largest weight are 1 then: inputs are scaled by the largest magnitude of
    each vector, and nothing is clipped, rounded or noisy but what `terms` say.
    """
    if config.forward.is_perfect:
        config.forward = IOParameters(
            inp_bound=1.0,
            inp_res=-1.0,
            out_bound=0.0,
            out_res=-1.0,
            out_noise=0.0,
            noise_management=NoiseManagementType.ABS_MAX,
            bound_management=BoundManagementType.NONE,
        )
    config.forward = dataclasses.replace(config.forward, **terms)
    return config


def reads_randomly(config: Any) -> bool:
    """Return whether a matrix-vector product draws random numbers."""
    io = config.forward
    return not io.is_perfect and (
        max(io.out_noise, io.out_noise_std, io.inp_noise, io.v_offset_std) > 0
        or (io.w_noise > 0 and io.w_noise_type != WeightNoiseType.NONE)
        or (io.out_nonlinearity > 0 and io.out_nonlinearity_std > 0)
        or io.w_read_asymmetry_dtod > 0
        or io.inp_sto_round
        or io.out_sto_round
        or getattr(io, "apply_xdep_pcm_read_noise", False)
        or config.modifier.enable_during_test
    )


def has_input_range(config: Any) -> bool:
    """Return whether the tiles clip their inputs to a static range."""
    return bool(config.pre_post.input_range.enable)


def draws_once(config: Any) -> bool:
    """Return whether programming draws random numbers."""
    return not isinstance(config.noise_model, Exact)


def as_class(config: Any, cls: type, forward: Any) -> Any:
    """Return a configuration of another class with the same terms, but for the forward pass."""
    kept = {
        f.name: getattr(config, f.name)
        for f in dataclasses.fields(config)
        if f.init and f.name not in ("tile_class", "tile_array_class", "simulator_tile_class")
    }
    return cls(**{**kept, "forward": forward})


def converters(config: Any) -> Converters:
    """Return what the inputs and outputs of a tile go through."""
    io = config.forward
    step = noise = 0.0
    if not io.is_perfect:
        step = _level(io.inp_res, 1.0)
        noise = math.hypot(io.out_noise, _level(io.out_res, io.out_bound) / 12**0.5)
    return Converters(config.mapping.max_input_size, step, noise)


def periphery(config: Any, hardware: str) -> Periphery:
    """Return a tile's largest size and its converters, of hardware that goes by this name.

    Resolutions are of 2^bits - 2 steps.

    Raises:
        UsageError: The converters are perfect.
    """
    io, mapping = config.forward, config.mapping
    if io.is_perfect or min(io.inp_res, io.out_res) <= 0:
        raise UsageError(
            f"hardware {hardware} has perfect converters, whose energy is not known; name some "
            "with a resolution"
        )
    steps = ((1.0 / r if r < 1.0 else r) for r in (io.inp_res, io.out_res))
    bits = (math.ceil(math.log2(step + 2.0)) for step in steps)
    return Periphery(mapping.max_input_size, mapping.max_output_size, *bits)


def _level(resolution: float, bound: float) -> float:
    if resolution <= 0:
        return 0.0
    return (1.0 / resolution if resolution > 1.0 else resolution) * 2.0 * bound
