"""The right to write a run file, which one process has at a time."""

from __future__ import annotations

from pathlib import Path

from analog_bench.errors import StoreError, reason_of
from analog_bench.file_lock import ExclusiveLock, HeldError, is_held

# Long enough to outlast a look at whether the lock is held, or its file being deleted.
_TIMEOUT_S = 0.5


class RunHeldError(StoreError):
    """Another process writes the run file now."""


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
        raise StoreError(
            f"cannot lock {str(target)!r} with a file beside it: {reason_of(problem)}; choose "
            "another file"
        ) from None


def is_locked(run_file: Path) -> bool:
    """Return whether a process, this one included, writes the run file now."""
    return is_held(_marker(run_file))


def _marker(run_file: Path) -> Path:
    return run_file.with_name(run_file.name + ".lock")
