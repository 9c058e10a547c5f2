"""A process whose output goes to a log and to whoever watches, line by line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO


def run_logged(
    command: Sequence[str],
    log: TextIO,
    tell: Callable[[str], None],
    *,
    cwd: Path,
    env: Mapping[str, str],
    alone: bool = False,
) -> tuple[int, list[str]]:
    """Run a process to its end; kill it where `tell` raises.

    Args:
        command: The command line.
        log: Where its output goes, standard error included.
        tell: Is given each line.
        cwd: The folder to start in.
        env: Its variables.
        alone: Whether Ctrl-C is for this process only.

    Returns:
        The exit code, and the lines.
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
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=alone,
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
