"""How likely a model finds answers that it draws itself: its gradients say what it depends on."""

from __future__ import annotations

import torch
from torch import Tensor

from analog_bench.tasks.question_answering import QuestionAnswering
from analog_bench.tasks.task import Task


def sampled_log_likelihood(
    task: Task, batch: int, output: Tensor, generator: torch.Generator
) -> tuple[Tensor, int]:
    """Draw an answer of every choice that a model makes in a batch, from its own probabilities.

    Returns the log-likelihood of all of them, which gradients flow through, and how many there are.
    A language model chooses at every token, one that answers questions chooses a start and an end
    among the tokens of each window, and a classifier chooses a label.
    """
    if isinstance(task, QuestionAnswering):
        real = task.batches[batch].attention_mask.to(output.device)
        output = output.transpose(1, 2).masked_fill(real[:, None] == 0, -torch.inf)
    logits = output.flatten(0, -2)
    log_p = logits.log_softmax(-1)
    drawn = torch.multinomial(log_p.detach().exp().cpu(), 1, generator=generator)
    return log_p.gather(1, drawn.to(output.device)).sum(), len(logits)
