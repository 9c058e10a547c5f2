"""Prose for hardware-aware training."""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn

from analog_bench.errors import UsageError
from analog_bench.hwa.held_out import hold_out_articles
from analog_bench.hwa.loss import Shares, divergence, state_error, weighed
from analog_bench.hwa.prose import (
    Article,
    Rows,
    articles,
    corpus_hash,
    token_stream,
)
from analog_bench.hwa.recipe import HwaRecipe
from analog_bench.records import Metric
from analog_bench.seeds import derive_seed
from analog_bench.tasks.language_modelling import LanguageModelling, LmProtocol
from analog_bench.tasks.lm_sources import Text
from analog_bench.zoo.load import LoadedModel

# English has four to five; some to spare, so that no text comes twice.
_BYTES_A_TOKEN = 6


class LmData:
    """Batches of rows of text, and blocks of held-out articles."""

    def __init__(self, loaded: LoadedModel, rows: Dataset, recipe: HwaRecipe) -> None:
        """Part and tokenise.

        Args:
            loaded: The model.
            rows: SQuAD rows of the training split, whose contexts are the text.
            recipe: Row length, batch size, how much is held out, seed.

        Raises:
            DataError: Too little text.
            UsageError: Rows longer than the model takes.
        """
        positions = loaded.spec.structure.positions
        if recipe.block > positions:
            raise UsageError(
                f"rows of {recipe.block} tokens are too long for {loaded.spec.name}, which takes "
                f"{positions}; use a smaller block"
            )
        training, held = hold_out_articles(articles(rows), recipe.held_out)
        training = _drawn(training, recipe)
        stream = torch.from_numpy(token_stream(training, loaded.tokenizer))
        seed = derive_seed(recipe.seed, "order")
        self._rows = Rows(stream, recipe.block, recipe.batch, seed)
        text = Text("held out", "\n\n".join(article.text for article in held))
        usual = LmProtocol()
        protocol = LmProtocol(min(usual.block, positions), min(usual.stride, positions // 2))
        task = LanguageModelling(text, loaded.tokenizer, protocol)
        count = recipe.validation_examples
        if task.examples > count:
            task = LanguageModelling(text, loaded.tokenizer, protocol, examples=count)
        self.task = task
        self.fingerprint = f"{corpus_hash(training)[:16]} {task.protocol}"

    @property
    def metric(self) -> Metric:
        """Cross-entropy in nats a token."""
        return self.task.metrics[0]

    def loss(
        self, student: nn.Module, teacher: nn.Module, number: int, shares: Shares, half: bool
    ) -> Tensor:
        """Return the loss of a batch; see `data.TrainingData`."""
        rows = self._rows.of_step(number).to(next(student.parameters()).device)
        inputs, targets = rows[:, :-1], rows[:, 1:].flatten()
        with torch.no_grad(), torch.autocast(inputs.device.type, torch.bfloat16, enabled=half):
            taught = _computed(teacher, inputs, shares.states > 0)
        own = _computed(student, inputs, shares.states > 0)
        mine = own.logits.flatten(0, 1).float()
        states = None
        if shares.states > 0:
            real = torch.ones_like(inputs, dtype=torch.bool)
            states = state_error(own.hidden_states[1:], taught.hidden_states[1:], real)
        return weighed(
            shares,
            divergence(mine, taught.logits.flatten(0, 1), shares.temperature),
            nn.functional.cross_entropy(mine, targets),
            states,
        )

    def show(self, model: nn.Module, number: int) -> Any:
        """Let a model compute a batch."""
        rows = self._rows.of_step(number).to(next(model.parameters()).device)
        return _computed(model, rows[:, :-1], False)

    def output(self, model: nn.Module, batch: int) -> Tensor:
        """Return the logits, shape (blocks, tokens, vocabulary)."""
        device = next(model.parameters()).device
        logits: Tensor = _computed(
            model, self.task.batches[batch].input_ids.to(device), False
        ).logits
        return logits.float()


def _drawn(found: list[Article], recipe: HwaRecipe) -> list[Article]:
    # Tokenising all of the text takes longer than a short training has use for.
    wanted = recipe.batches * recipe.batch * recipe.block * _BYTES_A_TOKEN
    generator = torch.Generator().manual_seed(derive_seed(recipe.seed, "articles"))
    drawn, size = [], 0
    for place in torch.randperm(len(found), generator=generator).tolist():
        if size >= wanted:
            break
        drawn.append(found[place])
        size += len(found[place].text)
    return drawn


def _computed(model: nn.Module, inputs: Tensor, states: bool) -> Any:
    return model(input_ids=inputs, output_hidden_states=states, use_cache=False)
