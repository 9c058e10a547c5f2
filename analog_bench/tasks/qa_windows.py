"""Cut questions and contexts into token windows that a model can read."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from analog_bench.tasks.token_batches import Encoded


@dataclass(frozen=True)
class WindowLimits:
    """How a long context is cut.

    A window holds at most `max_length` tokens, including the question and special tokens.
    Neighbouring windows of a context share `stride` tokens. Questions longer than `max_question`
    tokens are truncated.
    """

    max_length: int = 320
    stride: int = 128
    max_question: int = 64


@dataclass(frozen=True, eq=False)
class Window(Encoded):
    """A question and a part of its context, from a row (`example`) of the data.

    The token type is 0 for the question, 1 for the context. `offsets`, shape (tokens, 2), are
    character spans in the context; (-1, -1) for tokens outside it.
    """

    example: int
    offsets: NDArray[np.int64]


def make_windows(
    dataset: Dataset, tokenizer: PreTrainedTokenizerFast, limits: WindowLimits
) -> list[Window]:
    """Tokenise every question with its context, in the order of the rows, cutting long contexts.

    The tokeniser must be a fast one, because character offsets are needed. A token followed by
    combining marks is extended beyond them: tokenisers that strip accents leave them out, and an
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


def _behind_marks(context: str) -> NDArray[np.int64]:
    """Return, for each position in a context and its end, the next one without a combining mark."""
    places = np.arange(len(context) + 1)
    if not context.isascii():
        for place in reversed(range(len(context))):
            if unicodedata.category(context[place]) in ("Mn", "Me"):
                places[place] = places[place + 1]
    return places


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
