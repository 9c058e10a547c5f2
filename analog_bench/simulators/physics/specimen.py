"""A model of one matrix product, put on a chip, and what the chip makes of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from analog_bench.analog.chip import Chip, install
from analog_bench.noise import Noise
from analog_bench.simulators.registry import find_simulator

SEED = 1
DAY_S = 86_400.0
YEAR_S = 31_536_000.0
_GOLDEN = (math.sqrt(5) - 1) / 2
# 400 outputs and 100 columns a level: 40,000 cells, a standard error of 0.35 % on a spread.
_OUTPUTS, _COLUMNS = 400, 100


@contextmanager
def on_chip(
    weight: Tensor,
    noise: Noise,
    tile: str,
    *,
    drift_s: float | None = None,
    input_range: float | None = None,
) -> Iterator[tuple[nn.Module, Chip]]:
    """Yield a chip and its model: one product without bias by `weight`, (outputs, inputs).

    Without a `drift_s` the chip is as it is right after programming. Presets that have static input
    ranges need an `input_range`.
    """
    dense = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    dense.weight = nn.Parameter(weight.clone())
    model = nn.Sequential()
    model.add_module("dense", dense)
    with install(
        model.eval(),
        layers=("dense",),
        noise=noise,
        chip=0,
        seed=SEED,
        simulator=find_simulator(tile),
        input_ranges=None if input_range is None else {"dense": input_range},
    ) as chip:
        if drift_s is not None:
            chip.drift_to(drift_s)
        yield model, chip


def product(
    weight: Tensor,
    x: Tensor,
    noise: Noise,
    tile: str,
    *,
    drift_s: float | None = None,
    input_range: float | None = None,
) -> Tensor:
    """Return the product with inputs of shape (vectors, inputs) on a chip; see `on_chip`."""
    with (
        on_chip(weight, noise, tile, drift_s=drift_s, input_range=input_range) as (model, chip),
        torch.inference_mode(),
        chip.reading(batch=0),
    ):
        found: Tensor = model(x)
    return found


def weights(weight: Tensor, noise: Noise, tile: str, drift_s: float | None = None) -> Tensor:
    """Return the weights that a chip computes with, read by products with unit vectors."""
    return product(weight, torch.eye(weight.shape[1]), noise, tile, drift_s=drift_s).T


def numbers(*shape: int) -> Tensor:
    """Return numbers between −1 and 1 that no release of torch can change.

    They are the fractional parts of n times the golden ratio, spread over the shape.
    """
    count = math.prod(shape)
    flat = torch.arange(1, count + 1, dtype=torch.float64).mul_(_GOLDEN).frac_()
    return flat.mul_(2.0).sub_(1.0).float().reshape(shape)


def levels(values: Sequence[float], anchors: Sequence[float] = (1.0,)) -> Tensor:
    """Return a matrix whose cells are all at known levels: a block of columns a level.

    Anchors take one column each: the largest weight, so that a tile's normalised units are those of
    the matrix, and the smallest where a device holds either sign.
    """
    columns = [*anchors, *(value for value in values for _ in range(_COLUMNS))]
    return torch.tensor(columns).expand(_OUTPUTS, -1).contiguous()


def blocks(
    matrix: Tensor, values: Sequence[float], anchors: int = 1
) -> Iterator[tuple[float, Tensor]]:
    """Yield each level with its block of what became of a matrix from `levels`."""
    for n, value in enumerate(values):
        first = anchors + n * _COLUMNS
        yield value, matrix[:, first : first + _COLUMNS].double()


def exponents(block: Tensor, level: float, seconds: float, t_0: float) -> Tensor:
    """Return the drift exponents ν of cells that fell by ((t + t₀) / t₀)^−ν from a level."""
    return -torch.log(block / level) / math.log((seconds + t_0) / t_0)
