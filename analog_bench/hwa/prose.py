"""Prose to train a language model on: articles, their tokens in a row, batches cut from those."""

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
    """Return the articles of SQuAD rows, each context once and in its order.

    Between paragraphs stand a blank line in one half of the articles and a line's end in the other,
    since plain text comes in both ways.

    Args:
        rows: SQuAD rows, from `tasks.squad.read_squad`.
    """
    contexts: dict[str, dict[str, None]] = {}
    for title, context in zip(rows["title"], rows["context"], strict=True):
        contexts.setdefault(title, {}).setdefault(context.strip())
    return [
        Article(title, "\n\n"[place % 2 :].join(texts))
        for place, (title, texts) in enumerate(contexts.items())
    ]


def corpus_hash(found: Iterable[Article]) -> str:
    """Return the sha256 of articles' titles and texts."""
    digest = hashlib.sha256()
    for article in found:
        digest.update(f"{article.title}\n{article.text}\f".encode())
    return digest.hexdigest()


def token_stream(found: Iterable[Article], tokenizer: PreTrainedTokenizerFast) -> NDArray[np.int32]:
    """Return all articles' tokens in a row, with the end-of-text token behind each.

    Args:
        found: The articles.
        tokenizer: The tokeniser, with an end-of-text token.

    Returns:
        Token ids, shape (tokens,).
    """
    backend: Any = tokenizer.backend_tokenizer
    encoded = backend.encode_batch([article.text for article in found], add_special_tokens=False)
    ids = [np.array([*part.ids, tokenizer.eos_token_id], dtype=np.int32) for part in encoded]
    return np.concatenate(ids)


class Rows:
    """An endless, seeded order of rows cut from a token stream.

    In each pass over the stream all rows come once, in a new order, and cut at a new place. Which
    rows a step gets depends on its number alone, so that a training can go on from any step.
    """

    def __init__(self, stream: Tensor, length: int, batch: int, seed: int) -> None:
        """Prepare.

        Args:
            stream: Token ids, shape (tokens,); at least twice `length` of them.
            length: Tokens a row predicts; it holds one more.
            batch: Rows a step.
            seed: Seed of the cuts and the order.

        Raises:
            DataError: The stream is too short for one row.
        """
        self._stream = stream.long()
        self._length = length
        self._batch = batch
        self._seed = seed
        # Cut anywhere in the first row's length, this many rows fit.
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

    def _row(self, lap: int, place: int) -> Tensor:
        if self._order[0] != lap:
            generator = torch.Generator().manual_seed(derive_seed(self._seed, "rows", lap))
            cut = int(torch.randint(self._length, (), generator=generator))
            self._order = (lap, cut, torch.randperm(self.per_pass, generator=generator))
        _, cut, order = self._order
        begin = cut + int(order[place]) * self._length
        return self._stream[begin : begin + self._length + 1]
