"""How the embedded MobileBERT learnt to answer questions: from the embedded BERT.

Its first weights are the BERT's, factorised and fitted block by block (`mobile_student`); then it
learns to have the BERT's hidden states and answers, and to be right: a training in two phases
(`two_phases`).

Tried before, on 300 development questions: F1 is 40 with the first weights alone. After 50 steps
the answers' loss was 1.6 nats from there and 3.6 from drawn weights.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import nn
from torch.optim import AdamW
from transformers import MobileBertForQuestionAnswering, PretrainedConfig

from analog_bench.hwa.checkpoint_owner import claim
from analog_bench.hwa.held_out_articles import hold_out_questions
from analog_bench.hwa.span_batches import SpanBatches, unambiguous
from analog_bench.seeds import derive_seed
from analog_bench.tasks.qa_windows import WindowLimits
from analog_bench.tasks.squad_files import content_hash, read_squad
from analog_bench.zoo.lock_file import FILE_NAME
from analog_bench.zoo.model_loading import LoadedModel, embedded_config, load
from analog_bench.zoo.model_specs import find_embedded
from training.distil_loss import distillation_losses
from training.held_out_questions import HeldOutQuestions
from training.mobile_student import new_student, take_after
from training.shipping import ship_whole
from training.two_phases import LOG, Phase, Recipe, Report, begun, phases, run


@dataclass(frozen=True)
class DistilRecipe(Recipe):
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
class DistilReport(Report):
    """Where a training stands, and its losses.

    Attributes:
        states: Mean loss of the hidden states since the last report, see `distil_loss.Losses`.
        answers: Mean loss against the teacher's answers.
        truth: Mean loss against the true answers.
        held_out_f1: F1 in points on questions about held-out articles, in bfloat16.
    """

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


def train(
    recipe: DistilRecipe,
    config: PretrainedConfig,
    teacher: LoadedModel,
    questions: Dataset,
    folder: Path,
    *,
    save_steps: int = 200,
    tell: Callable[[DistilReport], None] = lambda report: None,
) -> Trained:
    """Train, or go on from the last checkpoints in `folder`.

    Going on gives the weights that an uninterrupted training would have given, on the same machine
    with as many threads. So does asking for more `steps` than before, since the checkpoints before
    the decay are kept.

    Args:
        recipe: The hyperparameters.
        config: The model's configuration.
        teacher: A BERT that answers questions; it is not changed.
        questions: SQuAD rows: to train on, and of held-out articles.
        folder: Where checkpoints are kept, with `recipe.json` and `log.jsonl`.
        save_steps: Steps between checkpoints.
        tell: Called at every checkpoint.

    Raises:
        DataError: Too few questions or articles.
        UsageError: A model that cannot take after the teacher; checkpoints of another recipe or
            other data, that cannot be read, or that lie beyond `recipe.steps`.
    """
    made_with = {
        **recipe.fixed(),
        "config": config.to_diff_dict(),
        "teacher": teacher.weights_sha256,
        "data": content_hash(questions),
    }
    claim(folder, made_with)
    parts = phases(recipe, folder)
    learner = _Learner(recipe, config, teacher, questions, new=not begun(parts))
    seconds = run(parts, learner, folder / LOG, save_steps=save_steps, tell=tell)
    return Trained(learner.model.cpu().eval(), seconds / 60, learner.held_out.f1(learner.model))


def train_and_ship(changes: Mapping[str, Any], data: Path, out: Path, ship: Path) -> None:
    """Train the embedded MobileBERT by the embedded BERT, and write shippable weights.

    Args:
        changes: Hyperparameters in place of the recipe's own, by their name in `DistilRecipe`.
        data: SQuAD v1.1 JSON.
        out: Folder of the checkpoints.
        ship: Folder of the weights.

    Raises:
        DataError: The data is missing, malformed or too little.
        UsageError: Checkpoints of another recipe.
        WeightsError: The teacher's weights are not there, or `ship` holds other weights.
    """
    recipe = replace(DistilRecipe(), **changes)
    rows = read_squad(data)
    teacher = load(find_embedded("bert"), lock_path=Path(FILE_NAME))
    config = embedded_config("mobilebert")
    trained = train(recipe, config, teacher, rows, out, tell=_print_report)
    backend: Any = teacher.tokenizer.backend_tokenizer
    ship_whole(
        trained.model.state_dict(),
        backend,
        ship,
        {
            **recipe.described(),
            "data": "SQuAD v1.1 train, answers that stand once",
            "teacher": f"the embedded bert, {teacher.weights_sha256}",
            "torch": str(torch.__version__),
            "processor_minutes": round(trained.minutes, 1),
        },
        {"held_out_f1": round(trained.held_out_f1, 2)},
    )


def _print_report(report: DistilReport) -> None:
    print(
        f"{report.phase} step {report.step}: states {report.states:.3f}, answers "
        f"{report.answers:.3f}, truth {report.truth:.3f}, held out F1 {report.held_out_f1:.1f}, "
        f"{report.seconds / 60:.1f} minutes",
        file=sys.stderr,
        flush=True,
    )


class _Learner:
    """The model with its optimiser, its teacher and the questions."""

    def __init__(
        self,
        recipe: DistilRecipe,
        config: PretrainedConfig,
        teacher: LoadedModel,
        questions: Dataset,
        *,
        new: bool,
    ) -> None:
        limits = WindowLimits(recipe.max_length, recipe.stride)
        tokenizer = teacher.tokenizer
        usable, held = hold_out_questions(unambiguous(questions), recipe.held_out)
        order = derive_seed(recipe.seed, "order")
        self._batches = SpanBatches(usable, tokenizer, limits, recipe.batch, order)
        self.held_out = HeldOutQuestions(held, tokenizer, limits, recipe.held_out_questions)
        self._recipe = recipe
        model: Any = new_student(config, derive_seed(recipe.seed, "weights"))
        taught: Any = copy.deepcopy(teacher.model).cpu()
        if recipe.fit_windows and new:
            counts = self._batches.token_counts(config.vocab_size)
            sample = self._batches.sample(recipe.fit_windows)
            take_after(model, taught, sample, counts)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model: Any = model.to(self._device)
        self._teacher: Any = taught.to(self._device)
        self._optimiser = _optimiser(self.model, recipe)

    def step(self, phase: Phase, step: int) -> tuple[float, float, float]:
        recipe = self._recipe
        batch = self._batches.of_step(phase.before + step).to(self._device)
        inputs = {**batch.inputs, "output_hidden_states": True}
        with torch.autocast(self._device.type, torch.bfloat16):
            with torch.no_grad():
                taught = self._teacher(**inputs)
            losses = distillation_losses(self.model(**inputs), taught, batch)
            states = recipe.decay_states if phase.decays else recipe.states
            total = losses.total(states, recipe.answers, recipe.truth)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
        for group in self._optimiser.param_groups:
            group["lr"] = phase.rate(step) * recipe.learning_rate
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        return losses.numbers()

    def report(
        self, phase: Phase, step: int, seconds: float, losses: Sequence[float]
    ) -> DistilReport:
        states, answers, truth = losses
        f1 = self.held_out.f1(self.model)
        return DistilReport(phase.name, step, seconds, states, answers, truth, f1)

    def state(self) -> dict[str, Any]:
        return {"model": self.model.state_dict(), "optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])


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
