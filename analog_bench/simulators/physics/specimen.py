"""A model of one matrix product, put on a chip, and what the chip makes of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from analog_bench.analog.chip import Chip, install
from analog_bench.noise import Noise
from analog_bench.simulators.registry import find_simulator

SEED = 1
_GOLDEN = (math.sqrt(5) - 1) / 2


class Specimen(nn.Module):
    """One matrix product without bias."""

    def __init__(self, weight: Tensor) -> None:
        """Take the weight.

        Args:
            weight: Shape (outputs, inputs).
        """
        super().__init__()
        outputs, inputs = weight.shape
        self.dense = nn.Linear(inputs, outputs, bias=False)
        self.dense.weight = nn.Parameter(weight.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Return x W'."""
        product: Tensor = self.dense(x)
        return product


def product(
    weight: Tensor,
    x: Tensor,
    noise: Noise,
    tile: str,
    *,
    drift_s: float | None = None,
    input_range: float | None = None,
) -> Tensor:
    """Return a product on a chip.

    Args:
        weight: Shape (outputs, inputs).
        x: Inputs, shape (vectors, inputs).
        noise: What happens on the tile; all else is ideal.
        tile: The tile engine.
        drift_s: Seconds since programming; None for a chip as it is right after it.
        input_range: The static input range, for presets that have one.

    Returns:
        Shape (vectors, outputs).
    """
    with (
        on_chip(weight, noise, tile, drift_s=drift_s, input_range=input_range) as (model, chip),
        torch.inference_mode(),
        chip.reading(batch=0),
    ):
        found: Tensor = model(x)
    return found


def weights(weight: Tensor, noise: Noise, tile: str, drift_s: float | None = None) -> Tensor:
    """Return the weights that a chip computes with, read by products with unit vectors."""
    units = torch.eye(weight.shape[1])
    return product(weight, units, noise, tile, drift_s=drift_s).T


@contextmanager
def on_chip(
    weight: Tensor,
    noise: Noise,
    tile: str,
    *,
    drift_s: float | None = None,
    input_range: float | None = None,
) -> Iterator[tuple[Specimen, Chip]]:
    """Yield a specimen that is on a chip, and the chip.

    Args:
        weight: Shape (outputs, inputs).
        noise: What happens on the tile; all else is ideal.
        tile: The tile engine.
        drift_s: Seconds since programming; None for a chip as it is right after it.
        input_range: The static input range, for presets that have one.
    """
    model = Specimen(weight).eval()
    ranges = None if input_range is None else {"dense": input_range}
    with install(
        model,
        layers=("dense",),
        noise=noise,
        chip=0,
        seed=SEED,
        simulator=find_simulator(tile),
        input_ranges=ranges,
    ) as chip:
        if drift_s is not None:
            chip.drift_to(drift_s)
        yield model, chip


def numbers(*shape: int) -> Tensor:
    """Return numbers between −1 and 1 that no release of torch can change.

    The fractional parts of n times the golden ratio, spread over the shape.
    """
    count = math.prod(shape)
    flat = torch.arange(1, count + 1, dtype=torch.float64).mul_(_GOLDEN).frac_()
    return flat.mul_(2.0).sub_(1.0).float().reshape(shape)
