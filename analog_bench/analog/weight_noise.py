"""Noise added to a layer's weights, once per chip: `white_weight`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from analog_bench.analog.layers import as_stored, weight_of
from analog_bench.analog.noise_effects import Effect, Site, handles
from analog_bench.analog.random_draws import summaries
from analog_bench.noise import WhiteWeight


@handles(WhiteWeight)
def _white_weight(noise: WhiteWeight, site: Site) -> WeightNoise:
    """Formula: W + N(0, (std · max|W| of the output column)²); biases are unchanged.

    An output column of the crossbar is a row of torch's weight (outputs, inputs). Embeddings and
    norms have no such columns: there the maximum is taken over the whole tensor.
    """
    weight = weight_of(site.place.module).detach()
    generator = torch.Generator().manual_seed(site.seed("program"))
    normals = torch.randn(weight.shape, generator=generator).to(weight)
    matrix = site.place.kind == "matmul"
    largest = weight.abs().amax(dim=1, keepdim=True) if matrix else weight.abs().max()
    return WeightNoise(site, weight + noise.std * largest * normals)


class WeightNoise(Effect):
    """A noisy copy of a layer's weight in place of the weight."""

    def __init__(self, site: Site, noisy: Tensor) -> None:
        """Store the noisy weight, shape (outputs, inputs) for a matrix."""
        self._module = site.place.module
        self._clean = self._module._parameters["weight"]
        self._noisy = nn.Parameter(as_stored(self._module, noisy), requires_grad=False)
        self.fingerprint = summaries(noisy)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Put the noisy weight in place, and the original parameter back on exit."""
        self._module._parameters["weight"] = self._noisy
        try:
            yield
        finally:
            self._module._parameters["weight"] = self._clean
