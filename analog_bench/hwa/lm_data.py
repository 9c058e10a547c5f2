"""Prose for hardware-aware training."""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn

from analog_bench.errors import UsageError
from analog_bench.hwa.held_out import hold_out_articles
from analog_bench.hwa.loss import LossWeights, distillation_loss
from analog_bench.hwa.prose import Article, Rows, articles, corpus_hash, token_stream
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
        """Split and tokenise the contexts of SQuAD rows.

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
        training = _sample(training, recipe)
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
        self,
        student: nn.Module,
        teacher: nn.Module,
        number: int,
        weights: LossWeights,
        *,
        half: bool,
    ) -> Tensor:
        """Return the loss of a batch; see `data.TrainingData`."""
        rows = self._batch(student, number)

        def logits(output: Any) -> list[Tensor]:
            return [output.logits.flatten(0, 1).float()]

        inputs = {"input_ids": rows[:, :-1], "use_cache": False}
        targets = [rows[:, 1:].flatten()]
        return distillation_loss(student, teacher, inputs, logits, targets, weights, half=half)

    def run_batch(self, model: nn.Module, number: int) -> None:
        """Let a model compute a batch."""
        model(input_ids=self._batch(model, number)[:, :-1], use_cache=False)

    def output(self, model: nn.Module, batch: int) -> Tensor:
        """Return the logits, shape (blocks, tokens, vocabulary)."""
        ids = self.task.batches[batch].input_ids.to(next(model.parameters()).device)
        logits: Tensor = model(input_ids=ids, use_cache=False).logits
        return logits.float()

    def _batch(self, model: nn.Module, number: int) -> Tensor:
        return self._rows.of_step(number).to(next(model.parameters()).device)


def _sample(corpus: list[Article], recipe: HwaRecipe) -> list[Article]:
    # Tokenising all of the text takes longer than a short training has use for.
    wanted = recipe.batches * recipe.batch * recipe.block * _BYTES_A_TOKEN
    generator = torch.Generator().manual_seed(derive_seed(recipe.seed, "articles"))
    sample, size = [], 0
    for number in torch.randperm(len(corpus), generator=generator).tolist():
        if size >= wanted:
            break
        sample.append(corpus[number])
        size += len(corpus[number].text)
    return sample
