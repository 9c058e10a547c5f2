"""What a hardware-aware training minimises: distance from the digital model, and from the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Shares:
    """How the parts of the loss are weighed; see `recipe.HwaRecipe`.

    Attributes:
        distillation: Share of the digital model's outputs; the truth has the rest.
        temperature: Of the outputs, in the divergence.
        states: Weight of the hidden states.
    """

    distillation: float
    temperature: float
    states: float


def divergence(own: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Return the mean Kullback-Leibler divergence from the taught distributions, in nats.

    As Hinton et al. (2015): logits are divided by the temperature T and the divergence multiplied
    by T², so that its gradient keeps its size.

    Args:
        own: Logits, shape (rows, choices).
        taught: Logits of the digital model, of the same shape.
        temperature: T.
    """
    mine = (own / temperature).log_softmax(-1)
    theirs = (taught.float() / temperature).log_softmax(-1)
    return (theirs.exp() * (theirs - mine)).sum(-1).mean() * temperature**2


def state_error(own: Sequence[Tensor], taught: Sequence[Tensor], real: Tensor) -> Tensor:
    """Return the squared error of hidden states as a share of their variance, mean over blocks.

    Args:
        own: What leaves each block, shape (rows, tokens, width) each.
        taught: The same of the digital model.
        real: True where a token is, shape (rows, tokens).
    """
    errors = []
    for mine, theirs in zip(own, taught, strict=True):
        wanted = theirs[real].float()
        spread = (wanted - wanted.mean(0)).square().mean()
        errors.append((mine[real].float() - wanted).square().mean() / spread)
    return torch.stack(errors).mean()


def weighed(shares: Shares, taught: Tensor, truth: Tensor, states: Tensor | None) -> Tensor:
    """Return the loss.

    Args:
        shares: The weights of its parts.
        taught: Divergence from the digital model.
        truth: Cross-entropy of the truth.
        states: Error of the hidden states; None where they do not count.
    """
    loss = shares.distillation * taught + (1.0 - shares.distillation) * truth
    return loss if states is None else loss + shares.states * states
