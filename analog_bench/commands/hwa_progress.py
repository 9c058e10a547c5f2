"""Progress of trainings and searches on standard error: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from analog_bench.commands.output import Line
from analog_bench.hwa.training_report import Progress
from analog_bench.spelling import rounded

if TYPE_CHECKING:
    # A training needs no optuna.
    from optuna.trial import FrozenTrial

    from analog_bench.hwa.search import Setting
    from analog_bench.hwa.shipping import Shipped


@contextmanager
def show_training(
    metric: str, console: Console | None = None
) -> Iterator[Callable[[Progress], None]]:
    """Show a training: a bar and validations on a terminal, a line every ten steps elsewhere.

    Yields the function that receives its progress. The console is standard error by default.
    """
    console = console or Console(stderr=True)
    losses: list[float] = []
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}", markup=False),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        task = bars.add_task("training", total=None, state="")

        def tell(progress: Progress) -> None:
            if progress.step:
                losses.append(progress.loss)
            state = _describe(progress, metric, losses)
            bars.update(
                task, completed=progress.step, total=progress.steps, state=state, refresh=True
            )
            if progress.score is not None or (not console.is_terminal and progress.step % 10 == 0):
                line = f"step {progress.step} of {progress.steps}: {state}"
                console.print(Text(line), soft_wrap=True)
                losses.clear()

        yield tell


def _describe(progress: Progress, metric: str, losses: list[float]) -> str:
    parts = []
    if losses:
        parts.append(f"loss {sum(losses) / len(losses):.3f}")
    if progress.score is not None:
        chips = ", ".join(f"{score:.2f}" for score in progress.chips)
        parts.append(
            f"{metric} {progress.score:.3f} on chips ({chips}), digital {progress.digital:.3f}"
        )
    if progress.step:
        parts.append(f"{progress.seconds / progress.step:.2f} s a step")
    return ", ".join(parts)


class SearchDisplay:
    """A line that changes for the trial under way, one that stays for each that ended.

    On a terminal only. A `search_and_conclude.Display`; `bars` must be entered around its use.
    """

    def __init__(self, trials: int) -> None:
        self._trials = trials
        self._console = Console(stderr=True)
        self.bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self.bars.add_task("starting", total=None)
        self._heading = ""

    def begin(self, number: int, setting: Setting, start: int) -> None:
        """Name the trial."""
        again = " once more" if start > 1 else ""
        self.say(f"trial {number + 1} of {self._trials}{again}: {_spell(setting)}")

    def reported(self, number: int, step: int, value: float) -> None:
        """Do nothing: `tell` is called at each step."""

    def end(self, trial: FrozenTrial) -> None:
        """Leave a line that says how the trial ended."""
        from analog_bench.hwa.search import state_of, value_of

        if self._console.is_terminal:
            value = value_of(trial)
            ended = state_of(trial) + ("" if value is None else f" {value:.4f}")
            self._console.print(Text(f"trial {trial.number}: {ended}, {_spell(trial.params)}"))

    def say(self, heading: str) -> None:
        """Show what is being done now."""
        self._heading = heading
        self.bars.update(self._task, description=heading)

    def tell(self, progress: Progress) -> None:
        """Show where the training stands."""
        step = f"{self._heading}, step {progress.step} of {progress.steps}"
        self.bars.update(self._task, description=step)


def _spell(setting: Setting) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in setting.items())


def outcome_lines(shipped: Shipped, out: Path, ship: Path) -> list[Line]:
    """Say what a training has come to."""
    outcome = shipped.outcome
    name = outcome.metric
    chips = ", ".join(f"{score:.3f}" for score in shipped.hwa.chips)
    return [
        Line("steps", f"{outcome.steps} ({outcome.ended}), best at {outcome.best_step}"),
        Line(f"digital {name}", f"{outcome.digital:.3f}"),
        Line(f"direct {name}", f"{outcome.direct:.3f} on chips after {shipped.drift_s:g} s"),
        Line(f"calibrated {name}", f"{outcome.start:.3f}, with the first input ranges alone"),
        Line(f"HWA {name}", f"{shipped.hwa.mean:.3f} on chips: {chips}"),
        Line("gap closed", f"{_share(shipped.closed)} beyond calibration"),
        Line("minutes", f"{outcome.minutes:.1f} on {', '.join(outcome.devices)}"),
        Line("checkpoints", str(out)),
        Line("weights", str(ship)),
    ]


def _share(closed: float) -> str:
    return f"{rounded(100 * closed, 0)} %" if math.isfinite(closed) else "there is none"
