"""The activations of a BERT for some inputs, which a small model is fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from analog_bench.hwa.span_batches import SpanBatch


@dataclass(frozen=True, eq=False)
class TeacherView:
    """Activations at the real tokens of a batch, float32.

    Attributes:
        hidden: What enters each block, and what leaves the last one; each of shape (tokens, width).
        attended: What enters each block's feed-forward part; each of shape (tokens, width).
        state: The teacher's parameters by name, without the name of the base model.
        heads: Attention heads a block.
    """

    hidden: tuple[Tensor, ...]
    attended: tuple[Tensor, ...]
    state: dict[str, Tensor]
    heads: int


def view_of(teacher: nn.Module, batch: SpanBatch) -> TeacherView:
    """Run a `BertForQuestionAnswering` on a batch and keep what its blocks compute."""
    model: Any = teacher
    real = batch.attention_mask.bool()
    attended: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        attended.append(output[real])

    hooks = [
        block.attention.output.register_forward_hook(keep) for block in model.bert.encoder.layer
    ]
    try:
        with torch.no_grad():
            output = model(**batch.inputs, output_hidden_states=True)
    finally:
        for hook in hooks:
            hook.remove()
    return TeacherView(
        hidden=tuple(hidden[real] for hidden in output.hidden_states),
        attended=tuple(attended),
        state={k.removeprefix("bert."): v.detach() for k, v in model.state_dict().items()},
        heads=model.config.num_attention_heads,
    )
