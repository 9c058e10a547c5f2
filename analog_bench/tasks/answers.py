"""From start and end logits to answer texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from analog_bench.tasks.windows import Batch, Window


@dataclass(frozen=True)
class Span:
    """The best answer of one window.

    Attributes:
        score: Start logit plus end logit.
        begin: First character of the answer in the context.
        end: Character behind its last.
    """

    score: float
    begin: int
    end: int


def best_spans(
    start_logits: Tensor,
    end_logits: Tensor,
    batch: Batch,
    windows: Sequence[Window],
    max_answer_tokens: int,
) -> list[Span]:
    """Find each window's best span: the largest sum of logits over all valid spans, exactly.

    Valid is a span of 1 to `max_answer_tokens` tokens inside the context. Ties go to the earliest
    start, then to the shortest span.

    Args:
        start_logits: Shape (inputs, tokens).
        end_logits: Shape (inputs, tokens).
        batch: The inputs.
        windows: All windows; the batch names its own by row.
        max_answer_tokens: Tokens an answer has at most.

    Returns:
        One span an input. A logit that is not a number makes that span's score not a number.
    """
    inside = torch.zeros(start_logits.shape, dtype=torch.bool)
    for row, window in enumerate(batch.windows):
        begins = torch.from_numpy(windows[window].offsets[:, 0])
        inside[row, : len(begins)] = begins >= 0
    starts = start_logits.float().cpu().masked_fill(~inside, -torch.inf)
    ends = end_logits.float().cpu().masked_fill(~inside, -torch.inf)
    tokens = starts.shape[1]
    width = min(max_answer_tokens, tokens)
    # ahead[:, i, k] is the end logit k tokens behind i; beyond the last token there is none.
    padded = torch.nn.functional.pad(ends, (0, width - 1), value=-torch.inf)
    ahead = padded.unfold(1, width, 1)
    scores, flat = (starts.unsqueeze(2) + ahead).flatten(1).max(dim=1)
    spans = []
    for window, score, place in zip(batch.windows, scores.tolist(), flat.tolist(), strict=True):
        offsets = windows[window].offsets
        first, extra = divmod(place, width)
        last = min(first + extra, len(offsets) - 1)
        spans.append(Span(score, int(offsets[min(first, last), 0]), int(offsets[last, 1])))
    return spans


def choose_answers(
    spans: Iterable[tuple[int, Span]], windows: Sequence[Window], contexts: Sequence[str]
) -> list[str]:
    """Take, for every example, the span with the best score over its windows.

    Args:
        spans: Pairs of window row and that window's best span.
        windows: All windows.
        contexts: Context of each example.
    """
    best: dict[int, tuple[float, int, Span]] = {}
    for row, span in spans:
        example = windows[row].example
        # An earlier window wins a tie, whatever the order of the batches.
        key = (span.score, -row)
        if example not in best or key > best[example][:2]:
            best[example] = (*key, span)
    return [
        contexts[example][best[example][2].begin : best[example][2].end]
        for example in range(len(contexts))
    ]
