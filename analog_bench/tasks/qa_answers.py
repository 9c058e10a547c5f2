"""From start and end logits to answer texts, and their SQuAD v1.1 exact match and F1."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from analog_bench.tasks.qa_windows import Window
from analog_bench.tasks.token_batches import Batch

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Span:
    """A window's best answer: sum of start and end logit, and `[begin, end)` in the context."""

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

    A valid span has 1 to `max_answer_tokens` tokens inside the context. Ties go to the earliest
    start, then to the shortest span. Logits have shape (inputs, tokens). A NaN logit makes that
    span's score NaN.
    """
    inside = torch.zeros(start_logits.shape, dtype=torch.bool)
    for row, window in enumerate(batch.windows):
        begins = torch.from_numpy(windows[window].offsets[:, 0])
        inside[row, : len(begins)] = begins >= 0
    starts = start_logits.float().cpu().masked_fill(~inside, -torch.inf)
    ends = end_logits.float().cpu().masked_fill(~inside, -torch.inf)
    tokens = starts.shape[1]
    width = min(max_answer_tokens, tokens)
    # ahead[:, i, k] is the end logit k tokens after i; there is none beyond the last token.
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
    """Return the best-scored answer of each example, from pairs of window row and span."""
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


def normalise_answer(text: str) -> str:
    """Normalise in the order of the official SQuAD v1.1 evaluation (Rajpurkar et al. 2016)."""
    bare = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """Return 100 if the normalised prediction equals any normalised gold answer, else 0."""
    found = normalise_answer(prediction)
    return 100.0 * any(found == normalise_answer(gold) for gold in golds)


def token_f1(prediction: str, golds: Sequence[str]) -> float:
    """Return the largest token F1 over the gold answers, in percent.

    F1 = 2PR / (P + R) over the bags of words of the normalised texts; 0 if they share no word.
    """
    return 100.0 * max(_f1(prediction, gold) for gold in golds)


def _f1(prediction: str, gold: str) -> float:
    found, wanted = normalise_answer(prediction).split(), normalise_answer(gold).split()
    shared = sum((Counter(found) & Counter(wanted)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(found), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)
