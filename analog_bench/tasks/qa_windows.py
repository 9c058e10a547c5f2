"""Questions and contexts as token windows a model can read, and batches of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from analog_bench.zoo.model_builder import taken_by


@dataclass(frozen=True)
class WindowLimits:
    """How a long context is cut.

    A window holds at most `max_length` tokens, question and special ones included; neighbouring
    ones of a context share `stride`. Questions longer than `max_question` tokens lose their end.
    """

    max_length: int = 320
    stride: int = 128
    max_question: int = 64


@dataclass(frozen=True, eq=False)
class Window:
    """One model input: a question and a stretch of its context, from a row (`example`) of the data.

    Ids have shape (tokens,); the type is 0 for the question, 1 for the context. `offsets`, shape
    (tokens, 2), are character spans in the context; (-1, -1) for tokens outside it.
    """

    example: int
    input_ids: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]
    offsets: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows of like length, padded to the longest only; tensors of shape (inputs, tokens).

    `windows` holds each input's row in the list of windows. Token types are as those of windows, 0
    for padding; the attention mask is 1 where there is a token.
    """

    windows: tuple[int, ...]
    input_ids: Tensor
    token_type_ids: Tensor
    attention_mask: Tensor

    def inputs_of(self, model: nn.Module) -> dict[str, Tensor]:
        """Return what a model takes of the batch, by the names of its parameters, on its device."""
        device = next(model.parameters()).device
        names = ("input_ids", "token_type_ids", "attention_mask")
        taken = taken_by(model, {name: getattr(self, name) for name in names})
        return {name: tensor.to(device) for name, tensor in taken.items()}


def unpadded(rows: Sequence[int], ids: Tensor) -> Batch:
    """Return a batch of one segment without padding."""
    return Batch(tuple(rows), ids, torch.zeros_like(ids), torch.ones_like(ids))


def make_windows(
    dataset: Dataset, tokenizer: PreTrainedTokenizerFast, limits: WindowLimits
) -> list[Window]:
    """Tokenise every question with its context, in the order of the rows, cutting long contexts.

    The tokeniser must be a fast one: character offsets are needed. A token that ends where
    combining marks follow reaches beyond them: tokenisers that strip accents leave them out, and an
    answer would end in the middle of a character.
    """
    questions = _shortened(list(dataset["question"]), tokenizer, limits.max_question)
    contexts = list(dataset["context"])
    encoded = tokenizer(
        questions,
        contexts,
        truncation="only_second",
        padding=False,
        max_length=limits.max_length,
        stride=limits.stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=True,
    )
    windows = []
    for row, example in enumerate(encoded["overflow_to_sample_mapping"]):
        inside = np.array([part == 1 for part in encoded.sequence_ids(row)])
        offsets = np.array(encoded["offset_mapping"][row], dtype=np.int64)
        offsets[inside, 1] = _behind_marks(contexts[example])[offsets[inside, 1]]
        offsets[~inside] = -1
        windows.append(
            Window(
                example=int(example),
                input_ids=np.array(encoded["input_ids"][row], dtype=np.int64),
                token_type_ids=np.array(encoded["token_type_ids"][row], dtype=np.int64),
                offsets=offsets,
            )
        )
    return windows


def make_batches(windows: Sequence[Window], pad_id: int, batch_tokens: int) -> list[Batch]:
    """Sort windows by length and cut them into batches of at most `batch_tokens`, padding included.

    The cut depends on the windows alone, so every case of a run sees the same batches; a window
    longer than that makes a batch of its own. The longest come first, and with them the largest
    allocation.
    """
    return [
        _padded([(w, windows[w]) for w in chunk], pad_id)
        for chunk in chunks([len(w.input_ids) for w in windows], batch_tokens)
    ]


def chunks(
    lengths: Sequence[int], batch_tokens: int, *, equal: bool = False
) -> Iterator[list[int]]:
    """Yield the rows of each batch, the longest first; `equal` keeps lengths apart."""
    chunk: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        full = chunk and (len(chunk) + 1) * lengths[chunk[0]] > batch_tokens
        if full or (chunk and equal and lengths[row] != lengths[chunk[0]]):
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk


def _behind_marks(context: str) -> NDArray[np.int64]:
    """Return for each place in a context, its end included, the next where no mark stands."""
    places = np.arange(len(context) + 1)
    if not context.isascii():
        for place in reversed(range(len(context))):
            if unicodedata.category(context[place]) in ("Mn", "Me"):
                places[place] = places[place + 1]
    return places


def _padded(members: list[tuple[int, Window]], pad_id: int) -> Batch:
    longest = max(len(window.input_ids) for _, window in members)
    shape = (len(members), longest)
    ids = torch.full(shape, pad_id, dtype=torch.long)
    types = torch.zeros(shape, dtype=torch.long)
    mask = torch.zeros(shape, dtype=torch.long)
    for row, (_, window) in enumerate(members):
        length = len(window.input_ids)
        ids[row, :length] = torch.from_numpy(window.input_ids)
        types[row, :length] = torch.from_numpy(window.token_type_ids)
        mask[row, :length] = 1
    return Batch(tuple(index for index, _ in members), ids, types, mask)


def _shortened(
    questions: list[str], tokenizer: PreTrainedTokenizerFast, max_question: int
) -> list[str]:
    encoded = tokenizer(
        questions,
        add_special_tokens=False,
        return_offsets_mapping=True,
        truncation=False,
        padding=False,
    )
    return [
        question if len(offsets) <= max_question else question[: offsets[max_question - 1][1]]
        for question, offsets in zip(questions, encoded["offset_mapping"], strict=True)
    ]
