"""What a small question answerer is trained on: its teacher's states and answers, and the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from analog_bench.hwa.loss import divergence, state_error
from analog_bench.hwa.span_batches import SpanBatch


@dataclass(frozen=True, eq=False)
class Losses:
    """The parts of a step's loss; scalars that gradients flow back from.

    Attributes:
        states: Mean over embeddings and blocks of the squared error of the hidden states, as a
            share of the teacher's variance.
        answers: Kullback-Leibler divergence from the teacher's places of start and end, nats.
        truth: Cross-entropy of the true places, nats.
    """

    states: Tensor
    answers: Tensor
    truth: Tensor

    def total(self, states: float, answers: float, truth: float) -> Tensor:
        """Return the weighted sum."""
        return states * self.states + answers * self.answers + truth * self.truth

    def numbers(self) -> tuple[float, float, float]:
        """Return the three as plain numbers."""
        return float(self.states.detach()), float(self.answers.detach()), float(self.truth.detach())


def distillation_losses(student: Any, teacher: Any, batch: SpanBatch) -> Losses:
    """Compare a student with its teacher and with the truth, in float32.

    Args:
        student: Its output, with `start_logits`, `end_logits` and `hidden_states`.
        teacher: The teacher's output for the same batch, as deep and wide.
        batch: The inputs.
    """
    real = batch.attention_mask.bool()

    def masked(output: Any) -> list[Tensor]:
        both = (output.start_logits, output.end_logits)
        return [logits.float().masked_fill(~real, -1e4) for logits in both]

    own, taught = masked(student), masked(teacher)
    answers = [divergence(mine, theirs, 1.0) for mine, theirs in zip(own, taught, strict=True)]
    truth = [
        -logits.log_softmax(-1).gather(1, batch.spans[:, end, None]).mean()
        for end, logits in enumerate(own)
    ]
    return Losses(
        states=state_error(student.hidden_states, teacher.hidden_states, real),
        answers=torch.stack(answers).mean(),
        truth=torch.stack(truth).mean(),
    )
