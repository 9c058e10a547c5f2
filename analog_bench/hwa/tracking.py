"""A search in Weights & Biases: one run a trial, in one group.

`offline` writes run folders only, which `wandb sync` sends later; `online` sends them at once. In
either mode W&B writes under the given folder only, and is told to report neither its own errors,
nor the machine, nor the code. The run of a trial whose process was killed may be empty, since W&B
writes in blocks; the trial's next start gets another run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias

import wandb

from analog_bench.errors import UsageError
from analog_bench.hwa.trial import Setting, Trial

Mode: TypeAlias = Literal["offline", "online"]
PROJECT = "analog-bench"
"""The project that runs belong to, unless `WANDB_PROJECT` names another one."""


class Tracker:
    """Writes each trial of a search as a run; a `search.Watcher`.

    Leaving its context finishes what is under way and ends W&B's service.
    """

    def __init__(self, mode: Mode, folder: Path, group: str, about: Mapping[str, Any]) -> None:
        """Prepare; nothing is written before the first run.

        Args:
            mode: Where runs go.
            folder: W&B writes into `wandb/` there.
            group: Name of the runs' group.
            about: Plain values written with every run, such as the model and the objective.
        """
        self._mode = mode
        self._folder = folder.absolute()
        self._group = group
        self._about = dict(about)
        self._run: wandb.Run | None = None

    def begin(self, number: int, setting: Setting, start: int) -> None:
        """Start a trial's run.

        Raises:
            UsageError: W&B cannot be used, such as online without a login.
        """
        config = {**self._about, **setting, "trial": number, "start": start}
        self._start(f"trial {number}", "trial", config)

    def reported(self, number: int, step: int, value: float) -> None:
        """Write a report into the trial's run."""
        if self._run is not None:
            self._run.log({"objective": value}, step=step)

    def end(self, trial: Trial) -> None:
        """Write how a trial ended, and finish its run."""
        summary: dict[str, Any] = {"state": trial.state}
        if trial.value is not None:
            summary["value"] = trial.value
        self._finish(summary, 0 if trial.state in ("complete", "pruned") else 1)

    def conclude(self, name: str, summary: Mapping[str, Any]) -> None:
        """Write a run that holds nothing but results of the whole search, as plain values.

        Raises:
            UsageError: W&B cannot be used.
        """
        self._start(name, "conclusion", self._about)
        self._finish(summary, 0)

    def __enter__(self) -> Tracker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        exit_code = 0 if kind is None else 1
        self._finish({}, exit_code)
        with _private(self._folder):
            wandb.teardown(exit_code)

    def _start(self, name: str, kind: str, config: Mapping[str, Any]) -> None:
        self._finish({}, 1)
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with _private(self._folder):
                self._run = wandb.init(
                    config=dict(config),
                    settings=wandb.Settings(
                        mode=self._mode,
                        root_dir=str(self._folder),
                        project=os.environ.get("WANDB_PROJECT", PROJECT),
                        run_group=self._group,
                        run_name=name,
                        run_job_type=kind,
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
                    ),
                )
        except (wandb.Error, OSError) as problem:
            why = " ".join(str(problem).split())
            raise UsageError(
                f"Weights & Biases does not work: {why}; use --wandb offline, or leave it out"
            ) from None

    def _finish(self, summary: Mapping[str, Any], exit_code: int) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        run.summary.update(dict(summary))
        with _private(self._folder):
            run.finish(exit_code=exit_code)


@contextmanager
def _private(folder: Path) -> Iterator[None]:
    # W&B has no settings for these: its service reads them from the environment as it starts.
    wanted = {
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_CACHE_DIR": str(folder / "wandb" / "cache"),
        "WANDB_DATA_DIR": str(folder / "wandb" / "data"),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
