"""Digital arithmetic in few bits in place of a layer's own: `int8`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from analog_bench.analog.layers import weight_of
from analog_bench.analog.noise_effects import Site, handles
from analog_bench.analog.weight_noise import WeightNoise
from analog_bench.noise import Int8


def rounded(values: Tensor, bits: int) -> Tensor:
    """Round each vector, the last axis, to 2^bits - 1 levels that are symmetric about zero.

    A vector of zeros stays one.
    """
    step = values.abs().amax(dim=-1, keepdim=True) / (2 ** (bits - 1) - 1)
    return torch.where(step > 0, (values / step).round() * step, values)


@handles(Int8)
def _int8(noise: Int8, site: Site) -> IntegerLayer:
    """Formula: y = Q(W) Q(x) + b, Q(v) = s round(v / s), s = max|v| / (2^(bits-1) - 1).

    An output column of a crossbar is a row of torch's weight (outputs, inputs).
    """
    return IntegerLayer(site, noise.bits)


class IntegerLayer(WeightNoise):
    """A rounded copy of a layer's weight in its place; inputs of a product are rounded, too."""

    def __init__(self, site: Site, bits: int) -> None:
        super().__init__(site, rounded(weight_of(site.place.module).detach(), bits))
        self.fingerprint = ()  # nothing is drawn
        self._bits = bits
        self._product = site.place.kind == "matmul"
        self._handle: RemovableHandle | None = None

    def attach(self) -> None:
        """Put the rounded weight in place, and hook the layer's input."""
        super().attach()
        if self._product:
            self._handle = self._module.register_forward_pre_hook(self._round)

    def detach(self) -> None:
        """Remove the hook, and put the weight back that was there before."""
        if self._handle is not None:
            self._handle.remove()
        super().detach()

    def _round(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        exact, *more = inputs
        levels = rounded(exact, self._bits)
        if exact.requires_grad and torch.is_grad_enabled():
            # Layers before this one learn as if it did not round (straight-through estimator,
            # Bengio et al., arXiv 1308.3432): the derivative of rounding is 0.
            levels = exact + (levels - exact).detach()
        return levels, *more
