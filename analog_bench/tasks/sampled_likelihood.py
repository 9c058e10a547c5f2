"""The likelihood of a model's own sampled answers; its gradients show what they depend on."""

from __future__ import annotations

import torch
from torch import Tensor

from analog_bench.tasks.question_answering import QuestionAnswering
from analog_bench.tasks.task import Task


def sampled_log_likelihood(
    task: Task, batch: int, output: Tensor, generator: torch.Generator
) -> tuple[Tensor, int]:
    """Sample an answer to every choice that a model makes in a batch, from its own probabilities.

    A language model chooses at every token, a question-answering model chooses a start and an end
    among the tokens of each window, and a classifier chooses a label.

    Returns:
        The differentiable log-likelihood of all choices, and the number of choices.
    """
    if isinstance(task, QuestionAnswering):
        real = task.batches[batch].attention_mask.to(output.device)
        output = output.transpose(1, 2).masked_fill(real[:, None] == 0, -torch.inf)
    logits = output.flatten(0, -2)
    log_p = logits.log_softmax(-1)
    drawn = torch.multinomial(log_p.detach().exp().cpu(), 1, generator=generator)
    return log_p.gather(1, drawn.to(output.device)).sum(), len(logits)
