"""How a search goes on, in one line of the terminal."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.status import Status
from rich.text import Text

from analog_bench.hwa.training import Progress
from analog_bench.hwa.trial import Setting, Trial


class SearchDisplay:
    """One changing line on standard error, and one that stays for each trial; on a terminal only.

    A `search.Watcher`, and a context of its own.
    """

    def __init__(self, trials: int) -> None:
        """Prepare.

        Args:
            trials: How many there are to be.
        """
        self._trials = trials
        self._console = Console(stderr=True)
        self._status: Status | None = None
        self._heading = ""

    def __enter__(self) -> SearchDisplay:
        if self._console.is_terminal:
            self._status = self._console.status("starting")
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def begin(self, number: int, setting: Setting, start: int) -> None:
        """Name the trial."""
        again = " once more" if start > 1 else ""
        self.say(f"trial {number + 1} of {self._trials}{again}: {_spelt(setting)}")

    def reported(self, number: int, step: int, value: float) -> None:
        """Say nothing: `tell` hears of each step."""

    def end(self, trial: Trial) -> None:
        """Let a line stand that says how the trial ended."""
        if self._status is not None:
            value = "" if trial.value is None else f" {trial.value:.4f}"
            told = f"trial {trial.number}: {trial.state}{value}, {_spelt(trial.setting)}"
            self._console.print(Text(told), highlight=False)

    def say(self, heading: str) -> None:
        """Say what is being done now."""
        self._heading = heading
        if self._status is not None:
            self._status.update(Text(heading))

    def tell(self, progress: Progress) -> None:
        """Say where the training stands."""
        if self._status is not None:
            told = f"{self._heading}, step {progress.step} of {progress.steps}"
            self._status.update(Text(told))


def _spelt(setting: Setting) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in setting.items())
