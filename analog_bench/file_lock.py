"""Locks among processes: one run a run file, one update of the baselines at a time."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout


class HeldError(Exception):
    """Another process holds the lock."""


class ExclusiveLock:
    """A lock that the system takes back when the process dies, however it dies.

    A file marks it, which is there while the lock is held; one that a killed process left means
    nothing. A context manager: leaving it releases the lock.
    """

    def __init__(self, path: Path, timeout_s: float) -> None:
        """Take the lock that a file marks; its folder must be there.

        Raises:
            HeldError: Another process holds it.
            OSError: The file cannot be made; so with ValueError for a path that cannot be one.
        """
        self._lock = FileLock(path, timeout=timeout_s, thread_local=False)
        try:
            self._lock.acquire(poll_interval=0.01)
        except Timeout as problem:
            # Where no file can be made, such as in /proc, filelock waits for one all the same.
            if os.path.exists(path):
                raise HeldError(str(path)) from None
            raise OSError(str(problem)) from None

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

    def __enter__(self) -> ExclusiveLock:
        return self

    def __exit__(self, *problem: object) -> None:
        self.release()
