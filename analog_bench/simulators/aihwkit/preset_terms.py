"""Single terms of a preset: which ones a configuration has, and the same without some of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from aihwkit.inference.compensation.base import BaseDriftCompensation
from aihwkit.simulator.parameters.enums import NoiseManagementType, WeightNoiseType
from torch import Tensor

from analog_bench.noise.whole_hardware import TERMS
from analog_bench.simulators.aihwkit.config import has_input_range

# Above 0, so that the noise is drawn, and beyond what float32 adds to any output.
_DRAWN_ONLY = 1e-30

_DEVICES = {
    "programming": "prog_noise_scale",
    "drift": "drift_scale",
    "read": "read_noise_scale",
}
"""Terms of the noise model to the scale that it has for them."""
_OFF: Mapping[str, Mapping[str, object]] = {
    "dac": {"inp_res": -1.0, "inp_sto_round": False},
    "inp_noise": {"inp_noise": _DRAWN_ONLY},
    "pcm_read": {"w_noise": 0.0, "w_noise_type": WeightNoiseType.NONE},
    "ir_drop": {"ir_drop": 0.0},
    "s_shape": {"out_nonlinearity": 0.0},
    "out_bound": {"out_bound": 0.0},
    "adc": {"out_res": -1.0, "out_sto_round": False},
    "out_noise": {"out_noise": _DRAWN_ONLY},
}
"""Terms of the forward pass to what stands in its place; the first is the term's size."""


class ReadOutOnly(BaseDriftCompensation):  # type: ignore[misc]
    """Another drift compensation that reads out, and so draws, as ever, and compensates nothing."""

    def __init__(self, other: BaseDriftCompensation) -> None:
        super().__init__()
        self.get_readout_tensor: Callable[[int], Tensor] = other.get_readout_tensor
        self.readout: Callable[[Tensor], Tensor] = other.readout
        self.init_baseline: Callable[[Any], Tensor] = other.init_baseline

    def apply(self, _output: Tensor, reference: Tensor) -> Tensor:
        """Return a factor of 1."""
        return torch.ones_like(reference)


def terms_of(config: Any) -> tuple[str, ...]:
    """Return the terms of `noise.whole_hardware.TERMS` that a configuration has."""
    io, devices = config.forward, config.noise_model
    there = {"mapping"}
    there |= {term for term, scale in _DEVICES.items() if getattr(devices, scale, 0.0) > 0.0}
    if has_input_range(config):
        there.add("input_range")
    if not io.is_perfect:
        there |= {term for term, off in _OFF.items() if getattr(io, next(iter(off))) > 0.0}
        if io.w_noise_type == WeightNoiseType.NONE:
            there.discard("pcm_read")
    return tuple(term for term in TERMS if term in there)


def with_terms(config: Any, terms: Collection[str]) -> Any:
    """Switch off what a configuration has beside some terms, and return it."""
    forward: dict[str, object] = {}
    for term in (term for term in terms_of(config) if term not in terms):
        if term in _DEVICES:
            setattr(config.noise_model, _DEVICES[term], 0.0)
        if term == "drift" and config.drift_compensation is not None:
            config.drift_compensation = ReadOutOnly(config.drift_compensation)
        if term == "input_range":
            config.pre_post.input_range.enable = False
            # Inputs are not in the range's units then; other management scales them by itself.
            if config.forward.noise_management == NoiseManagementType.CONSTANT:
                forward |= {"noise_management": NoiseManagementType.NONE, "inp_bound": 0.0}
        forward |= _OFF.get(term, {})
    config.forward = dataclasses.replace(config.forward, **forward)
    return config
