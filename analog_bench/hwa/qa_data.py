"""SQuAD questions for hardware-aware training."""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn

from analog_bench.errors import UsageError
from analog_bench.hwa.held_out import hold_out_questions
from analog_bench.hwa.loss import Shares, divergence, state_error, weighed
from analog_bench.hwa.recipe import HwaRecipe
from analog_bench.hwa.span_batches import SpanBatch, SpanBatches, unambiguous
from analog_bench.records import Metric
from analog_bench.seeds import derive_seed
from analog_bench.tasks.question_answering import QaProtocol, QuestionAnswering
from analog_bench.tasks.squad import content_hash
from analog_bench.tasks.windows import WindowLimits
from analog_bench.zoo.load import LoadedModel

_LONGEST_QUESTION = 64
# Of the questions drawn, about one in eight is not used, since its answer stands twice.
_SPARE = 1.25
_FAR_BELOW = -1e4


class QaData:
    """Batches of windows with their answers, and held-out questions about other articles."""

    def __init__(self, loaded: LoadedModel, questions: Dataset, recipe: HwaRecipe) -> None:
        """Part and tokenise.

        Args:
            loaded: The model.
            questions: SQuAD rows of the training split.
            recipe: Window length, batch size, how much is held out, seed.

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
        usable = unambiguous(_drawn(usable, wanted, recipe.seed))
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
        self, student: nn.Module, teacher: nn.Module, number: int, shares: Shares, half: bool
    ) -> Tensor:
        """Return the loss of a batch; see `data.TrainingData`."""
        batch = self._on(student, number)
        device = batch.input_ids.device.type
        with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=half):
            taught = _computed(teacher, batch, shares.states > 0)
        own = _computed(student, batch, shares.states > 0)
        real = batch.attention_mask.bool()
        divergences, truths = [], []
        for place, name in enumerate(("start_logits", "end_logits")):
            mine = getattr(own, name).float().masked_fill(~real, _FAR_BELOW)
            theirs = getattr(taught, name).float().masked_fill(~real, _FAR_BELOW)
            divergences.append(divergence(mine, theirs, shares.temperature))
            truths.append(nn.functional.cross_entropy(mine, batch.spans[:, place]))
        states = None
        if shares.states > 0:
            states = state_error(own.hidden_states[1:], taught.hidden_states[1:], real)
        return weighed(shares, torch.stack(divergences).mean(), torch.stack(truths).mean(), states)

    def show(self, model: nn.Module, number: int) -> Any:
        """Let a model compute a batch."""
        return _computed(model, self._on(model, number), False)

    def output(self, model: nn.Module, batch: int) -> Tensor:
        """Return start and end logits, shape (inputs, tokens, 2)."""
        device = next(model.parameters()).device
        given = self.task.batches[batch]
        out = model(
            input_ids=given.input_ids.to(device),
            token_type_ids=given.token_type_ids.to(device),
            attention_mask=given.attention_mask.to(device),
        )
        return torch.stack([out.start_logits, out.end_logits], dim=-1).float().cpu()

    def _on(self, model: nn.Module, number: int) -> SpanBatch:
        return self._batches.of_step(number).to(next(model.parameters()).device)


def _computed(model: nn.Module, batch: SpanBatch, states: bool) -> Any:
    return model(
        input_ids=batch.input_ids,
        token_type_ids=batch.token_type_ids,
        attention_mask=batch.attention_mask,
        output_hidden_states=states,
    )


def _drawn(questions: Dataset, count: int, seed: int) -> Dataset:
    # Tokenising all of SQuAD takes a minute, of which a short training needs a few seconds.
    if len(questions) <= count:
        return questions
    generator = torch.Generator().manual_seed(derive_seed(seed, "questions"))
    return questions.select(torch.randperm(len(questions), generator=generator)[:count].tolist())
