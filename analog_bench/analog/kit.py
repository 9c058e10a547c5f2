"""aihwkit, behind one door: nothing else in this project imports it.

A change of aihwkit's interface therefore shows up in this file.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import torch
from aihwkit.inference import (
    GlobalDriftCompensation,
    PCMLikeNoiseModel,
    ReRamWan2022NoiseModel,
)
from aihwkit.inference.noise.base import BaseNoiseModel
from aihwkit.inference.noise.hermes import HermesNoiseModel
from aihwkit.inference.noise.reram import ReRamCMONoiseModel
from aihwkit.nn import AnalogLinear
from aihwkit.nn.modules.base import AnalogLayerBase
from aihwkit.simulator.configs import (
    InferenceRPUConfig,
    TorchInferenceRPUConfig,
    TorchInferenceRPUConfigIRDropT,
)
from aihwkit.simulator.parameters import IOParameters, MappingParameter
from aihwkit.simulator.parameters.enums import (
    BoundManagementType,
    NoiseManagementType,
    WeightNoiseType,
)
from aihwkit.simulator.parameters.io import IOParametersIRDropT
from aihwkit.simulator.presets import inference as presets_module
from aihwkit.simulator.tiles.analog_mvm_irdrop_t import AnalogMVMIRDropT
from aihwkit.simulator.tiles.torch_tile_irdrop_t import TorchSimulatorTileIRDropT
from torch import Tensor, nn

from analog_bench.analog.ir_drop import IDLE_V, Wire, charges, pulse_lengths
from analog_bench.analog.rules import IDEAL, TORCH_VARIANT
from analog_bench.noise import Tile

__all__ = [
    "BoundManagementType",
    "GlobalDriftCompensation",
    "HermesNoiseModel",
    "NoiseManagementType",
    "PCMLikeNoiseModel",
    "ReRamCMONoiseModel",
    "ReRamWan2022NoiseModel",
    "WeightNoiseType",
]

_CONFIGS: dict[Tile, Any] = {"torch": TorchInferenceRPUConfig, "cpp": InferenceRPUConfig}


class Exact(BaseNoiseModel):  # type: ignore[misc]
    """Devices that take and keep the weights exactly."""

    def apply_programming_noise(self, weights: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the weights as they are."""
        return weights.clone(), []

    def apply_drift_noise(self, weights: Tensor, _parameters: object, _seconds: float) -> Tensor:
        """Return the weights as they are."""
        return weights.clone()


class StuckDevices(BaseNoiseModel):  # type: ignore[misc]
    """Devices of another noise model, of which some are stuck from programming on.

    Each weight is stuck at 0 with probability `p_zero`, and at plus or minus the tile's largest
    magnitude with probability `p_max`, either sign equally likely. In the normalised units of the
    tile, where every output column is scaled to a largest weight of 1, that is ±1. Stuck devices
    do not drift. The same draws serve all probabilities: the faults at p are among those at 2p.
    """

    def __init__(self, healthy: Any, p_zero: float, p_max: float) -> None:
        super().__init__(healthy.g_converter)
        self.healthy = healthy
        self.p_zero = p_zero
        self.p_max = p_max

    def apply_programming_noise(self, weights: Tensor) -> tuple[Tensor, list[Any]]:
        """Program as the healthy model does, then draw the faults."""
        place, sign = torch.rand_like(weights), torch.rand_like(weights)
        at_max = torch.where(sign < 0.5, -1.0, 1.0) * weights.abs().max()
        value = torch.where(place < self.p_zero, torch.zeros_like(weights), at_max)
        stuck = (place < self.p_zero) | (place >= 1.0 - self.p_max)
        programmed, parameters = self.healthy.apply_programming_noise(weights)
        return torch.where(stuck, value, programmed), [stuck, value, parameters]

    def apply_drift_noise(self, weights: Tensor, parameters: list[Any], seconds: float) -> Tensor:
        """Drift as the healthy model does, but for the stuck devices."""
        stuck, value, healthy = parameters
        return torch.where(stuck, value, self.healthy.apply_drift_noise(weights, healthy, seconds))


class ClosedFormIrDrop(AnalogMVMIRDropT):  # type: ignore[misc]
    """aihwkit's time-dependent IR drop with its inner product in closed form (see `ir_drop`)."""

    @classmethod
    def _matmul_irdrop(
        cls, weight: Tensor, input_: Tensor, trans: bool, io_pars: Any, **how: Any
    ) -> Any:
        if how["ir_drop"] == 0.0:
            return super()._matmul(weight, input_, trans)
        x, matrix = cls._pad_symmetric(
            input_, weight if trans else weight.T, phys_input_size=how["phys_input_size"]
        )
        ohm, steps = how["ir_drop"] * io_pars.ir_drop_rs, how["time_steps"]
        wire = Wire(ohm, io_pars.ir_drop_segments, io_pars.ir_drop_v_read)
        trapezoidal = not io_pars.ir_drop_integration_sum
        lengths = pulse_lengths(x, how["t_max"], steps, trapezoidal=trapezoidal)
        (plus, minus), params = how["g_converter"].convert_to_conductances(matrix)
        charge = charges(lengths, plus, minus, wire, steps)
        full_scale = io_pars.inp_bound / cls._get_res(io_pars.inp_res) / 2.0
        return charge / params["scale_ratio"] / 0.2 / full_scale


class IrDropTile(TorchSimulatorTileIRDropT):  # type: ignore[misc]
    """aihwkit's tile of that name, computing in closed form."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._analog_mvm = ClosedFormIrDrop


def presets() -> dict[str, type]:
    """Return aihwkit's inference presets by name."""
    return {
        name: cls
        for name, cls in inspect.getmembers(presets_module, inspect.isclass)
        if issubclass(cls, InferenceRPUConfig) and cls.__module__ == presets_module.__name__
    }


def tile_of(config: Any) -> Tile:
    """Return the tile engine that a configuration (or its class) asks for."""
    cls = config if inspect.isclass(config) else type(config)
    return "torch" if issubclass(cls, TorchInferenceRPUConfig) else "cpp"


def base_config(tile: Tile, hardware: str) -> Any:
    """Return what a noise's change is put on.

    Args:
        tile: The tile engine.
        hardware: A preset's name, or `ideal`: perfect converters, weights mapped by output column
            to a largest magnitude of 1, tiles of at most 512 x 512, bias in digital, devices that
            neither scatter nor drift, no compensation, no input range.

    Returns:
        An aihwkit configuration of one's own, free to change.
    """
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
    return _as_class(preset, TorchInferenceRPUConfig, forward)


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


def with_timed_ir_drop(config: Any, scale: float) -> Any:
    """Turn a torch configuration into one with time-dependent IR drop.

    The model codes inputs in pulse lengths, so they have as many levels as the input converter:
    8 bits where the configuration has none. Three of aihwkit's terms are not the wire's, stay at
    scale 0+, and are off: rounding of charges by a counting converter (`adc_quantization`), the
    trapezoidal rule, which adds half a time slice to every pulse, and a read voltage 0.5 mV off
    the idle level, which shifts every output by its column's total conductance.
    """
    forward = set_forward(config).forward
    terms = {f.name: getattr(forward, f.name) for f in dataclasses.fields(IOParameters) if f.init}
    if terms["inp_res"] <= 0:
        terms["inp_res"] = 1.0 / (2**8 - 2)
    terms |= {"ir_drop": scale, "ir_drop_v_read": IDLE_V}
    terms |= {"adc_quantization": False, "ir_drop_integration_sum": True}
    timed = _as_class(config, TorchInferenceRPUConfigIRDropT, IOParametersIRDropT(**terms))
    timed.simulator_tile_class = IrDropTile
    return timed


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
    )


def has_input_range(config: Any) -> bool:
    """Return whether the tiles clip their inputs to a static range."""
    return bool(config.pre_post.input_range.enable)


def build(linear: nn.Linear, config: Any, input_range: float | None) -> Any:
    """Map a layer onto tiles, in eval mode and closed to training.

    Draws from torch's global generators (aihwkit initialises weights before it overwrites them).

    Args:
        linear: The digital layer, left as it is.
        config: The configuration.
        input_range: The static input range, where the configuration has one.

    Returns:
        An `AnalogLinear` with the layer's weights, not programmed yet.
    """
    layer = AnalogLinear.from_digital(linear, config).eval().requires_grad_(False)
    if has_input_range(config):
        for tile in layer.analog_tiles():
            tile.set_input_range(input_range)
    return layer


def programmed(layer: Any) -> list[Tensor]:
    """Return what was drawn at programming: weights in the units of the layer, and drift terms.

    Args:
        layer: An `AnalogLinear` that was just programmed.
    """
    terms = [
        term.reshape(-1).float()
        for tile in layer.analog_tiles()
        for term in tile.drift_noise_parameters
        if isinstance(term, Tensor)
    ]
    return [layer.get_weights()[0], *([torch.cat(terms)] if terms else [])]


def draws_once(config: Any) -> bool:
    """Return whether programming draws random numbers."""
    return not isinstance(config.noise_model, Exact)


def is_analog(module: nn.Module) -> bool:
    """Return whether a module is an analog layer of aihwkit."""
    return isinstance(module, AnalogLayerBase)


def _as_class(config: Any, cls: type, forward: Any) -> Any:
    kept = {
        f.name: getattr(config, f.name)
        for f in dataclasses.fields(config)
        if f.init and f.name not in ("tile_class", "tile_array_class", "simulator_tile_class")
    }
    return cls(**{**kept, "forward": forward})
