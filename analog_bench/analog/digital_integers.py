"""Digital integer arithmetic in place of a layer's own: `int8`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from analog_bench.analog.layers import weight_of
from analog_bench.analog.noise_effects import Site, handles
from analog_bench.analog.weight_noise import WeightNoise
from analog_bench.noise import Int8
from analog_bench.zoo.layer_names import hooked


def rounded(values: Tensor, bits: int) -> Tensor:
    """Round each vector along the last axis to 2^bits - 1 levels, symmetric about zero.

    A zero vector stays zero.
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
        self._products = {site.place.name: self._module} if site.place.kind == "matmul" else {}

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Put the rounded weight in place, and round the inputs of a product."""
        with super().attached(), hooked(self._products, before=self._round):
            yield

    def _round(self, _name: str, _module: object, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        exact, *more = inputs
        levels = rounded(exact, self._bits)
        if exact.requires_grad and torch.is_grad_enabled():
            # Straight-through estimator (Bengio et al., arXiv 1308.3432) for earlier layers,
            # because the derivative of rounding is 0.
            levels = exact + (levels - exact).detach()
        return levels, *more
