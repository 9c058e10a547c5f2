"""The question-answering task: SQuAD v1.1 questions, windows, scores, and their fingerprint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from analog_bench.records import Metric
from analog_bench.seeds import derive_seed
from analog_bench.tasks.qa_answers import best_spans, choose_answers, exact_match, token_f1
from analog_bench.tasks.qa_sources import load_questions
from analog_bench.tasks.qa_windows import WindowLimits, make_windows
from analog_bench.tasks.squad_files import content_hash
from analog_bench.tasks.task import fingerprint
from analog_bench.tasks.task_kinds import KINDS
from analog_bench.tasks.token_batches import make_batches, tokens_at_once
from analog_bench.zoo.devices import CPU
from analog_bench.zoo.model_loading import LoadedModel

_GUESSES = 5


@dataclass(frozen=True)
class QaProtocol:
    """Everything besides the data and the tokeniser that a score depends on.

    The defaults are those of the published BERT models. A batch holds at most `batch_tokens`,
    padding included: few enough for a processor's cache and for little padding. The number is part
    of the protocol because noise is drawn batch by batch. On a GPU, which draws other numbers, it
    stands for `tokens_at_once`.
    """

    limits: WindowLimits = field(default_factory=WindowLimits)
    max_answer_tokens: int = 30
    batch_tokens: int = 1024


def protocol_for(positions: int) -> QaProtocol:
    """Return the protocol of a model that reads this many tokens, with shorter windows if needed.

    The parts of a shorter window keep their proportions.
    """
    usual = QaProtocol()
    length = min(positions, usual.limits.max_length)
    if length == usual.limits.max_length:
        return usual
    return QaProtocol(WindowLimits(length, 2 * length // 5, length // 5))


def needed_positions() -> int:
    """Return the tokens of the shortest window that holds a short question and a sentence."""
    return 64


def make_task(
    source: str, loaded: LoadedModel, *, examples: int | None, data_folder: Path | None, lock: Path
) -> QuestionAnswering:
    """Prepare questions for a model; see `task_kinds.TaskModule`."""
    found = load_questions(source, examples=examples, data_folder=data_folder, lock=lock)
    protocol = protocol_for(loaded.spec.structure.positions)
    device = loaded.model.device.type
    return QuestionAnswering(found.name, found.rows, loaded.tokenizer, protocol, device=device)


class QuestionAnswering:
    """SQuAD questions prepared for one tokeniser, and the scoring of logits. See `Task`.

    Batches come longest first. The scores are F1 and EM, both in points (percent).
    """

    metrics: tuple[Metric, ...] = KINDS["qa"].metrics
    by_token = False

    def __init__(
        self,
        name: str,
        questions: Dataset,
        tokenizer: PreTrainedTokenizerFast,
        protocol: QaProtocol | None = None,
        *,
        device: str = CPU,
    ) -> None:
        used = protocol or QaProtocol()
        self.name = name
        self.data = f"{name} questions"
        self.questions = questions
        self.examples = len(questions)
        self.windows = make_windows(questions, tokenizer, used.limits)
        tokens = tokens_at_once(used.batch_tokens, device)
        self.batches = make_batches(self.windows, int(tokenizer.pad_token_id), tokens)
        self.protocol = fingerprint(
            "question answering",
            tokenizer,
            self.metrics,
            {"data": content_hash(questions), "protocol": asdict(used)},
        )
        self._contexts = list(questions["context"])
        self._golds = [answer["text"] for answer in questions["answers"]]
        self._max_answer_tokens = used.max_answer_tokens

    @cached_property
    def chance(self) -> dict[str, float]:
        """Mean scores of guessing: spans picked by random logits."""
        rng = np.random.default_rng(derive_seed(0, "chance", self.protocol))
        drawn: list[dict[str, tuple[float, ...]]] = []
        for _ in range(_GUESSES):
            shapes = ((*batch.input_ids.shape, 2) for batch in self.batches)
            drawn.append(self.score([torch.from_numpy(rng.normal(size=s)) for s in shapes]))
        return {
            metric.name: fmean(fmean(scores[metric.name]) for scores in drawn)
            for metric in self.metrics
        }

    def answers(self, logits: Sequence[Tensor]) -> list[str]:
        """Return one answer per question from each batch's logits, shape (inputs, tokens, 2)."""
        spans = [
            (row, span)
            for batch, out in zip(self.batches, logits, strict=True)
            for row, span in zip(
                batch.windows,
                best_spans(out[..., 0], out[..., 1], batch, self.windows, self._max_answer_tokens),
                strict=True,
            )
        ]
        return choose_answers(spans, self.windows, self._contexts)

    def score(self, logits: Sequence[Tensor]) -> dict[str, tuple[float, ...]]:
        """Return F1 and EM of every question, in points, in the order of the data."""
        answers = self.answers(logits)
        return {
            "f1": tuple(token_f1(a, g) for a, g in zip(answers, self._golds, strict=True)),
            "em": tuple(exact_match(a, g) for a, g in zip(answers, self._golds, strict=True)),
        }

    def run(self, model: nn.Module, batch: int) -> Tensor:
        """Return a model's start and end logits, shape (inputs, tokens, 2)."""
        out = model(**self.batches[batch].inputs_of(model))
        return torch.stack([out.start_logits, out.end_logits], dim=-1)

    def reduce(self, batch: int, logits: Tensor) -> Tensor:
        """Return the logits unchanged: an answer can depend on all of them."""
        return logits

    def mean(self, per_example: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """Return each metric's plain mean over the questions."""
        return {name: fmean(scores) for name, scores in per_example.items()}

    @property
    def counts(self) -> dict[str, int]:
        """Amount that was scored, by kind."""
        return {"questions": self.examples}

    def texts(self, reduced: Sequence[Tensor]) -> tuple[str, ...]:
        """Return an empty tuple: answers are parts of the input."""
        return ()
