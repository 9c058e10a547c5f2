"""Other programs run to their end: silently, or with their output shown and logged line by line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

_TEXT: dict[str, Any] = {"text": True, "encoding": "utf-8", "errors": "replace"}


def run_captured(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    given: str = "",
    timeout: float | None = 120,
) -> subprocess.CompletedProcess[str]:
    """Run a program and capture what it prints.

    One that cannot be started, or takes longer than `timeout` seconds, counts as failed with code 1
    and the reason on standard error.
    """
    try:
        return subprocess.run(
            command, cwd=cwd, env=env, input=given, capture_output=True, timeout=timeout, **_TEXT
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return subprocess.CompletedProcess(command, 1, "", f"error: {problem}")


def run_logged(
    command: Sequence[str],
    log: TextIO,
    tell: Callable[[str], None],
    *,
    cwd: Path,
    env: Mapping[str, str],
    alone: bool = False,
) -> tuple[int, list[str]]:
    """Run a program to its end, and return its exit code and lines; kill it where `tell` raises.

    The log and `tell` receive each line of output, standard error included. A program that runs
    `alone` is out of Ctrl-C's reach.
    """
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=alone,
            **_TEXT,
        )
    except OSError as problem:
        return 1, [f"error: {command[0]} cannot be started: {problem}"]
    with process:
        try:
            for line in process.stdout or ():
                log.write(line)
                lines.append(line.rstrip())
                tell(line.strip())
        except BaseException:
            process.kill()
            raise
    return process.returncode, lines
