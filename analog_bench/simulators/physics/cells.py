"""Weight matrices whose cells are all at known levels, so that a block of cells is a sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

DAY_S = 86_400.0
YEAR_S = 31_536_000.0
# 400 outputs and 100 columns a level: 40,000 cells, a standard error of 0.35 % on a spread.
_OUTPUTS, _COLUMNS = 400, 100


def levels(values: Sequence[float], anchors: Sequence[float] = (1.0,)) -> Tensor:
    """Return a matrix of one column an anchor, and beside them a block of columns a level.

    Args:
        values: The levels, between the anchors.
        anchors: The largest weight, so that a tile's normalised units are those of the matrix;
            the smallest, too, where a device holds either sign.

    Returns:
        Shape (outputs, inputs).
    """
    columns = [*anchors, *(value for value in values for _ in range(_COLUMNS))]
    return torch.tensor(columns).expand(_OUTPUTS, -1).contiguous()


def blocks(
    matrix: Tensor, values: Sequence[float], anchors: int = 1
) -> Iterator[tuple[float, Tensor]]:
    """Yield each level with its block of a matrix that `levels` laid out.

    Args:
        matrix: What became of it, shape (outputs, inputs).
        values: The levels.
        anchors: Number of anchors.
    """
    for n, value in enumerate(values):
        first = anchors + n * _COLUMNS
        yield value, matrix[:, first : first + _COLUMNS].double()


def exponents(block: Tensor, level: float, seconds: float, t_0: float) -> Tensor:
    """Return the drift exponents ν of cells that fell by ((t + t₀) / t₀)^−ν from a level."""
    return -torch.log(block / level) / math.log((seconds + t_0) / t_0)
