"""Questions about whole articles that a training never sees, to measure it by as it goes."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from datasets import Dataset
from torch import nn
from transformers import PreTrainedTokenizerFast

from analog_bench.errors import DataError
from analog_bench.tasks.question_answering import QaProtocol, QuestionAnswering
from analog_bench.tasks.windows import WindowLimits


def part_questions(questions: Dataset, articles: int) -> tuple[Dataset, Dataset]:
    """Part questions into those to train on and those about held-out articles.

    The parting depends on the titles alone: the articles with the smallest hashes are held out.

    Args:
        questions: SQuAD rows.
        articles: How many articles to hold out.

    Returns:
        To train on, and held out; both in their order.

    Raises:
        DataError: Nothing would be held out, or left to train on.
    """
    titles = list(questions["title"])
    ranked = sorted(set(titles), key=lambda title: hashlib.sha256(title.encode()).digest())
    if not 0 < articles < len(ranked):
        raise DataError(
            f"the data has questions about {len(ranked)} articles, of which {articles} are to be "
            "held out: at least one is needed on either side; give --data a file with more articles"
        )
    held = set(ranked[:articles])
    return (
        questions.select([n for n, title in enumerate(titles) if title not in held]),
        questions.select([n for n, title in enumerate(titles) if title in held]),
    )


class HeldOut:
    """A fixed sample of held-out questions."""

    def __init__(
        self,
        questions: Dataset,
        tokenizer: PreTrainedTokenizerFast,
        limits: WindowLimits,
        count: int,
    ) -> None:
        """Tokenise.

        Args:
            questions: SQuAD rows.
            tokenizer: A fast tokeniser.
            limits: Window length and stride.
            count: Questions at most, spread over the rows.
        """
        spread = range(0, len(questions), max(1, len(questions) // count))[:count]
        self._task = QuestionAnswering(
            "held out", questions.select(spread), tokenizer, QaProtocol(limits)
        )

    def f1(self, model: nn.Module) -> float:
        """Return the mean F1 in points of a model's answers, computed in bfloat16."""
        device = next(model.parameters()).device
        found = []
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            for batch in self._task.batches:
                out: Any = model(
                    input_ids=batch.input_ids.to(device),
                    token_type_ids=batch.token_type_ids.to(device),
                    attention_mask=batch.attention_mask.to(device),
                )
                logits = torch.stack([out.start_logits, out.end_logits], dim=-1)
                found.append(logits.float().cpu())
        return self._task.mean(self._task.score(found))["f1"]
