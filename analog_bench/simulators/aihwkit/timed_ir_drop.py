"""Tiles with time-dependent IR drop: the wires in closed form, and all of it as aihwkit has it."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from aihwkit.inference.converter.conductance import SinglePairConductanceConverter
from aihwkit.simulator.configs import TorchInferenceRPUConfigIRDropT
from aihwkit.simulator.parameters import IOParameters
from aihwkit.simulator.parameters.io import IOParametersIRDropT
from aihwkit.simulator.tiles.analog_mvm_irdrop_t import AnalogMVMIRDropT
from aihwkit.simulator.tiles.torch_tile_irdrop_t import TorchSimulatorTileIRDropT
from torch import Tensor, nn

from analog_bench.simulators.aihwkit.config import as_class, set_forward
from analog_bench.simulators.ir_drop import IDLE_V, Wire, charges, pulse_lengths

# Numbers that aihwkit's model may hold at once, in each of several tensors: 64 MiB of them.
_AT_ONCE = 2**24
_WIRES_ALONE: dict[str, Any] = {
    "adc_quantization": False,
    "ir_drop_integration_sum": True,
    "ir_drop_v_read": IDLE_V,
}


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
        if io_pars.adc_quantization:
            charge = cls._apply_adc_quantization(charge, io_pars)
        full_scale = io_pars.inp_bound / cls._get_res(io_pars.inp_res) / 2.0
        return charge / params["scale_ratio"] / 0.2 / full_scale


def timed_ir_drop(
    weight: Tensor, x: Tensor, scale: float, *, shipped: bool = False
) -> tuple[Tensor, Tensor]:
    """Compute a product with IR drop twice: by aihwkit's class, and in closed form.

    With the wires alone, or with all that `ir_drop_shipped` has. Weights (outputs, inputs) and
    inputs (vectors, inputs) lie between -1 and 1.
    """
    io = IOParametersIRDropT(inp_res=1.0 / (2**8 - 2), **({} if shipped else _WIRES_ALONE))
    how = {
        "ir_drop": scale,
        "t_max": 1.0,
        "time_steps": 128,
        "phys_input_size": weight.shape[1],
        "g_converter": SinglePairConductanceConverter(),
    }
    theirs: Tensor = AnalogMVMIRDropT._matmul_irdrop(weight, x, False, io, **how)
    ours: Tensor = ClosedFormIrDrop._matmul_irdrop(weight, x, False, io, **how)
    return theirs, ours


class ShippedIrDrop(AnalogMVMIRDropT):  # type: ignore[misc]
    """aihwkit's time-dependent IR drop, on inputs and weights of any shape.

    aihwkit's own computes 512 rows times half the outputs times 128 time slices at once for each
    vector, takes vectors in one dimension only, and an even number of outputs, since columns are
    read at either end in turn. Here vectors come a few at a time, and an odd number of outputs has
    a column of zero weights beside it: neither changes a number of a column.
    """

    @classmethod
    def _matmul_irdrop(
        cls, weight: Tensor, input_: Tensor, trans: bool, io_pars: Any, **how: Any
    ) -> Any:
        columns = weight.T if trans else weight
        outputs = len(columns)
        even = nn.functional.pad(columns, (0, 0, 0, outputs % 2))
        vectors = input_.reshape(-1, input_.shape[-1])
        numbers = how["phys_input_size"] * len(even) // 2 * how["time_steps"]
        some = max(1, _AT_ONCE // numbers)
        parts = [
            super(ShippedIrDrop, cls)._matmul_irdrop(
                even, vectors[n : n + some], False, io_pars, **how
            )
            for n in range(0, len(vectors), some)
        ]
        return torch.cat(parts)[:, :outputs].reshape(*input_.shape[:-1], outputs)


class IrDropTile(TorchSimulatorTileIRDropT):  # type: ignore[misc]
    """aihwkit's tile of that name, computing in closed form."""

    PRODUCT: type[AnalogMVMIRDropT] = ClosedFormIrDrop

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._analog_mvm = self.PRODUCT


class ShippedIrDropTile(IrDropTile):
    """aihwkit's tile of that name, for inputs and weights of any shape."""

    PRODUCT = ShippedIrDrop


def with_shipped_ir_drop(config: Any, scale: float) -> Any:
    """Turn a torch configuration into one with time-dependent IR drop as aihwkit ships it.

    The model codes inputs in pulse lengths, so they have as many levels as the input converter:
    8 bits where the configuration has none. All else is aihwkit's default.
    """
    return _with_ir_drop(config, ShippedIrDropTile, ir_drop=scale)


def with_timed_ir_drop(config: Any, scale: float) -> Any:
    """Turn a torch configuration into one with the IR drop of its wires alone.

    Inputs are coded as in `with_shipped_ir_drop`. Three of aihwkit's terms are not the wire's, stay
    at scale 0+, and are off: rounding of charges by a counting converter (`adc_quantization`), the
    trapezoidal rule, which adds half a time slice to every pulse, and a read voltage 0.5 mV off
    the idle level, which shifts every output by its column's total conductance.
    """
    return _with_ir_drop(config, IrDropTile, ir_drop=scale, **_WIRES_ALONE)


def _with_ir_drop(config: Any, tile: type[TorchSimulatorTileIRDropT], **how: Any) -> Any:
    forward = set_forward(config).forward
    terms = {f.name: getattr(forward, f.name) for f in dataclasses.fields(IOParameters) if f.init}
    if terms["inp_res"] <= 0:
        terms["inp_res"] = 1.0 / (2**8 - 2)
    timed = as_class(config, TorchInferenceRPUConfigIRDropT, IOParametersIRDropT(**terms | how))
    timed.simulator_tile_class = tile
    return timed
