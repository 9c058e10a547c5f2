"""What one sees of a hardware-aware training: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from analog_bench.hwa.training import Progress

_LINE_EVERY = 10


class HwaProgress:
    """Shows a training on standard error; made by `shown`."""

    def __init__(self, metric: str, console: Console, bars: Bars) -> None:
        self._metric = metric
        self._console = console
        self._bars = bars
        self._task = bars.add_task("training", total=None, told="")
        self._losses: list[float] = []

    def tell(self, progress: Progress) -> None:
        """Show where a training stands."""
        if progress.step:
            self._losses.append(progress.loss)
        told = self._told(progress)
        self._bars.update(
            self._task, completed=progress.step, total=progress.steps, told=told, refresh=True
        )
        if progress.score is not None or (
            not self._console.is_terminal and progress.step % _LINE_EVERY == 0
        ):
            self._console.print(
                f"step {progress.step} of {progress.steps}: {told}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
            self._losses.clear()

    def _told(self, progress: Progress) -> str:
        parts = []
        if self._losses:
            parts.append(f"loss {sum(self._losses) / len(self._losses):.3f}")
        if progress.score is not None:
            chips = ", ".join(f"{score:.2f}" for score in progress.chips)
            parts.append(
                f"{self._metric} {progress.score:.3f} on chips ({chips}), digital "
                f"{progress.digital:.3f}"
            )
        if progress.step:
            parts.append(f"{progress.seconds / progress.step:.2f} s a step")
        return ", ".join(parts)


@contextmanager
def shown(metric: str, console: Console | None = None) -> Iterator[HwaProgress]:
    """Show a training for as long as it lasts.

    Args:
        metric: What its scores are in.
        console: Where; standard error by default.

    Yields:
        What to tell of its progress.
    """
    used = console or Console(stderr=True)
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}", markup=False),
        console=used,
        transient=True,
        disable=not used.is_terminal,
    )
    with bars:
        yield HwaProgress(metric, used, bars)
