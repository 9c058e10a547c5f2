"""The noisy matrix product of a torch tile, in as few passes over memory as possible.

aihwkit's torch tile takes a dozen separate steps, each of which reads, writes and keeps all
activations for the backward pass. `StepProduct` does the same arithmetic in one differentiable
function, for training and for measured chips; tests compare both to the bit. (Releases of torch
differ in whether a gradient passes at exactly a converter's bound; here it does.)
"""

from __future__ import annotations

from typing import Any

import torch
from aihwkit.simulator.parameters import IOParameters
from aihwkit.simulator.parameters.enums import (
    AnalogMVType,
    BoundManagementType,
    NoiseManagementType,
)
from aihwkit.simulator.tiles.analog_mvm import AnalogMVM
from aihwkit.simulator.tiles.inference_torch import TorchInferenceTile
from aihwkit.simulator.tiles.torch_tile import TorchSimulatorTile
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

_BLOCK = 2**17
"""Numbers in a block: 512 KiB. Smaller ones take more calls than they save waiting for memory."""


class StepProduct(AnalogMVM):  # type: ignore[misc]
    """aihwkit's product; converters that a preset has in one function, all others as aihwkit's."""

    BFLOAT16 = False

    @classmethod
    def matmul(
        cls,
        weight: Tensor,
        input_: Tensor,
        io_pars: Any,
        trans: bool = False,
        is_test: bool = False,
        **terms: Any,
    ) -> Tensor:
        """Return the noisy product, shape (..., outputs); see `AnalogMVM.matmul`."""
        if (
            trans
            or weight.ndim != 2
            or not is_plain(io_pars)
            or any(value is not None for value in terms.values())
        ):
            slow: Tensor = super().matmul(weight, input_, io_pars, trans, is_test, **terms)
            return slow
        product: Any = _Product  # `apply` is untyped
        found: Tensor = product.apply(input_, weight, io_pars, cls.BFLOAT16)
        return found

    @classmethod
    def _matmul(cls, weight: Tensor, input_: Tensor, trans: bool = False) -> Any:
        if not cls.BFLOAT16:
            return super()._matmul(weight, input_, trans)
        return super()._matmul(weight.bfloat16(), input_.bfloat16(), trans).float()


class Bfloat16Product(StepProduct):
    """The same with the products themselves in bfloat16; converters and noise stay in float32.

    A product's rounding is 2^-9 of its value, at most 0.02 at the converter's bound of 10 and
    hundredths of the output noise at ordinary values.
    """

    BFLOAT16 = True


class StepModule(TorchInferenceTile):  # type: ignore[misc]
    """aihwkit's torch tile with its periphery, which never waits for a GPU.

    aihwkit reads the input range back to the processor for each tile and batch, and copies the
    output scale of 1 from there after each step. On a processor, what is done number by number
    before and after a product takes longer than the product where each step reads and writes all of
    a batch; a measured chip takes these steps block by block, out of the cache.
    """

    def forward(self, x_input: Tensor, tensor_view: tuple[int, ...] | None = None) -> Tensor:
        """Return the layer's share of this tile, shape (..., outputs); see `TorchInferenceTile`."""
        if not self._goes_by_blocks(x_input):
            slow: Tensor = super().forward(x_input, tensor_view=tensor_view)
            return slow
        io, inputs = self.rpu_config.forward, x_input.reshape(-1, x_input.shape[-1])
        read = torch.empty_like(inputs, memory_format=torch.contiguous_format)
        for block, values in zip(_blocks(inputs), _blocks(read), strict=True):
            if self.input_range is None:
                values.copy_(block)
            else:
                bound = abs(self.input_range.item())
                torch.clamp(block, -bound, bound, out=values).div_(self.input_range)
            _rounded(values, io.inp_res, io.inp_bound).clamp_(-io.inp_bound, io.inp_bound)
        out: Tensor = read @ self.tile.weight.T
        ones = out.new_ones(1, out.shape[-1])
        scales = [self.post_forward(ones, 1, is_test=False), self.apply_out_scaling(ones, (1, -1))]
        if getattr(self.rpu_config, "drift_compensation", None) is not None:
            scales.insert(1, self.alpha)
        for values in _blocks(out):
            if io.out_noise > 0.0:
                values += torch.randn_like(values).mul_(io.out_noise)
            _rounded(values, io.out_res, io.out_bound).clamp_(-io.out_bound, io.out_bound)
            for scale in scales:  # one after another, as aihwkit does: each of them rounds
                values.mul_(scale)
        return out.view(*x_input.shape[:-1], -1)

    def _goes_by_blocks(self, inputs: Tensor) -> bool:
        """Return whether nothing is to be learned, and the product is of the plain kind."""
        return (
            not (self.training or torch.is_grad_enabled() or self.digital_bias)
            and inputs.device.type == "cpu"
            and self.tile._analog_mvm is StepProduct
            and self.tile.out_noise_values is None
            and is_plain(self.rpu_config.forward)
        )

    def apply_input_range(self, values: Tensor, update_from_data: bool = False) -> Tensor:
        """Clip inputs to the range, which is not taken from data; see `training_tiles`."""
        if values.device.type == "cpu":  # where aihwkit's clipping is faster
            found: Tensor = super().apply_input_range(values, update_from_data)
            return found
        return clipped(values, self.input_range)

    @torch.no_grad()
    def set_learned_out_scales(self, alpha: Tensor | float) -> None:
        """Set the output scales that are learned, if any."""
        if isinstance(alpha, float) and isinstance(self.out_scaling_alpha, Tensor):
            self.out_scaling_alpha.data.fill_(alpha)
        else:
            super().set_learned_out_scales(alpha)


def clipped(values: Tensor, input_range: Tensor) -> Tensor:
    """Return values clipped to ±the range, shape (1,), which gets no gradient by it."""
    bound = input_range.detach().abs()
    return values.clamp(-bound, bound)


class StepTile(TorchSimulatorTile):  # type: ignore[misc]
    """aihwkit's torch tile with `StepProduct`."""

    PRODUCT = StepProduct

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._analog_mvm = self.PRODUCT


class Bfloat16Tile(StepTile):
    """aihwkit's torch tile with `Bfloat16Product`."""

    PRODUCT = Bfloat16Product


def is_plain(io: IOParameters) -> bool:
    """Return whether a product is: round and clip, multiply, add noise, round and clip."""
    constant = io.noise_management == NoiseManagementType.CONSTANT and io.nm_thres in (0.0, 1.0)
    return (
        not io.is_perfect
        and io.mv_type == AnalogMVType.ONE_PASS
        and io.bound_management == BoundManagementType.NONE
        and (io.noise_management == NoiseManagementType.NONE or constant)
        and min(io.inp_res, io.out_res, io.inp_bound, io.out_bound) > 0
        and (io.inp_noise, io.inp_asymmetry, io.out_asymmetry) == (0.0, 0.0, 0.0)
        and not (io.inp_sto_round or io.out_sto_round)
        and io.out_scale == 1.0
    )


def _blocks(values: Tensor) -> tuple[Tensor, ...]:
    """Return a matrix in blocks of rows, which a processor's cache holds.

    Drawn block by block, torch's normal numbers are those that it draws for all of it: it makes
    them 16 at a time, so each block but the last has a multiple of 16.
    """
    columns = values.shape[-1]
    rows = max(_BLOCK // columns // 16, 1) * 16
    return torch.split(values, rows) if columns >= 16 else (values,)


class _Product(Function):
    @staticmethod
    def forward(ctx: Any, input_: Tensor, weight: Tensor, io: Any, bfloat16: bool) -> Tensor:
        read, read_clipped = _converted(input_.clone(), io.inp_res, io.inp_bound)
        if bfloat16:
            read, weight = read.bfloat16(), weight.bfloat16()
        out = (read @ weight.T).float()
        if io.out_noise > 0.0:
            out += torch.randn_like(out).mul_(io.out_noise)
        out, clipped = _converted(out, io.out_res, io.out_bound)
        ctx.save_for_backward(read, weight, read_clipped, clipped)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        read, weight, read_clipped, clipped = ctx.saved_tensors
        if clipped is not None:
            gradient = gradient.masked_fill(clipped, 0.0)
        flat = gradient.reshape(-1, gradient.shape[-1]).to(weight.dtype)
        to_weight = (flat.T @ read.reshape(-1, read.shape[-1])).float()
        to_input = (flat @ weight).float().view(read.shape)
        if read_clipped is not None:
            to_input.masked_fill_(read_clipped, 0.0)
        return to_input, to_weight, None, None


def _converted(values: Tensor, resolution: float, bound: float) -> tuple[Tensor, Tensor | None]:
    """Round and clip in place; return where something was clipped, or None where nothing was."""
    _rounded(values, resolution, bound)
    if values.device.type == "cpu":  # elsewhere the mask costs less than to wait for the answer
        low, high = torch.aminmax(values)
        if float(high) <= bound and float(low) >= -bound:
            return values, None
    clipped = values.abs() > bound
    return values.clamp_(-bound, bound), clipped


def _rounded(values: Tensor, resolution: float, bound: float) -> Tensor:
    """Round in place to the steps of a converter."""
    step = (1.0 / resolution if resolution > 1.0 else resolution) * 2.0 * bound
    return values.div_(step).round_().mul_(step)
