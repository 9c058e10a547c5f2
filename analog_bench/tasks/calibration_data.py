"""Sequences to fit input ranges on, which no evaluation uses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import Dataset
from msgspec import Struct, to_builtins
from torch import nn
from transformers import PreTrainedTokenizerFast

from analog_bench.codec import convert, read_json
from analog_bench.tasks.qa_windows import WindowLimits, make_windows
from analog_bench.tasks.token_batches import Batch, make_batches, unpadded
from analog_bench.zoo.model_heads import HEADS

EMBEDDED_CALIBRATION = Path(__file__).parent / "data" / "calibration.json"
"""This package's own passages, on other topics than the questions it scores."""
_LONGEST = WindowLimits().max_length


class Passage(Struct, frozen=True, forbid_unknown_fields=True):
    """A passage and a question about it."""

    question: str
    context: str


def embedded_passages() -> tuple[Passage, ...]:
    """Return the passages shipped for calibration only."""
    return convert(read_json(EMBEDDED_CALIBRATION), tuple[Passage, ...])


def passages_of(questions: Dataset, count: int) -> tuple[Passage, ...]:
    """Return at most `count` passages, spread over SQuAD rows, each with its first question."""
    first: dict[str, str] = {}
    for context, question in zip(questions["context"], questions["question"], strict=True):
        first.setdefault(context, question)
    passages = [Passage(question, context) for context, question in first.items()]
    return tuple(passages[:: max(1, len(passages) // count)][:count])


@dataclass(frozen=True, eq=False)
class CalibrationInputs:
    """Sequences prepared for one tokeniser.

    Attributes:
        batches: One sequence each, so nothing is padded.
        fingerprint: Hash of the texts and of how they were prepared.
    """

    batches: Sequence[Batch]
    fingerprint: str

    def run(self, model: nn.Module) -> None:
        """Run a model on all of them, so that it can be observed."""
        for batch in self.batches:
            model(**batch.inputs_of(model))


def calibration_inputs(
    passages: Sequence[Passage], tokenizer: PreTrainedTokenizerFast, task: str, positions: int
) -> CalibrationInputs:
    """Tokenise passages, with a question before each for models that may read two segments.

    A sequence longer than the model's `positions`, or than a window of questions, is truncated.
    """
    made = _with_questions if HEADS[task].padded else _alone
    text = json.dumps([task, to_builtins(passages)])
    return CalibrationInputs(
        tuple(made(passages, tokenizer, min(_LONGEST, positions))),
        hashlib.sha256(text.encode()).hexdigest()[:16],
    )


def _with_questions(
    passages: Sequence[Passage], tokenizer: PreTrainedTokenizerFast, longest: int
) -> Iterator[Batch]:
    limits = WindowLimits(longest, longest // 4, min(WindowLimits().max_question, longest // 4))
    windows = make_windows(Dataset.from_list(to_builtins(passages)), tokenizer, limits)
    firsts = {window.example: window for window in reversed(windows)}
    for _, window in sorted(firsts.items()):
        yield from make_batches([window], int(tokenizer.pad_token_id), longest)


def _alone(
    passages: Sequence[Passage], tokenizer: PreTrainedTokenizerFast, longest: int
) -> Iterator[Batch]:
    for passage in passages:
        # Cut here, because the tokeniser would keep the limit and change its fingerprint.
        ids = tokenizer(passage.context, verbose=False)["input_ids"][:longest]
        yield unpadded([0], torch.tensor([ids]))
