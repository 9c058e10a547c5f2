"""The command line of a run, and the one that completes it where it was stopped."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

# They begin where the last run stopped, or select what failed: too little, or what fails again.
_STEPWISE = ("--sw", "--stepwise", "--sw-skip", "--stepwise-skip", "--sw-reset", "--stepwise-reset")


def given_command(config: pytest.Config) -> str:
    """Return the command line of this run."""
    return shlex.join(["pytest", *map(str, config.invocation_params.args)])


def completing_command(config: pytest.Config, run_file: Path | None) -> str:
    """Return the command line that measures what this run, whose results go there, leaves out.

    It is this run's own with `--resume`, and does not stop at a test that fails.
    """
    words = [str(word) for word in config.invocation_params.args if word not in _STEPWISE]
    if config.getoption("maxfail", 0):
        words.append("--maxfail=0")
    if run_file is not None and config.getoption("analog_bench_json") is None:
        here = config.invocation_params.dir
        near = run_file.is_relative_to(here)
        words += ["--json", os.path.relpath(run_file, here) if near else str(run_file)]
    if not config.getoption("analog_bench_resume"):
        words.append("--resume")
    return shlex.join(["pytest", *words])
