"""Training inputs for extractive question answering: windows with the answer's token span."""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from analog_bench.hwa.span_batches import token_span
from analog_bench.tasks.qa_windows import Window, WindowLimits, make_windows


def span_features(
    dataset: Dataset, tokenizer: PreTrainedTokenizerFast, limits: WindowLimits
) -> Dataset:
    """Tokenise questions for training.

    Args:
        dataset: SQuAD rows with at least one answer each.
        tokenizer: A fast tokeniser.
        limits: Window length and stride.

    Returns:
        One row a window: `input_ids`, `token_type_ids`, `start_positions`, `end_positions` (token
        indices; both 0, the class token, where the window does not hold the whole answer) and
        `length`.
    """
    windows = make_windows(dataset, tokenizer, limits)
    answers = dataset["answers"]
    return Dataset.from_list([_row(window, answers[window.example]) for window in windows])


def collate(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Pad rows of `span_features` to the longest of them, beside their answers' places."""
    return {
        **padded_pairs(rows),
        "start_positions": torch.tensor([row["start_positions"] for row in rows]),
        "end_positions": torch.tensor([row["end_positions"] for row in rows]),
    }


def padded_pairs(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Pad tokenised pairs of texts to the longest of them (token id 0, masked)."""
    longest = max(len(row["input_ids"]) for row in rows)

    def padded(values: list[list[int]]) -> Tensor:
        return torch.tensor([v + [0] * (longest - len(v)) for v in values])

    return {
        "input_ids": padded([row["input_ids"] for row in rows]),
        "token_type_ids": padded([row["token_type_ids"] for row in rows]),
        "attention_mask": padded([[1] * len(row["input_ids"]) for row in rows]),
    }


def _row(window: Window, answers: dict[str, list[Any]]) -> dict[str, Any]:
    begin = answers["answer_start"][0]
    end = begin + len(answers["text"][0])
    first, last = token_span(window, begin, end)
    return {
        "input_ids": window.input_ids.tolist(),
        "token_type_ids": window.token_type_ids.tolist(),
        "start_positions": first,
        "end_positions": last,
        "length": len(window.input_ids),
    }
