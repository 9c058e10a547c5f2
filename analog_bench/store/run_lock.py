"""The right to write a run file, which one process has at a time."""

from __future__ import annotations

import os
from pathlib import Path

from analog_bench.errors import StoreError
from analog_bench.file_lock import ExclusiveLock, HeldError, is_held

# Long enough to outlast a look at whether the lock is held, or its file being deleted.
_TIMEOUT_S = 0.5


class RunHeldError(StoreError):
    """Another process writes the run file now."""


def target_of(run_file: Path) -> Path:
    """Return the run file itself, links followed.

    Raises:
        StoreError: The path cannot be one.
    """
    try:
        return Path(os.path.realpath(run_file))
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise StoreError(
            f"cannot write results to {str(run_file)!r}: {why}; choose another file"
        ) from None


def lock_run(target: Path) -> ExclusiveLock:
    """Take the lock on a run file, links followed before.

    Raises:
        RunHeldError: Another process has it.
        StoreError: There can be no lock beside the file.
    """
    try:
        return ExclusiveLock(_marker(target), _TIMEOUT_S)
    except HeldError:
        raise RunHeldError(
            f"another run is writing {str(target)!r}; wait for it to end, or choose another file"
        ) from None
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise StoreError(
            f"cannot lock {str(target)!r} with a file beside it: {why}; choose another file"
        ) from None


def is_locked(run_file: Path) -> bool:
    """Return whether a process, this one included, writes the run file now."""
    return is_held(_marker(run_file))


def _marker(run_file: Path) -> Path:
    """Return the file that marks the lock: beside the run file, `.lock` appended."""
    return run_file.with_name(run_file.name + ".lock")
