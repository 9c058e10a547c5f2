"""Questions about whole articles that a training never sees, to measure it by as it goes."""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from torch import nn
from transformers import PreTrainedTokenizerFast

from analog_bench.tasks.qa_windows import WindowLimits
from analog_bench.tasks.question_answering import QaProtocol, QuestionAnswering


class HeldOutQuestions:
    """A fixed sample of held-out questions."""

    def __init__(
        self,
        questions: Dataset,
        tokenizer: PreTrainedTokenizerFast,
        limits: WindowLimits,
        count: int,
    ) -> None:
        """Tokenise at most `count` questions, spread over the SQuAD rows."""
        spread = range(0, len(questions), max(1, len(questions) // count))[:count]
        self._task = QuestionAnswering(
            "held out", questions.select(spread), tokenizer, QaProtocol(limits)
        )

    def f1(self, model: nn.Module) -> float:
        """Return the mean F1 in points of a model's answers, computed in bfloat16."""
        device = next(model.parameters()).device
        outputs = []
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            for batch in self._task.batches:
                out: Any = model(
                    input_ids=batch.input_ids.to(device),
                    token_type_ids=batch.token_type_ids.to(device),
                    attention_mask=batch.attention_mask.to(device),
                )
                logits = torch.stack([out.start_logits, out.end_logits], dim=-1)
                outputs.append(logits.float().cpu())
        return self._task.mean(self._task.score(outputs))["f1"]
