"""A noise of this project's own: memory cells with few conductances, programmed inexactly.

A noise is a class that says what happens, and a handler that makes it happen. All that is random is
drawn from `site.seed(...)`, so that a chip is the same chip next time.
"""

from dataclasses import dataclass

import torch

from analog_bench.analog.layers import weight_of
from analog_bench.analog.noise_effects import handles
from analog_bench.analog.weight_noise import WeightNoise
from analog_bench.errors import UsageError
from analog_bench.noise import Noise, family


@family
@dataclass(frozen=True)
class CoarseCells(Noise):
    """Weights are whole numbers of steps of max|W| / levels, missed by N(0, (miss · step)²)."""

    NAME, WHERE, DRAWN_ONCE = "coarse_cells", "weight", True
    levels: int = 7
    miss: float = 0.3

    def __post_init__(self):
        super().__post_init__()
        if self.levels < 1:
            raise UsageError(f"coarse_cells: levels must be at least 1, found {self.levels}")


@handles(CoarseCells)
def coarse_cells(noise, site):
    weight = weight_of(site.place.module).detach()
    step = weight.abs().max() / noise.levels
    generator = torch.Generator().manual_seed(site.seed("program"))
    missed = noise.miss * torch.randn(weight.shape, generator=generator).to(weight)
    return WeightNoise(site, step * ((weight / step).round() + missed))
