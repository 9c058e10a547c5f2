"""A lock on a run file: two runs never write to the same one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from analog_bench.errors import StoreError

# Long enough to outlast somebody's look at whether the lock is held, or its file being deleted.
_PATIENCE_S = 0.5
_LOOK_S = 0.05
_SUFFIX = ".lock"


class HeldError(StoreError):
    """Another process writes the run file now."""


class RunLock:
    """The right to write a run file; the system takes it back when the process dies."""

    def __init__(self, run_file: Path, patience_s: float = _PATIENCE_S) -> None:
        """Take the lock, as a file beside the run file.

        Args:
            run_file: The run file; it need not be there, its folder must.
            patience_s: Seconds to wait for the lock.

        Raises:
            HeldError: Another process holds it.
            StoreError: The folder cannot be written to.
        """
        path = _file(run_file)
        self._lock = FileLock(path, timeout=patience_s, thread_local=False)
        try:
            self._lock.acquire(poll_interval=0.01)
        except (OSError, ValueError, NotImplementedError) as problem:
            # Where no file can be made, such as in /proc, filelock waits for one all the same.
            if isinstance(problem, Timeout) and path.exists():
                why = "another run is writing {}; wait for it to end, or choose another file"
                raise HeldError(why.format(repr(str(run_file)))) from None
            why = getattr(problem, "strerror", None) or str(problem)
            raise StoreError(
                f"cannot lock {str(run_file)!r} with a file beside it: {why}; choose another file"
            ) from None

    def release(self) -> None:
        """Give the lock back, and leave no file behind; doing so twice is harmless."""
        if not self._lock.is_locked:
            return
        # Deleted while it is held: whoever opens it then, and locks what has no name any more,
        # is told so by filelock and tries again. The other way round, two could hold the lock.
        # (On Windows an open file stays; filelock deletes it there.)
        with suppress(OSError):
            os.unlink(self._lock.lock_file)
        self._lock.release()


def is_held(run_file: Path) -> bool:
    """Return whether some process, this one included, holds the lock of a run file now."""
    # A process that was killed leaves the file, but not the lock on it.
    if not _file(run_file).exists():
        return False
    try:
        RunLock(run_file, _LOOK_S).release()
    except HeldError:
        return True
    except StoreError:  # a folder that we may not write to; whoever tries to will hear of it
        return False
    return False


def _file(run_file: Path) -> Path:
    return run_file.with_name(run_file.name + _SUFFIX)
