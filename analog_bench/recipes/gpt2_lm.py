"""How the embedded DistilGPT2 learnt English: a GPT-2 of six blocks, from scratch.

Muon (Jordan et al. 2024) on the blocks' matrices, AdamW on embeddings, norms and biases; warm-up,
a constant rate for as long as one likes, then a decay that can start from any checkpoint
(1 - sqrt, Hägele et al. 2024). Tried before: after 100 steps the loss was 6.25 nats a token with
Muon and 6.82 with AdamW alone.

The loop is written out: the `Trainer` knows neither two optimisers nor a decay that branches off a
training which can still go on, and going on must give the same numbers.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from analog_bench.errors import UsageError
from analog_bench.recipes import lm_checkpoint
from analog_bench.recipes.claim import claim
from analog_bench.recipes.gpt2_model import (
    Optimisers,
    new_model,
    next_token_loss,
    optimisers_of,
    quick_bits_per_byte,
)
from analog_bench.recipes.lm_checkpoint import Checkpoint
from analog_bench.recipes.lm_corpus import Article, Rows, corpus_hash, token_stream
from analog_bench.seeds import derive_seed
from analog_bench.zoo.architecture import Architecture

LOG = "log.jsonl"
"""The file beside the checkpoints with one line of figures for each of them."""
_MICRO_TOKENS = 2048
"""Tokens whose activations exist at one time: what a processor's cache holds."""


@dataclass(frozen=True)
class LmRecipe:
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
class Report:
    """What is told of a training as it goes.

    Attributes:
        phase: `stable` or `decay`.
        step: Steps made in the phase.
        seconds: Processor time spent in the phase, measuring apart.
        loss: Mean training loss since the last report, nats a token.
        held_out: Bits a byte on the held-out articles, a quick estimate.
    """

    phase: str
    step: int
    seconds: float
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


@dataclass(frozen=True, eq=False)
class _Phase:
    name: str
    folder: Path
    steps: int
    block: int
    rate: Callable[[int], float]


def train(
    recipe: LmRecipe,
    architecture: Architecture,
    tokenizer: PreTrainedTokenizerFast,
    texts: tuple[list[Article], list[Article]],
    folder: Path,
    *,
    save_steps: int = 100,
    tell: Callable[[Report], None] = lambda report: None,
) -> Trained:
    """Train, or go on from the last checkpoints in `folder`.

    Going on gives the weights that an uninterrupted training would have given, on the same machine
    with as many threads. So does asking for more `steps` than before, since the checkpoints before
    the decay are kept.

    Args:
        recipe: The hyperparameters.
        architecture: The model's numbers.
        tokenizer: Its tokeniser.
        texts: Articles to train on, and held-out ones.
        folder: Where checkpoints are kept, with `recipe.json` and `log.jsonl`.
        save_steps: Steps between checkpoints.
        tell: Called at every checkpoint.

    Returns:
        The trained model.

    Raises:
        DataError: Too little text.
        UsageError: Contexts the model has no positions for; checkpoints of another recipe or other
            data, that cannot be read, or that lie beyond `recipe.steps`.
    """
    _check(recipe, architecture)
    claim(folder, _made_with(recipe, architecture, tokenizer, texts))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model: Any = new_model(architecture, derive_seed(recipe.seed, "weights"))
    model.to(device)
    training, held = (torch.from_numpy(token_stream(part, tokenizer)) for part in texts)
    size = sum(len(article.text.encode()) for article in texts[1])
    optimisers = optimisers_of(model, recipe.weight_decay)
    seconds = 0.0
    for phase in _phases(recipe, folder):
        seed = derive_seed(recipe.seed, phase.name)
        rows = Rows(training, phase.block, max(1, recipe.batch_tokens // phase.block), seed)
        step, spent = _go_on(model, optimisers, phase)
        losses: list[float] = []
        began = time.process_time()
        while step < phase.steps:
            batch = rows.of_step(step).to(device)
            losses.append(_step(model, optimisers, batch, recipe, phase.rate(step)))
            step += 1
            if step % save_steps and step < phase.steps:
                continue
            spent += time.process_time() - began
            state = {"model": model.state_dict(), "optimisers": optimisers.state()}
            lm_checkpoint.save(phase.folder, Checkpoint(step, spent, state))
            measured = quick_bits_per_byte(model, held, phase.block, size)
            report = Report(phase.name, step, spent, sum(losses) / len(losses), measured)
            with (folder / LOG).open("a", encoding="utf-8") as log:
                log.write(json.dumps(asdict(report)) + "\n")
            tell(report)
            losses.clear()
            began = time.process_time()
        seconds += spent
    measured = quick_bits_per_byte(model, held, recipe.decay_block, size)
    return Trained(model.eval(), seconds / 60, measured)


def steps_made(folder: Path) -> int:
    """Return how many steps before the decay a training's last checkpoint stands at.

    Args:
        folder: Where checkpoints are kept.

    Raises:
        UsageError: There is no checkpoint, or it cannot be read.
    """
    found = lm_checkpoint.last(folder / "stable")
    if found is None:
        raise UsageError(f"{folder} holds no checkpoint to finish from; train first")
    return found.step


def described(recipe: LmRecipe) -> dict[str, float]:
    """Return the recipe as plain numbers, for the record beside the weights."""
    return asdict(recipe)


def _phases(recipe: LmRecipe, folder: Path) -> tuple[_Phase, _Phase]:
    return (
        _Phase(
            "stable",
            folder / "stable",
            recipe.steps,
            recipe.block,
            lambda step: min(1.0, (step + 1) / recipe.warmup),
        ),
        _Phase(
            "decay",
            folder / f"decay-{recipe.steps}-{recipe.decay_steps}",
            recipe.decay_steps,
            recipe.decay_block,
            lambda step: 1.0 - ((step + 0.5) / recipe.decay_steps) ** 0.5,
        ),
    )


def _check(recipe: LmRecipe, architecture: Architecture) -> None:
    longest = max(recipe.block, recipe.decay_block)
    if longest > architecture.positions:
        raise UsageError(
            f"blocks of {longest} tokens are too long for a model of {architecture.positions} "
            "positions"
        )


def _made_with(
    recipe: LmRecipe,
    architecture: Architecture,
    tokenizer: PreTrainedTokenizerFast,
    texts: tuple[list[Article], list[Article]],
) -> dict[str, Any]:
    # How long a training goes on is decided as it goes.
    fixed = {k: v for k, v in asdict(recipe).items() if k not in ("steps", "decay_steps")}
    backend: Any = tokenizer.backend_tokenizer
    return {
        **fixed,
        "architecture": architecture.as_json(),
        "tokeniser": hashlib.sha256(backend.to_str().encode()).hexdigest(),
        "data": corpus_hash(texts[0]),
        "held_out_data": corpus_hash(texts[1]),
    }


def _go_on(model: nn.Module, optimisers: Optimisers, phase: _Phase) -> tuple[int, float]:
    found = lm_checkpoint.last(phase.folder, phase.steps)
    if found is None:
        return 0, 0.0
    model.load_state_dict(found.state["model"])
    optimisers.restore(found.state["optimisers"])
    return found.step, found.seconds


def _step(
    model: GPT2LMHeadModel, optimisers: Optimisers, rows: Tensor, recipe: LmRecipe, rate: float
) -> float:
    total = 0.0
    for part in torch.split(rows, max(1, _MICRO_TOKENS // (rows.shape[1] - 1))):
        loss = next_token_loss(model, part[:, :-1], part[:, 1:]) * (len(part) / len(rows))
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    optimisers.step(rate * recipe.matrix_rate, rate * recipe.other_rate)
    return total
