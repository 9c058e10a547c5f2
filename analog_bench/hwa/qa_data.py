"""SQuAD questions for hardware-aware training."""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn

from analog_bench.errors import UsageError
from analog_bench.hwa.held_out import hold_out_questions
from analog_bench.hwa.loss import LossWeights, distillation_loss
from analog_bench.hwa.recipe import HwaRecipe
from analog_bench.hwa.span_batches import SpanBatch, SpanBatches, unambiguous
from analog_bench.records import Metric
from analog_bench.seeds import derive_seed
from analog_bench.tasks.question_answering import QaProtocol, QuestionAnswering
from analog_bench.tasks.squad import content_hash
from analog_bench.tasks.windows import WindowLimits
from analog_bench.zoo.load import LoadedModel

_LONGEST_QUESTION = 64
# About one question in eight is dropped, because its answer occurs twice.
_SPARE = 1.25
_FAR_BELOW = -1e4


class QaData:
    """Batches of windows with their answers, and held-out questions about other articles."""

    def __init__(self, loaded: LoadedModel, questions: Dataset, recipe: HwaRecipe) -> None:
        """Split and tokenise the questions.

        Raises:
            DataError: Too few questions or articles.
            UsageError: Windows longer than the model takes.
        """
        positions = loaded.spec.structure.positions
        if recipe.max_length > positions:
            raise UsageError(
                f"windows of {recipe.max_length} tokens are too long for {loaded.spec.name}, which "
                f"takes {positions}; use a smaller max_length"
            )
        length = recipe.max_length
        limits = WindowLimits(length, length // 4, min(_LONGEST_QUESTION, length // 4))
        usable, held = hold_out_questions(questions, recipe.held_out)
        wanted = int(recipe.batches * recipe.batch * _SPARE) + recipe.batch
        usable = unambiguous(_sample(usable, wanted, recipe.seed))
        seed = derive_seed(recipe.seed, "order")
        self._batches = SpanBatches(usable, loaded.tokenizer, limits, recipe.batch, seed)
        count = recipe.validation_examples
        held = held.select(range(0, len(held), max(1, len(held) // count))[:count])
        self.task = QuestionAnswering("held out", held, loaded.tokenizer, QaProtocol(limits))
        self.fingerprint = f"{content_hash(usable)[:16]} {self.task.protocol}"

    @property
    def metric(self) -> Metric:
        """F1 in points."""
        return self.task.metrics[0]

    def loss(
        self,
        student: nn.Module,
        teacher: nn.Module,
        number: int,
        weights: LossWeights,
        *,
        half: bool,
    ) -> Tensor:
        """Return the loss of a batch; see `data.TrainingData`."""
        batch = self._batch(student, number)
        padding = ~batch.attention_mask.bool()

        def logits(output: Any) -> list[Tensor]:
            return [
                part.float().masked_fill(padding, _FAR_BELOW)
                for part in (output.start_logits, output.end_logits)
            ]

        targets = [batch.spans[:, 0], batch.spans[:, 1]]
        return distillation_loss(
            student, teacher, batch.inputs, logits, targets, weights, half=half
        )

    def run_batch(self, model: nn.Module, number: int) -> None:
        """Let a model compute a batch."""
        model(**self._batch(model, number).inputs)

    def output(self, model: nn.Module, batch: int) -> Tensor:
        """Return start and end logits, shape (inputs, tokens, 2)."""
        device = next(model.parameters()).device
        inputs = self.task.batches[batch]
        out = model(
            input_ids=inputs.input_ids.to(device),
            token_type_ids=inputs.token_type_ids.to(device),
            attention_mask=inputs.attention_mask.to(device),
        )
        return torch.stack([out.start_logits, out.end_logits], dim=-1).float().cpu()

    def _batch(self, model: nn.Module, number: int) -> SpanBatch:
        return self._batches.of_step(number).to(next(model.parameters()).device)


def _sample(questions: Dataset, count: int, seed: int) -> Dataset:
    # Tokenising all of SQuAD takes a minute, of which a short training needs a few seconds.
    if len(questions) <= count:
        return questions
    generator = torch.Generator().manual_seed(derive_seed(seed, "questions"))
    return questions.select(torch.randperm(len(questions), generator=generator)[:count].tolist())
