"""The linear algebra behind a factorised start, against what it must find."""

import pytest
import torch

from training.least_squares import factors, principal, ridge, roots, with_one


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_ridge_finds_a_linear_map_and_its_bias():
    inputs, weight, bias = drawn(400, 6), drawn(3, 6, seed=1), drawn(3, seed=2)
    found, shift = ridge(inputs, inputs @ weight.T + bias, penalty=1e-10)
    assert torch.allclose(found, weight, atol=1e-7)
    assert torch.allclose(shift, bias, atol=1e-7)


def test_ridge_can_be_solved_where_inputs_repeat_each_other():
    inputs = drawn(50, 1).expand(50, 4)
    weight, bias = ridge(inputs, inputs[:, :1] * 2 + 1)
    assert torch.allclose(inputs @ weight.T + bias, inputs[:, :1] * 2 + 1, atol=0.02)


def test_principal_directions_are_those_of_most_spread():
    values = drawn(3000, 4) * torch.tensor([0.1, 3.0, 1.0, 0.2], dtype=torch.float64)
    directions, squares = principal(values, 2)
    assert torch.allclose(directions.T @ directions, torch.eye(2, dtype=torch.float64), atol=1e-9)
    assert directions[1, 0].abs() > 0.99
    assert directions[2, 1].abs() > 0.99
    assert squares.tolist() == pytest.approx([9.0, 1.0], rel=0.1)


def test_a_root_squares_to_its_matrix():
    moments = drawn(5, 20) @ drawn(5, 20).T
    root, inverse = roots(moments)
    assert torch.allclose(root @ root, moments)
    assert torch.allclose(root @ inverse, torch.eye(5, dtype=torch.float64), atol=1e-6)


def test_factors_of_full_rank_are_the_form_itself():
    matrix = drawn(6, 4)
    left, right = (with_one(drawn(80, n - 1, seed=n)) for n in (6, 4))
    first, second = factors(matrix, left.T @ left, right.T @ right, 4)
    assert torch.allclose(first.T @ second, matrix, atol=1e-8)


def test_factors_serve_the_vectors_they_will_meet():
    """A plain decomposition would keep the matrix's largest entry, which meets nothing."""
    matrix = torch.diag(torch.tensor([5.0, 1.0], dtype=torch.float64))
    seldom = torch.diag(torch.tensor([1e-4, 1.0], dtype=torch.float64))
    first, second = factors(matrix, seldom, seldom, 1)
    kept = first.T @ second
    assert kept[1, 1] == pytest.approx(1.0, abs=1e-6)
    assert kept[0, 0] == pytest.approx(0.0, abs=1e-6)
    x, y = drawn(2000, 2) @ seldom.sqrt(), drawn(2000, 2, seed=1) @ seldom.sqrt()

    def error(form):
        return ((x @ (form - matrix)) * y).sum(1).square().mean()

    left, values, right = torch.linalg.svd(matrix)
    plain = (left[:, :1] * values[:1]) @ right[:1]
    assert error(kept) < 0.01 * error(plain)
