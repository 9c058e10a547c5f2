"""A training in two phases that can stop at any time and go on to the same numbers.

The rate is warmed up and then stays constant for as long as one likes (`stable`); in the `decay` it
falls to zero (1 - sqrt, Hägele et al. 2024), from whichever checkpoint was the last.

The loop is written out: the `Trainer` does not know a decay that branches off a training which can
still go on, and going on must give the same numbers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from analog_bench.errors import UsageError
from training import checkpoint
from training.checkpoint import Checkpoint

LOG = "log.jsonl"
"""The file beside the checkpoints with one line of figures for each of them."""
_STABLE, _DECAY = "stable", "decay"


@dataclass(frozen=True)
class Recipe:
    """How long a training goes on; subclasses add the other hyperparameters.

    Attributes:
        steps: Steps before the decay, warm-up included.
        decay_steps: Steps of the decay to zero.
        warmup: Steps of linear warm-up.
    """

    steps: int
    decay_steps: int
    warmup: int

    def described(self) -> dict[str, float]:
        """Return the recipe as plain numbers, for the record beside the weights."""
        return asdict(self)

    def fixed(self) -> dict[str, Any]:
        """Return what stays as it is when a training goes on; its length is decided as it goes."""
        numbers = self.described()
        return {k: v for k, v in numbers.items() if k not in ("steps", "decay_steps")}


@dataclass(frozen=True)
class Report:
    """Where a training stands; subclasses add losses and measurements.

    Attributes:
        phase: `stable` or `decay`.
        step: Steps made in the phase.
        seconds: Processor time spent in the phase, measuring apart.
    """

    phase: str
    step: int
    seconds: float


@dataclass(frozen=True)
class Phase:
    """One of a training's two phases.

    Attributes:
        name: `stable` or `decay`.
        folder: Where its checkpoints are kept.
        steps: How many it has.
        before: Steps of the training before it.
        rate: Maps a step, from 0, to its share of the learning rate.
    """

    name: str
    folder: Path
    steps: int
    before: int
    rate: Callable[[int], float]

    @property
    def decays(self) -> bool:
        """Whether it is the decay."""
        return self.name == _DECAY


ReportT_co = TypeVar("ReportT_co", bound=Report, covariant=True)
ReportT = TypeVar("ReportT", bound=Report)


class Learner(Protocol[ReportT_co]):
    """What is trained: a model with its optimisers, its data and its measurement."""

    def step(self, phase: Phase, step: int, /) -> tuple[float, ...]:
        """Make a step of a phase, counted from 0, and return its losses."""

    def report(
        self, phase: Phase, step: int, seconds: float, losses: Sequence[float], /
    ) -> ReportT_co:
        """Measure and report; the losses are means since the last report."""

    def state(self) -> dict[str, Any]:
        """Return what it needs to go on, as tensors and plain values."""

    def restore(self, state: dict[str, Any], /) -> None:
        """Go back to what `state` returned."""


def phases(recipe: Recipe, folder: Path) -> tuple[Phase, Phase]:
    """Return both phases of a training, with checkpoints under `folder`."""
    return (
        Phase(
            _STABLE,
            folder / _STABLE,
            recipe.steps,
            0,
            lambda step: min(1.0, (step + 1) / recipe.warmup),
        ),
        Phase(
            _DECAY,
            folder / f"{_DECAY}-{recipe.steps}-{recipe.decay_steps}",
            recipe.decay_steps,
            recipe.steps,
            lambda step: 1.0 - ((step + 0.5) / recipe.decay_steps) ** 0.5,
        ),
    )


def begun(parts: Sequence[Phase]) -> bool:
    """Return whether any phase has a checkpoint to go on from.

    Raises:
        UsageError: One cannot be read, or all of a phase lie beyond its steps.
    """
    return any(checkpoint.last(phase.folder, phase.steps) is not None for phase in parts)


def run(
    parts: Sequence[Phase],
    learner: Learner[ReportT],
    log: Path,
    *,
    save_steps: int,
    tell: Callable[[ReportT], None],
) -> float:
    """Train, or go on from the last checkpoint of each phase.

    Args:
        parts: The phases.
        learner: What is trained; afterwards it stands at the end of the last phase.
        log: The file that every report is added to.
        save_steps: Steps between checkpoints.
        tell: Called with every report, one a checkpoint.

    Returns:
        Seconds of processor time spent on all steps, those of earlier calls included.

    Raises:
        UsageError: A checkpoint cannot be read, or all of a phase lie beyond its steps.
    """
    seconds = 0.0
    for phase in parts:
        step, spent = _go_on(phase, learner)
        losses: list[tuple[float, ...]] = []
        began = time.process_time()
        while step < phase.steps:
            losses.append(learner.step(phase, step))
            step += 1
            if step % save_steps and step < phase.steps:
                continue
            spent += time.process_time() - began
            checkpoint.save(phase.folder, Checkpoint(step, spent, learner.state()))
            means = [sum(kind) / len(kind) for kind in zip(*losses, strict=True)]
            report = learner.report(phase, step, spent, means)
            with log.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(report)) + "\n")
            tell(report)
            losses.clear()
            began = time.process_time()
        seconds += spent
    return seconds


def steps_made(folder: Path) -> int:
    """Return the number of steps before the decay in the last checkpoint under a folder.

    Raises:
        UsageError: There is no checkpoint, or it cannot be read.
    """
    last = checkpoint.last(folder / _STABLE)
    if last is None:
        raise UsageError(f"{folder} holds no checkpoint to finish from; train first")
    return last.step


def _go_on(phase: Phase, learner: Learner[Report]) -> tuple[int, float]:
    last = checkpoint.last(phase.folder, phase.steps)
    if last is None:
        return 0, 0.0
    learner.restore(last.state)
    return last.step, last.seconds
