"""What input ranges are fitted on: sequences that no evaluation uses."""

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
"""This package's own passages: about other things than its questions to score."""
_LONGEST = WindowLimits().max_length


class Passage(Struct, frozen=True, forbid_unknown_fields=True):
    """A passage and a question about it."""

    question: str
    context: str


def embedded_passages() -> tuple[Passage, ...]:
    """Return the passages that come with this package for calibration and for nothing else."""
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
    """Sequences made ready for one tokeniser.

    Attributes:
        batches: One sequence each, so that nothing is padded.
        fingerprint: Of the texts, and of what was made of them.
    """

    batches: Sequence[Batch]
    fingerprint: str

    def run(self, model: nn.Module) -> None:
        """Let a model compute all of them, for what can be observed in it."""
        for batch in self.batches:
            model(**batch.inputs_of(model))


def calibration_inputs(
    passages: Sequence[Passage], tokenizer: PreTrainedTokenizerFast, task: str, positions: int
) -> CalibrationInputs:
    """Tokenise passages, with a question before each for models that may read two segments.

    What is longer than the model's `positions`, or than a window of questions, loses its end.
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
        # Cut here: the tokeniser would keep the limit, and have another fingerprint with it.
        ids = tokenizer(passage.context, verbose=False)["input_ids"][:longest]
        yield unpadded([0], torch.tensor([ids]))
