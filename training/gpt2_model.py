"""A GPT-2 to train: first weights, loss, and the two optimisers of its parameters."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import AdamW, Muon
from transformers import GPT2LMHeadModel, PretrainedConfig

from training.head_loss import head_loss

_ROWS_AT_ONCE = 16


def new_model(config: PretrainedConfig, seed: int) -> GPT2LMHeadModel:
    """Return a model with first weights drawn from a seed; the global generator is left alone.

    It computes the same function as the model that is loaded later, by other kernels.
    """
    config = copy.deepcopy(config)
    # The tanh form that GPT-2's own "gelu_new" spells out, as one kernel.
    config.activation_function = "gelu_pytorch_tanh"
    # On a CPU its backward pass takes a third of the fused one's time.
    config._attn_implementation = "eager"
    made: Any = GPT2LMHeadModel  # untyped
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cast(GPT2LMHeadModel, made(config))


def next_token_loss(model: GPT2LMHeadModel, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats, matrix products in bfloat16.

    Args:
        model: The model.
        inputs: Token ids, shape (rows, tokens).
        targets: The token after each, shape (rows, tokens).
    """
    with torch.autocast(inputs.device.type, torch.bfloat16):
        hidden = model.transformer(inputs, use_cache=False).last_hidden_state
    return head_loss(hidden.flatten(0, 1).bfloat16(), model.lm_head.weight, targets.flatten())


def quick_bits_per_byte(model: GPT2LMHeadModel, stream: Tensor, block: int, size: int) -> float:
    """Estimate the bits a byte of a text, in blocks without overlap and in bfloat16.

    Args:
        model: The model.
        stream: Token ids of the text, shape (tokens,), at least 2.
        block: Tokens a block predicts.
        size: UTF-8 bytes of the text.
    """
    length = min(block, len(stream) - 1)
    count = (len(stream) - 1) // length * length
    inputs = stream[:count].long().view(-1, length)
    targets = stream[1 : count + 1].long().view(-1, length)
    nats = 0.0
    device = model.lm_head.weight.device
    with torch.no_grad():
        for begin in range(0, len(inputs), _ROWS_AT_ONCE):
            some, after = (part[begin : begin + _ROWS_AT_ONCE] for part in (inputs, targets))
            mean = next_token_loss(model, some.to(device), after.to(device))
            nats += float(mean) * some.numel()
    # What the last, unfinished block would have cost is taken to be the mean.
    return nats / count * len(stream) / size / math.log(2)


@dataclass(frozen=True, eq=False)
class Optimisers:
    """Muon on the blocks' matrices, AdamW on all else."""

    muon: Muon
    adamw: AdamW

    def step(self, matrix_rate: float, other_rate: float) -> None:
        """Make one step with these learning rates, and forget the gradients."""
        rated: tuple[tuple[Muon | AdamW, float], ...] = (
            (self.muon, matrix_rate),
            (self.adamw, other_rate),
        )
        for optimiser, rate in rated:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()  # type: ignore[no-untyped-call]
            optimiser.zero_grad(set_to_none=True)

    def state(self) -> list[dict[str, Any]]:
        """Return both states, for a checkpoint."""
        return [self.muon.state_dict(), self.adamw.state_dict()]

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Go back to states that `state` returned."""
        self.muon.load_state_dict(states[0])
        self.adamw.load_state_dict(states[1])


def optimisers_of(model: GPT2LMHeadModel, weight_decay: float) -> Optimisers:
    """Return the optimisers of a model's parameters; biases and norms are not decayed."""
    named = dict(model.named_parameters())
    blocks = {name for name, p in named.items() if p.ndim == 2 and ".h." in name}
    matrices = [named[name] for name in named if name in blocks]
    tables = [p for name, p in named.items() if p.ndim == 2 and name not in blocks]
    vectors = [p for p in named.values() if p.ndim < 2]
    return Optimisers(
        # `match_rms_adamw` scales by the longer side only: Conv1D's transposed layout makes no
        # difference.
        muon=Muon(matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
        adamw=AdamW(
            [
                {"params": tables, "weight_decay": weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            betas=(0.9, 0.95),
        ),
    )
