"""Track a search in Weights & Biases: one run per trial, in one group.

`offline` only writes run folders, which `wandb sync` sends later; `online` sends them at once. In
either mode W&B writes only under the given folder, and is told to report neither its own errors,
nor the machine, nor the code. The run of a trial whose process was killed may be empty, because W&B
writes in blocks; the trial's next start gets another run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import wandb
from optuna.trial import FrozenTrial

from analog_bench.errors import UsageError
from analog_bench.hwa.search import Setting, state_of, value_of

Mode: TypeAlias = Literal["offline", "online"]
PROJECT = "analog-bench"
"""The project that runs belong to, unless `WANDB_PROJECT` names another one."""


@contextmanager
def tracking(mode: Mode, folder: Path, group: str, about: Mapping[str, Any]) -> Iterator[Tracker]:
    """Track a search; on exit, finish the current run and end W&B's service.

    W&B writes into `wandb/` in the folder. `about` holds plain values to write with every run.
    """
    folder = folder.absolute()
    settings = wandb.Settings(
        mode=mode,
        root_dir=str(folder),
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        run_group=group,
        reinit="create_new",
        silent=True,
        console="off",
        host="",
        symlink=False,
        disable_git=True,
        disable_code=True,
        save_code=False,
        disable_job_creation=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )
    # W&B has no settings for these; its service reads them from the environment when it starts.
    private = {
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_CACHE_DIR": str(folder / "wandb" / "cache"),
        "WANDB_DATA_DIR": str(folder / "wandb" / "data"),
    }
    before = {name: os.environ.get(name) for name in private}
    os.environ.update(private)
    tracker, exit_code = Tracker(settings, about), 1
    try:
        yield tracker
        exit_code = 0
    finally:
        tracker.finish({}, exit_code)
        wandb.teardown(exit_code)
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


class Tracker:
    """Writes each trial of a search as a run; a `search.Watcher`. Made by `tracking`."""

    def __init__(self, settings: wandb.Settings, about: Mapping[str, Any]) -> None:
        self._settings = settings
        self._about = about
        self._run: wandb.Run | None = None

    def begin(self, number: int, setting: Setting, start: int) -> None:
        """Start a trial's run.

        Raises:
            UsageError: W&B cannot be used, such as online without a login.
        """
        self._start(f"trial {number}", "trial", {**setting, "trial": number, "start": start})

    def reported(self, number: int, step: int, value: float) -> None:
        """Write a report into the trial's run."""
        if self._run is not None:
            self._run.log({"objective": value}, step=step)

    def end(self, trial: FrozenTrial) -> None:
        """Write how a trial ended, and finish its run."""
        state, value = state_of(trial), value_of(trial)
        summary = {"state": state, **({} if value is None else {"value": value})}
        self.finish(summary, 0 if state in ("complete", "pruned") else 1)

    def conclude(self, name: str, summary: Mapping[str, Any]) -> None:
        """Write a run with only the results of the whole search, as plain values."""
        self._start(name, "conclusion", {})
        self.finish(summary, 0)

    def finish(self, summary: Mapping[str, Any], exit_code: int) -> None:
        """Finish the current run, if any."""
        run, self._run = self._run, None
        if run is not None:
            run.summary.update(dict(summary))
            run.finish(exit_code=exit_code)

    def _start(self, name: str, kind: str, config: Mapping[str, Any]) -> None:
        self.finish({}, 1)
        Path(self._settings.root_dir).mkdir(parents=True, exist_ok=True)
        settings = self._settings.model_copy(update={"run_name": name, "run_job_type": kind})
        try:
            self._run = wandb.init(config={**self._about, **config}, settings=settings)
        except (wandb.Error, OSError) as problem:
            why = " ".join(str(problem).split())
            raise UsageError(
                f"Weights & Biases does not work: {why}; use --wandb offline, or leave it out"
            ) from None
