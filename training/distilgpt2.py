"""How the embedded DistilGPT2 learnt English: a GPT-2 of six blocks, from scratch.

Muon (Jordan et al. 2024) on the blocks' matrices, AdamW on embeddings, norms and biases; a training
in two phases (`two_phases`). Tried before: after 100 steps the loss was 6.25 nats a token with Muon
and 6.82 with AdamW alone.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import GPT2LMHeadModel, PretrainedConfig, PreTrainedTokenizerFast

from analog_bench.errors import DataError, UsageError
from analog_bench.hwa.checkpoint_owner import claim
from analog_bench.hwa.held_out_articles import hold_out_articles
from analog_bench.hwa.prose_corpus import Article, Rows, articles, corpus_hash, token_stream
from analog_bench.seeds import derive_seed
from analog_bench.tasks.squad_files import read_squad
from analog_bench.zoo.model_loading import embedded_config
from analog_bench.zoo.model_specs import find_embedded
from analog_bench.zoo.tokenizer import make_tokenizer
from training.gpt2_model import (
    new_model,
    next_token_loss,
    optimisers_of,
    quick_bits_per_byte,
)
from training.shipping import ship_whole
from training.tokeniser import learn_bpe
from training.two_phases import LOG, Phase, Recipe, Report, phases, run

_MICRO_TOKENS = 2048
"""Tokens whose activations exist at one time: what a processor's cache holds."""


@dataclass(frozen=True)
class LmRecipe(Recipe):
    """Hyperparameters of one training.

    Attributes:
        steps: Steps before the decay, warm-up included.
        decay_steps: Steps of the decay to zero.
        batch_tokens: Tokens predicted in a step.
        block: Tokens of context before the decay.
        decay_block: Tokens of context during the decay.
        matrix_rate: Muon's rate, on the scale of AdamW's (Liu et al. 2025).
        other_rate: AdamW's rate.
        warmup: Steps of linear warm-up.
        weight_decay: Of all matrices and embeddings.
        clip: Largest norm of the gradient.
        held_out: Whole articles that are only measured, never trained on.
        seed: Seed of the first weights and of the order of the data.
    """

    steps: int = 3400
    decay_steps: int = 700
    batch_tokens: int = 4096
    block: int = 128
    decay_block: int = 256
    matrix_rate: float = 5e-3
    other_rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.1
    clip: float = 1.0
    held_out: int = 8
    seed: int = 20261123


@dataclass(frozen=True)
class LmReport(Report):
    """Where a training stands, and its losses.

    Attributes:
        loss: Mean training loss since the last report, nats a token.
        held_out: Bits a byte on the held-out articles, a quick estimate.
    """

    loss: float
    held_out: float


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model.

    Attributes:
        model: In evaluation mode.
        minutes: Processor time spent on its steps.
        held_out: Bits a byte on the held-out articles, a quick estimate.
    """

    model: GPT2LMHeadModel
    minutes: float
    held_out: float


def train(
    recipe: LmRecipe,
    config: PretrainedConfig,
    tokenizer: PreTrainedTokenizerFast,
    texts: tuple[list[Article], list[Article]],
    folder: Path,
    *,
    save_steps: int = 100,
    tell: Callable[[LmReport], None] = lambda report: None,
) -> Trained:
    """Train, or go on from the last checkpoints in `folder`.

    Going on gives the weights that an uninterrupted training would have given, on the same machine
    with as many threads. So does asking for more `steps` than before, since the checkpoints before
    the decay are kept.

    Args:
        recipe: The hyperparameters.
        config: The model's configuration.
        tokenizer: Its tokeniser.
        texts: Articles to train on, and held-out ones.
        folder: Where checkpoints are kept, with `recipe.json` and `log.jsonl`.
        save_steps: Steps between checkpoints.
        tell: Called at every checkpoint.

    Raises:
        DataError: Too little text.
        UsageError: Contexts the model has no positions for; checkpoints of another recipe or other
            data, that cannot be read, or that lie beyond `recipe.steps`.
    """
    _check(recipe, config)
    backend: Any = tokenizer.backend_tokenizer
    made_with = {
        **recipe.fixed(),
        "config": config.to_diff_dict(),
        "tokeniser": hashlib.sha256(backend.to_str().encode()).hexdigest(),
        "data": corpus_hash(texts[0]),
        "held_out_data": corpus_hash(texts[1]),
    }
    claim(folder, made_with)
    learner = _Learner(recipe, config, tokenizer, texts)
    seconds = run(phases(recipe, folder), learner, folder / LOG, save_steps=save_steps, tell=tell)
    measured = learner.held_out(recipe.decay_block)
    return Trained(learner.model.eval(), seconds / 60, measured)


def train_and_ship(changes: Mapping[str, Any], data: Path, out: Path, ship: Path) -> None:
    """Learn a tokeniser, train the embedded DistilGPT2, and write shippable weights.

    Args:
        changes: Hyperparameters in place of the recipe's own, by their name in `LmRecipe`.
        data: SQuAD v1.1 JSON, whose contexts are the text.
        out: Folder of the checkpoints.
        ship: Folder of the weights.

    Raises:
        DataError: The data is missing, malformed or too little.
        UsageError: Checkpoints of another recipe.
        WeightsError: `ship` holds other weights.
    """
    spec = find_embedded("distilgpt2")
    recipe = replace(LmRecipe(), **changes)
    texts = hold_out_articles(articles(read_squad(data)), recipe.held_out)
    backend = learn_bpe((article.text for article in texts[0]), spec.structure.vocabulary)
    tokenizer = make_tokenizer(backend, spec.structure.positions)
    if len(tokenizer) != spec.structure.vocabulary:
        raise DataError(
            f"{data} has too few different words: it gives {len(tokenizer)} tokens, {spec.name} "
            f"has {spec.structure.vocabulary}; give --data a file with more text"
        )
    trained = train(recipe, embedded_config(spec.name), tokenizer, texts, out, tell=_print_report)
    ship_whole(
        trained.model.state_dict(),
        backend,
        ship,
        {
            **recipe.described(),
            "data": f"SQuAD v1.1 training contexts, {len(texts[0])} articles",
            "torch": str(torch.__version__),
            "processor_minutes": round(trained.minutes, 1),
        },
        {"held_out_bits_per_byte": round(trained.held_out, 4)},
    )


def _print_report(report: LmReport) -> None:
    print(
        f"{report.phase} step {report.step}: loss {report.loss:.3f} nats a token, held out "
        f"{report.held_out:.3f} bits a byte, {report.seconds / 60:.1f} minutes",
        file=sys.stderr,
        flush=True,
    )


class _Learner:
    """The model with its optimisers and both streams of tokens."""

    def __init__(
        self,
        recipe: LmRecipe,
        config: PretrainedConfig,
        tokenizer: PreTrainedTokenizerFast,
        texts: tuple[list[Article], list[Article]],
    ) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model: Any = new_model(config, derive_seed(recipe.seed, "weights"))
        self.model: Any = model.to(self._device)
        self._optimisers = optimisers_of(self.model, recipe.weight_decay)
        self._recipe = recipe
        self._training, self._held = (
            torch.from_numpy(token_stream(part, tokenizer)) for part in texts
        )
        self._held_size = sum(len(article.text.encode()) for article in texts[1])
        self._rows: dict[str, Rows] = {}

    def step(self, phase: Phase, step: int) -> tuple[float]:
        recipe, rate = self._recipe, phase.rate(step)
        rows = self._rows_of(phase).of_step(step).to(self._device)
        total = 0.0
        for part in torch.split(rows, max(1, _MICRO_TOKENS // (rows.shape[1] - 1))):
            loss = next_token_loss(self.model, part[:, :-1], part[:, 1:]) * (len(part) / len(rows))
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
        self._optimisers.step(rate * recipe.matrix_rate, rate * recipe.other_rate)
        return (total,)

    def report(self, phase: Phase, step: int, seconds: float, losses: Sequence[float]) -> LmReport:
        measured = self.held_out(self._block(phase))
        return LmReport(phase.name, step, seconds, losses[0], measured)

    def state(self) -> dict[str, Any]:
        return {"model": self.model.state_dict(), "optimisers": self._optimisers.state()}

    def restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self._optimisers.restore(state["optimisers"])

    def held_out(self, block: int) -> float:
        """Estimate the bits a byte on the held-out articles."""
        return quick_bits_per_byte(self.model, self._held, block, self._held_size)

    def _block(self, phase: Phase) -> int:
        return self._recipe.decay_block if phase.decays else self._recipe.block

    def _rows_of(self, phase: Phase) -> Rows:
        if phase.name not in self._rows:
            block, seed = self._block(phase), derive_seed(self._recipe.seed, phase.name)
            batch = max(1, self._recipe.batch_tokens // block)
            self._rows[phase.name] = Rows(self._training, block, batch, seed)
        return self._rows[phase.name]


def _check(recipe: LmRecipe, config: PretrainedConfig) -> None:
    longest, most = max(recipe.block, recipe.decay_block), config.max_position_embeddings
    if longest > most:
        raise UsageError(f"blocks of {longest} tokens are too long for a model of {most} positions")
