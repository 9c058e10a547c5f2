"""The data of a training and of its validation, for either kind of task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn

from analog_bench.errors import UsageError
from analog_bench.hwa.held_out_articles import hold_out_articles, hold_out_questions
from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.hwa.prose_corpus import Article, Rows, articles, corpus_hash, token_stream
from analog_bench.hwa.span_batches import SpanBatches, sent, unambiguous
from analog_bench.records import Metric
from analog_bench.seeds import derive_seed
from analog_bench.tasks.language_modelling import LanguageModelling, protocol_for
from analog_bench.tasks.lm_sources import Text
from analog_bench.tasks.qa_windows import WindowLimits
from analog_bench.tasks.question_answering import QaProtocol, QuestionAnswering
from analog_bench.tasks.squad_files import content_hash
from analog_bench.tasks.task import Task
from analog_bench.zoo.model_builder import taken_by
from analog_bench.zoo.model_heads import HEADS
from analog_bench.zoo.model_loading import LoadedModel

_LONGEST_QUESTION = 64
# About one question in eight is dropped because its answer occurs twice.
_SPARE = 1.25
# English has four to five; the surplus avoids repeating texts.
_BYTES_A_TOKEN = 6


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """Inputs of a model and the truth about them.

    Attributes:
        inputs: Keyword arguments of the model.
        logits: Converts the model's output to logits in float32, shape (rows, choices) each.
        targets: The true choice for each of the logits, shape (rows,) each.
    """

    inputs: Mapping[str, Any]
    logits: Callable[[Any], Sequence[Tensor]]
    targets: Sequence[Tensor]


class TrainingData(ABC):
    """Batches by number, and a held-out task.

    Attributes:
        task: Held-out examples of the training data, never of the test data.
        fingerprint: Hash of the data that is really used.
    """

    task: Task
    fingerprint: str

    @abstractmethod
    def batch(self, number: int, device: torch.device) -> TrainingBatch:
        """Return a batch, which depends only on its number; numbers count from 0 without end."""

    @property
    def metric(self) -> Metric:
        """The metric of validation scores."""
        return self.task.metrics[0]

    def run_batch(self, model: nn.Module, number: int) -> None:
        """Run a model on a batch, so that it can be observed."""
        model(**self.batch(number, next(model.parameters()).device).inputs)


def make_data(loaded: LoadedModel, rows: Dataset, recipe: HwaRecipe) -> TrainingData:
    """Prepare SQuAD rows of the training split: their questions, or the text they are about.

    Raises:
        DataError: There are too few rows or articles.
        UsageError: There is no training for this kind of model.
    """
    kind = _DATA.get(loaded.spec.task)
    if kind is None:
        known = " or ".join(HEADS[task].models for task in _DATA)
        raise UsageError(
            f"{loaded.spec.name} is {HEADS[loaded.spec.task].models}: hardware-aware training is "
            f"there for {known}"
        )
    return kind(loaded, rows, recipe)


class QaData(TrainingData):
    """Windows with their answers, and held-out questions about other articles."""

    def __init__(self, loaded: LoadedModel, questions: Dataset, recipe: HwaRecipe) -> None:
        length = recipe.max_length
        limits = WindowLimits(length, length // 4, min(_LONGEST_QUESTION, length // 4))
        usable, held = hold_out_questions(questions, recipe.held_out)
        wanted = int(recipe.batches * recipe.batch * _SPARE) + recipe.batch
        usable = unambiguous(_some_questions(usable, wanted, recipe.seed))
        seed = derive_seed(recipe.seed, "order")
        self._batches = SpanBatches(usable, loaded.tokenizer, limits, recipe.batch, seed)
        count = recipe.validation_examples
        held = held.select(range(0, len(held), max(1, len(held) // count))[:count])
        self.task = QuestionAnswering(
            "held out", held, loaded.tokenizer, QaProtocol(limits), device=loaded.model.device.type
        )
        self.fingerprint = f"{content_hash(usable)[:16]} {self.task.protocol}"
        self._model = loaded.model

    def batch(self, number: int, device: torch.device) -> TrainingBatch:
        """Return windows; logits at padding are far below all others."""
        batch = self._batches.of_step(number).to(device)
        padding = ~batch.attention_mask.bool()

        def logits(output: Any) -> list[Tensor]:
            both = output.start_logits, output.end_logits
            return [part.float().masked_fill(padding, -1e4) for part in both]

        inputs = taken_by(self._model, batch.inputs)
        return TrainingBatch(inputs, logits, (batch.spans[:, 0], batch.spans[:, 1]))


class LmData(TrainingData):
    """Rows of text, and blocks of held-out articles."""

    def __init__(self, loaded: LoadedModel, rows: Dataset, recipe: HwaRecipe) -> None:
        training, held = hold_out_articles(articles(rows), recipe.held_out)
        training = _some_articles(training, recipe)
        stream = torch.from_numpy(token_stream(training, loaded.tokenizer))
        self._rows = Rows(stream, recipe.block, recipe.batch, derive_seed(recipe.seed, "order"))
        text = Text("held out", "\n\n".join(article.text for article in held))
        protocol = protocol_for(loaded.spec.structure.positions)
        count = recipe.validation_examples
        make = partial(
            LanguageModelling, text, loaded.tokenizer, protocol, device=loaded.model.device.type
        )
        task = make()
        self.task = make(examples=count) if task.examples > count else task
        self.fingerprint = f"{corpus_hash(training)[:16]} {task.protocol}"

    def batch(self, number: int, device: torch.device) -> TrainingBatch:
        """Return rows of text; each token is to be predicted from those before it."""
        rows = sent(self._rows.of_step(number), device)
        return TrainingBatch(
            {"input_ids": rows[:, :-1], "use_cache": False},
            lambda output: [output.logits.flatten(0, 1).float()],
            [rows[:, 1:].flatten()],
        )


_DATA: Mapping[str, type[QaData] | type[LmData]] = {"qa": QaData, "lm": LmData}


def _some_questions(questions: Dataset, count: int, seed: int) -> Dataset:
    # Tokenising all of SQuAD takes a minute; a short training needs a few seconds of it.
    if len(questions) <= count:
        return questions
    generator = torch.Generator().manual_seed(derive_seed(seed, "questions"))
    return questions.select(torch.randperm(len(questions), generator=generator)[:count].tolist())


def _some_articles(corpus: Sequence[Article], recipe: HwaRecipe) -> list[Article]:
    wanted = recipe.batches * recipe.batch * recipe.block * _BYTES_A_TOKEN
    generator = torch.Generator().manual_seed(derive_seed(recipe.seed, "articles"))
    sample: list[Article] = []
    size = 0
    for number in torch.randperm(len(corpus), generator=generator).tolist():
        if size >= wanted:
            break
        sample.append(corpus[number])
        size += len(corpus[number].text)
    return sample
