"""The loss from hidden states against the plain one, values and gradients."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from training.head_loss import head_loss


def drawn(tokens, width=16, vocabulary=50, dtype=torch.float64):
    generator = torch.Generator().manual_seed(tokens)
    hidden = torch.randn(tokens, width, generator=generator, dtype=dtype)
    weight = torch.randn(vocabulary, width, generator=generator, dtype=dtype)
    targets = torch.randint(vocabulary, (tokens,), generator=generator)
    return hidden.requires_grad_(), weight.requires_grad_(), targets


@pytest.mark.parametrize("tokens", [1, 255, 256, 257, 700])
def test_it_is_the_plain_loss(tokens):
    hidden, weight, targets = drawn(tokens, dtype=torch.float32)
    (head_loss(hidden, weight, targets) * 3).backward()
    ours = hidden.grad.clone(), weight.grad.clone()
    hidden.grad = weight.grad = None
    plain = cross_entropy(hidden @ weight.T, targets)
    (plain * 3).backward()
    assert head_loss(hidden, weight, targets).item() == pytest.approx(plain.item(), rel=1e-5)
    assert torch.allclose(ours[0], hidden.grad, atol=1e-6)
    assert torch.allclose(ours[1], weight.grad, atol=1e-5)


def test_in_bfloat16_it_stays_near():
    hidden, weight, targets = drawn(300, dtype=torch.float32)
    half = hidden.detach().bfloat16().requires_grad_()
    loss = head_loss(half, weight, targets)
    loss.backward()
    plain = cross_entropy(hidden @ weight.T, targets)
    plain.backward()
    assert loss.dtype == weight.grad.dtype == torch.float32
    assert half.grad.dtype == torch.bfloat16
    assert loss.item() == pytest.approx(plain.item(), rel=0.01)
    assert torch.allclose(half.grad.float(), hidden.grad, atol=2e-4)


def test_a_tied_weight_gets_both_gradients():
    _, weight, targets = drawn(20, dtype=torch.float32)
    ids = torch.arange(20)
    head_loss(weight[ids], weight, targets).backward()
    ours = weight.grad.clone()
    weight.grad = None
    cross_entropy(weight[ids] @ weight.T, targets).backward()
    assert torch.allclose(ours, weight.grad, atol=1e-5)
