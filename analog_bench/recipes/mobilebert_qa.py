"""How the embedded MobileBERT learnt to answer questions: from the embedded BERT.

Its first weights are the BERT's, factorised and fitted block by block (`mobile_student`); then it
learns to have the BERT's hidden states and answers, and to be right. The rate is warmed up, stays
constant for as long as one likes, then decays (1 - sqrt, Hägele et al. 2024); the decay can start
from the last checkpoint at any time.

Tried before, on 300 development questions: F1 is 40 with the first weights alone. After 50 steps
the answers' loss was 1.6 nats from there and 3.6 from drawn weights.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import nn
from torch.optim import AdamW
from transformers import MobileBertForQuestionAnswering

from analog_bench.recipes import lm_checkpoint
from analog_bench.recipes.claim import claim
from analog_bench.recipes.distil_loss import distillation_losses
from analog_bench.recipes.held_out_answers import HeldOut, part_questions
from analog_bench.recipes.lm_checkpoint import Checkpoint
from analog_bench.recipes.mobile_student import new_student, take_after
from analog_bench.recipes.span_batches import SpanBatch, SpanBatches
from analog_bench.recipes.span_training import unambiguous
from analog_bench.seeds import derive_seed
from analog_bench.tasks.squad import content_hash
from analog_bench.tasks.windows import WindowLimits
from analog_bench.zoo.architecture import Architecture
from analog_bench.zoo.load import LoadedModel

LOG = "log.jsonl"
"""The file beside the checkpoints with one line of figures for each of them."""


@dataclass(frozen=True)
class DistilRecipe:
    """Hyperparameters of one training.

    Attributes:
        steps: Steps before the decay, warm-up included.
        decay_steps: Steps of the decay to zero.
        batch: Windows a step.
        learning_rate: AdamW's rate between warm-up and decay.
        warmup: Steps of linear warm-up.
        weight_decay: Of all matrices and embeddings.
        clip: Largest norm of the gradient.
        states: Weight of the hidden states' loss before the decay.
        decay_states: Its weight during the decay, when the answers matter most.
        answers: Weight of the teacher's answers.
        truth: Weight of the true answers.
        fit_windows: Windows that the first weights are fitted to; 0 leaves them as drawn.
        max_length: Tokens a training window holds.
        stride: Tokens neighbouring windows share.
        held_out: Whole articles that are only measured, never trained on.
        held_out_questions: How many of their questions, at most.
        seed: Seed of the first weights and of the order of the data.
    """

    steps: int = 4500
    decay_steps: int = 1500
    batch: int = 16
    learning_rate: float = 3e-4
    warmup: int = 200
    weight_decay: float = 0.01
    clip: float = 1.0
    states: float = 3.0
    decay_states: float = 1.0
    answers: float = 1.0
    truth: float = 0.5
    fit_windows: int = 96
    max_length: int = 320
    stride: int = 128
    held_out: int = 8
    held_out_questions: int = 200
    seed: int = 20261123


@dataclass(frozen=True)
class Report:
    """What is told of a training as it goes.

    Attributes:
        phase: `stable` or `decay`.
        step: Steps made in the phase.
        seconds: Processor time spent in the phase, measuring apart.
        states: Mean loss of the hidden states since the last report, see `distil_loss.Losses`.
        answers: Mean loss against the teacher's answers.
        truth: Mean loss against the true answers.
        held_out_f1: F1 in points on questions about held-out articles, in bfloat16.
    """

    phase: str
    step: int
    seconds: float
    states: float
    answers: float
    truth: float
    held_out_f1: float


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model.

    Attributes:
        model: In evaluation mode.
        minutes: Processor time spent on its steps.
        held_out_f1: F1 in points on questions about held-out articles, in bfloat16.
    """

    model: MobileBertForQuestionAnswering
    minutes: float
    held_out_f1: float


@dataclass(frozen=True, eq=False)
class _Phase:
    name: str
    folder: Path
    steps: int
    states: float
    rate: Callable[[int], float]


def train(
    recipe: DistilRecipe,
    architecture: Architecture,
    teacher: LoadedModel,
    questions: Dataset,
    folder: Path,
    *,
    save_steps: int = 200,
    tell: Callable[[Report], None] = lambda report: None,
) -> Trained:
    """Train, or go on from the last checkpoints in `folder`.

    Going on gives the weights that an uninterrupted training would have given, on the same machine
    with as many threads. So does asking for more `steps` than before, since the checkpoints before
    the decay are kept.

    Args:
        recipe: The hyperparameters.
        architecture: The model's numbers.
        teacher: A BERT that answers questions; it is not changed.
        questions: SQuAD rows: to train on, and of held-out articles.
        folder: Where checkpoints are kept, with `recipe.json` and `log.jsonl`.
        save_steps: Steps between checkpoints.
        tell: Called at every checkpoint.

    Returns:
        The trained model.

    Raises:
        DataError: Too few questions or articles.
        UsageError: A model that cannot take after the teacher; checkpoints of another recipe or
            other data, that cannot be read, or that lie beyond `recipe.steps`.
    """
    claim(folder, _made_with(recipe, architecture, teacher, questions))
    limits = WindowLimits(recipe.max_length, recipe.stride)
    tokenizer = teacher.tokenizer
    usable, held = part_questions(unambiguous(questions), recipe.held_out)
    order = derive_seed(recipe.seed, "order")
    batches = SpanBatches(usable, tokenizer, limits, recipe.batch, order)
    measured = HeldOut(held, tokenizer, limits, recipe.held_out_questions)
    phases = _phases(recipe, folder)
    found = [lm_checkpoint.last(phase.folder, phase.steps) for phase in phases]
    model: Any = new_student(architecture, derive_seed(recipe.seed, "weights"))
    taught: Any = copy.deepcopy(teacher.model).cpu()
    if recipe.fit_windows and not any(found):
        counts = batches.token_counts(architecture.vocabulary)
        take_after(model, taught, batches.sample(recipe.fit_windows), counts)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    taught.to(device)
    optimiser = _optimiser(model, recipe)
    seconds, begin = 0.0, 0
    for phase, checkpoint in zip(phases, found, strict=True):
        step, spent = _go_on(model, optimiser, checkpoint)
        losses: list[tuple[float, float, float]] = []
        began = time.process_time()
        while step < phase.steps:
            batch = batches.of_step(begin + step).to(device)
            losses.append(_step(model, taught, optimiser, batch, recipe, phase, step))
            step += 1
            if step % save_steps and step < phase.steps:
                continue
            spent += time.process_time() - began
            state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
            lm_checkpoint.save(phase.folder, Checkpoint(step, spent, state))
            states, answers, truth = (sum(p) / len(p) for p in zip(*losses, strict=True))
            f1 = measured.f1(model)
            report = Report(phase.name, step, spent, states, answers, truth, f1)
            with (folder / LOG).open("a", encoding="utf-8") as log:
                log.write(json.dumps(asdict(report)) + "\n")
            tell(report)
            losses.clear()
            began = time.process_time()
        seconds += spent
        begin += phase.steps
    return Trained(model.cpu().eval(), seconds / 60, measured.f1(model))


def described(recipe: DistilRecipe) -> dict[str, float]:
    """Return the recipe as plain numbers, for the record beside the weights."""
    return asdict(recipe)


def _phases(recipe: DistilRecipe, folder: Path) -> tuple[_Phase, _Phase]:
    return (
        _Phase(
            "stable",
            folder / "stable",
            recipe.steps,
            recipe.states,
            lambda step: min(1.0, (step + 1) / recipe.warmup),
        ),
        _Phase(
            "decay",
            folder / f"decay-{recipe.steps}-{recipe.decay_steps}",
            recipe.decay_steps,
            recipe.decay_states,
            lambda step: 1.0 - ((step + 0.5) / recipe.decay_steps) ** 0.5,
        ),
    )


def _made_with(
    recipe: DistilRecipe, architecture: Architecture, teacher: LoadedModel, questions: Dataset
) -> dict[str, Any]:
    # How long a training goes on is decided as it goes.
    fixed = {k: v for k, v in asdict(recipe).items() if k not in ("steps", "decay_steps")}
    return {
        **fixed,
        "architecture": architecture.as_json(),
        "teacher": teacher.weights_sha256,
        "data": content_hash(questions),
    }


def _optimiser(model: nn.Module, recipe: DistilRecipe) -> AdamW:
    parameters = list(model.parameters())
    return AdamW(
        [
            {
                "params": [p for p in parameters if p.ndim > 1],
                "weight_decay": recipe.weight_decay,
            },
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
    )


def _go_on(model: nn.Module, optimiser: AdamW, checkpoint: Checkpoint | None) -> tuple[int, float]:
    if checkpoint is None:
        return 0, 0.0
    model.load_state_dict(checkpoint.state["model"])
    optimiser.load_state_dict(checkpoint.state["optimiser"])
    return checkpoint.step, checkpoint.seconds


def _step(
    model: Any,
    teacher: Any,
    optimiser: AdamW,
    batch: SpanBatch,
    recipe: DistilRecipe,
    phase: _Phase,
    step: int,
) -> tuple[float, float, float]:
    inputs = {
        "input_ids": batch.input_ids,
        "token_type_ids": batch.token_type_ids,
        "attention_mask": batch.attention_mask,
        "output_hidden_states": True,
    }
    with torch.autocast(batch.input_ids.device.type, torch.bfloat16):
        with torch.no_grad():
            taught = teacher(**inputs)
        losses = distillation_losses(model(**inputs), taught, batch)
        total = losses.total(phase.states, recipe.answers, recipe.truth)
    total.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    for group in optimiser.param_groups:
        group["lr"] = phase.rate(step) * recipe.learning_rate
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return losses.numbers()
