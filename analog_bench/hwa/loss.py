"""The loss of hardware-aware training: distance from the digital model and from the truth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.hwa.training_data import TrainingBatch


def distillation_loss(
    student: nn.Module,
    teacher: nn.Module,
    batch: TrainingBatch,
    recipe: HwaRecipe,
    stands_for: Sequence[int] | None = None,
) -> Tensor:
    """Return the loss of a batch: the weighted sum of divergence, cross-entropy and state error.

    The student is on tiles, the teacher is digital. Without an `attention_mask` every token is
    real. If a student has fewer blocks than the teacher, `stands_for` holds, for each of its
    blocks, the index of the teacher's block whose states it should match.
    """
    ids = batch.inputs["input_ids"]
    with_states, half = recipe.states > 0, recipe.precision == "bfloat16"
    with torch.no_grad(), torch.autocast(ids.device.type, torch.bfloat16, enabled=half):
        taught = teacher(**batch.inputs, output_hidden_states=with_states)
    own = student(**batch.inputs, output_hidden_states=with_states)
    mine = batch.logits(own)
    divergences = [
        divergence(one, theirs, recipe.temperature)
        for one, theirs in zip(mine, batch.logits(taught), strict=True)
    ]
    truths = [cross_entropy(one, true) for one, true in zip(mine, batch.targets, strict=True)]
    loss = recipe.distillation * torch.stack(divergences).mean()
    loss = loss + (1.0 - recipe.distillation) * torch.stack(truths).mean()
    if not with_states:
        return loss
    real = batch.inputs.get("attention_mask", torch.ones_like(ids)).bool()
    states = taught.hidden_states[1:]
    if stands_for is not None:
        states = [states[block] for block in stands_for]
    error = state_error(own.hidden_states[1:], states, real)
    return loss + recipe.states * error


def divergence(own: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Return the mean Kullback-Leibler divergence from the taught distributions, in nats.

    As in Hinton et al. (2015), logits are divided by the temperature T and the divergence is
    multiplied by T², so that its gradient keeps its size. Both logits have shape (rows, choices).
    """
    mine = (own / temperature).log_softmax(-1)
    theirs = (taught / temperature).log_softmax(-1)
    return (theirs.exp() * (theirs - mine)).sum(-1).mean() * temperature**2


def state_error(own: Sequence[Tensor], taught: Sequence[Tensor], real: Tensor) -> Tensor:
    """Return the squared error of hidden states as a share of their variance, mean over blocks.

    States have shape (rows, tokens, width). `real`, shape (rows, tokens), is True where there is a
    token.
    """
    # Padding has weight 0: selecting tokens would make a GPU wait for their number.
    weight = real.unsqueeze(-1).float()
    weight = weight / weight.sum()
    errors = []
    for mine, theirs in zip(own, taught, strict=True):
        wanted = theirs.float()
        centred = wanted - (wanted * weight).sum((0, 1))
        error = (mine.float() - wanted).square()
        errors.append((error * weight).sum() / (centred.square() * weight).sum())
    return torch.stack(errors).mean()
