"""An endless, seeded sequence of question-answering windows in batches of similar length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from analog_bench.errors import DataError
from analog_bench.seeds import derive_seed
from analog_bench.tasks.qa_windows import Window, WindowLimits, make_windows
from analog_bench.tasks.token_batches import Encoded, padded

_ROWS_AT_ONCE = 4000
_BATCHES_SORTED_TOGETHER = 50


@dataclass(frozen=True, eq=False)
class SpanBatch:
    """Windows with the spans of their answers.

    Attributes:
        input_ids: Shape (windows, tokens); 0 is padding.
        token_type_ids: Shape (windows, tokens).
        attention_mask: 1 where there is a token, shape (windows, tokens).
        spans: First and last token of each answer, (0, 0) if a window does not contain it; shape
            (windows, 2).
    """

    input_ids: Tensor
    token_type_ids: Tensor
    attention_mask: Tensor
    spans: Tensor

    @property
    def inputs(self) -> dict[str, Tensor]:
        """The keyword arguments of a model."""
        return {
            "input_ids": self.input_ids,
            "token_type_ids": self.token_type_ids,
            "attention_mask": self.attention_mask,
        }

    def to(self, device: torch.device) -> SpanBatch:
        """Return the batch on a device."""
        return SpanBatch(*(sent(part, device) for part in (*self.inputs.values(), self.spans)))


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a CPU tensor on a device, without waiting for a GPU."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class _Row(NamedTuple):
    ids: NDArray[np.int64]  # of 32 bits: there are 80,000 of these
    context: int
    span: tuple[int, int]


class SpanBatches:
    """Windows by step; they depend only on its number, so a training can resume from any step.

    In each pass over the data every window occurs once, except the few left over by the batch size.
    """

    def __init__(
        self,
        questions: Dataset,
        tokenizer: PreTrainedTokenizerFast,
        limits: WindowLimits,
        batch: int,
        seed: int,
    ) -> None:
        """Tokenise SQuAD rows, for `batch` windows per step in an order drawn from `seed`.

        Raises:
            DataError: There are fewer windows than a batch holds.
        """
        self._batch = batch
        self._seed = seed
        self._rows = _rows(questions, tokenizer, limits)
        self._order: tuple[int, list[list[int]]] = (-1, [])
        self.per_pass = len(self._rows) // batch
        if not self.per_pass:
            raise DataError(
                f"{len(self._rows)} windows to train on are too few for batches of {batch}; "
                "give --data a file with more questions"
            )

    def __len__(self) -> int:
        return len(self._rows)

    def of_step(self, step: int) -> SpanBatch:
        """Return a step's windows; steps count from 0."""
        epoch, number = divmod(step, self.per_pass)
        if self._order[0] != epoch:
            self._order = (epoch, self._batches(epoch))
        return _padded([self._rows[n] for n in self._order[1][number]])

    def sample(self, count: int) -> SpanBatch:
        """Return up to `count` windows in one batch, spread over the data."""
        step = max(1, len(self._rows) // count)
        return _padded(self._rows[::step][:count])

    def token_counts(self, vocabulary: int) -> Tensor:
        """Return how often each token occurs, shape (vocabulary,)."""
        ids = np.concatenate([row.ids for row in self._rows])
        return torch.from_numpy(np.bincount(ids, minlength=vocabulary))

    def _batches(self, epoch: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed(derive_seed(self._seed, "windows", epoch))
        order = torch.randperm(len(self._rows), generator=generator).tolist()
        order = order[: self.per_pass * self._batch]
        together = self._batch * _BATCHES_SORTED_TOGETHER
        batches: list[list[int]] = []
        for begin in range(0, len(order), together):
            like = sorted(order[begin : begin + together], key=lambda n: len(self._rows[n].ids))
            batches += [like[n : n + self._batch] for n in range(0, len(like), self._batch)]
        return [batches[n] for n in torch.randperm(len(batches), generator=generator).tolist()]


def unambiguous(dataset: Dataset) -> Dataset:
    """Keep the questions whose (first) gold answer occurs exactly once in its context.

    If it occurs more often, the recorded position may be that of another occurrence, and training
    would teach the wrong span. Scoring is unaffected, because it compares texts.
    """
    return dataset.filter(
        lambda row: row["context"].count(row["answers"]["text"][0]) == 1, load_from_cache_file=False
    )


def token_span(window: Window, begin: int, end: int) -> tuple[int, int]:
    """Return the first and last token of context characters [begin, end), or (0, 0) if cut off."""
    starts, ends = window.offsets[:, 0], window.offsets[:, 1]
    touched = ((starts < end) & (ends > begin) & (starts >= 0)).nonzero()[0]
    if not len(touched) or starts[touched[0]] > begin or ends[touched[-1]] < end:
        return 0, 0
    return int(touched[0]), int(touched[-1])


def _rows(
    questions: Dataset, tokenizer: PreTrainedTokenizerFast, limits: WindowLimits
) -> list[_Row]:
    # A part at a time: the tokeniser's own form of 80,000 windows takes gigabytes.
    rows: list[_Row] = []
    for begin in range(0, len(questions), _ROWS_AT_ONCE):
        part = questions.select(range(begin, min(begin + _ROWS_AT_ONCE, len(questions))))
        answers = part["answers"]
        for window in make_windows(part, tokenizer, limits):
            gold = answers[window.example]
            begin, text = int(gold["answer_start"][0]), str(gold["text"][0])
            ids: Any = window.input_ids.astype(np.int32)
            context = int((window.token_type_ids == 0).sum())
            rows.append(_Row(ids, context, token_span(window, begin, begin + len(text))))
    return rows


def _padded(rows: Sequence[_Row]) -> SpanBatch:
    types = [(np.arange(len(row.ids)) >= row.context).astype(np.int64) for row in rows]
    members = [(n, Encoded(row.ids, types[n])) for n, row in enumerate(rows)]
    batch, spans = padded(members, 0), torch.tensor([row.span for row in rows])
    return SpanBatch(batch.input_ids, batch.token_type_ids, batch.attention_mask, spans)
