"""Prose to train a language model on: articles, their token stream, and batches cut from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from analog_bench.errors import DataError
from analog_bench.seeds import derive_seed


@dataclass(frozen=True)
class Article:
    """One article: its paragraphs in order."""

    title: str
    text: str


def articles(rows: Dataset) -> list[Article]:
    """Return the articles of SQuAD rows, each context once and in order.

    Paragraphs are separated by a blank line in every other article and by a line break in the rest,
    because plain text comes in both forms.
    """
    contexts: dict[str, dict[str, None]] = {}
    for title, context in zip(rows["title"], rows["context"], strict=True):
        contexts.setdefault(title, {}).setdefault(context.strip())
    return [
        Article(title, "\n\n"[number % 2 :].join(texts))
        for number, (title, texts) in enumerate(contexts.items())
    ]


def corpus_hash(corpus: Iterable[Article]) -> str:
    """Return the sha256 of articles' titles and texts."""
    digest = hashlib.sha256()
    for article in corpus:
        digest.update(f"{article.title}\n{article.text}\f".encode())
    return digest.hexdigest()


def token_stream(
    corpus: Iterable[Article], tokenizer: PreTrainedTokenizerFast
) -> NDArray[np.int32]:
    """Return all articles' token ids as one stream, each followed by the end-of-text token."""
    backend: Any = tokenizer.backend_tokenizer
    encoded = backend.encode_batch([article.text for article in corpus], add_special_tokens=False)
    ids = [np.array([*part.ids, tokenizer.eos_token_id], dtype=np.int32) for part in encoded]
    return np.concatenate(ids)


class Rows:
    """An endless, seeded sequence of rows cut from a token stream.

    Each pass over the stream yields every row once, in a new order and cut at a new offset. The
    rows of a step depend only on its number, so a training can resume from any step.
    """

    def __init__(self, stream: Tensor, length: int, batch: int, seed: int) -> None:
        """Prepare `batch` rows per step that predict `length` tokens each and hold one more.

        Raises:
            DataError: The stream, shape (tokens,), is shorter than twice the length.
        """
        self._stream = stream.long()
        self._length = length
        self._batch = batch
        self._seed = seed
        # This many rows fit, wherever in the first row's length the stream is cut.
        self.per_pass = (len(stream) - length) // length
        if self.per_pass < 1:
            raise DataError(
                f"{len(stream)} tokens to train on are too few for rows of {length}; "
                "give --data a file with more text"
            )
        self._order: tuple[int, int, Tensor] = (-1, 0, torch.empty(0))

    def of_step(self, step: int) -> Tensor:
        """Return a step's rows, shape (batch, length + 1); steps count from 0."""
        return torch.stack(
            [self._row(*divmod(step * self._batch + n, self.per_pass)) for n in range(self._batch)]
        )

    def _row(self, epoch: int, number: int) -> Tensor:
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(derive_seed(self._seed, "rows", epoch))
            cut = int(torch.randint(self._length, (), generator=generator))
            self._order = (epoch, cut, torch.randperm(self.per_pass, generator=generator))
        _, cut, order = self._order
        begin = cut + int(order[number]) * self._length
        return self._stream[begin : begin + self._length + 1]
