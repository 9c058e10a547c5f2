"""Linear algebra for fitting a small model's matrices to a large one's activations."""

from __future__ import annotations

import torch
from torch import Tensor

_SMALLEST = 1e-8
"""Directions with less than this share of the largest one's variance count as empty."""


def ridge(inputs: Tensor, targets: Tensor, penalty: float = 1e-3) -> tuple[Tensor, Tensor]:
    """Return the linear map with the least squared error, a little shrunk.

    Args:
        inputs: Shape (samples, inputs).
        targets: Shape (samples, outputs).
        penalty: Added to the inputs' second moments, as a share of their mean.

    Returns:
        Weight, shape (outputs, inputs), and bias, shape (outputs,), as `nn.Linear` has them.
    """
    extended = with_one(inputs)
    moments = extended.T @ extended
    moments += penalty * moments.diagonal().mean() * torch.eye(len(moments), dtype=moments.dtype)
    solved = torch.linalg.solve(moments, extended.T @ targets)
    return solved[:-1].T.contiguous(), solved[-1]


def principal(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the directions in which values vary most, around zero.

    Args:
        values: Shape (samples, width).
        count: How many directions.

    Returns:
        Orthonormal directions, shape (width, count), and the mean square along each, falling,
        shape (count,).
    """
    squares, directions = torch.linalg.eigh(values.T @ values / len(values))
    return directions[:, -count:].flip(1), squares[-count:].flip(0)


def roots(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Return the symmetric square root of a matrix of second moments, and that root's inverse."""
    squares, directions = torch.linalg.eigh(moments)
    scales = squares.clamp_min(_SMALLEST * squares[-1].clamp_min(1e-30)).sqrt()
    return (directions * scales) @ directions.T, (directions / scales) @ directions.T


def factors(matrix: Tensor, left: Tensor, right: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Split a bilinear form into two factors that serve the vectors it will meet.

    Of all forms of this rank, `first.T @ second` has the least mean squared error for x' M y with
    independent x and y (a singular value decomposition between the roots of their moments).

    Args:
        matrix: M, shape (n, m).
        left: Second moments of x, shape (n, n).
        right: Second moments of y, shape (m, m).
        rank: Rows of the factors.

    Returns:
        Shape (rank, n) and (rank, m), the singular values shared evenly.
    """
    left_root, left_inverse = roots(left)
    right_root, right_inverse = roots(right)
    first, values, second = torch.linalg.svd(left_root @ matrix @ right_root, full_matrices=False)
    shared = values[:rank].sqrt()
    return (first[:, :rank] * shared).T @ left_inverse, (second[:rank].T * shared).T @ right_inverse


def with_one(values: Tensor) -> Tensor:
    """Append a column of ones, for biases; shape (samples, width + 1)."""
    return torch.cat([values, torch.ones(len(values), 1, dtype=values.dtype)], dim=1)
