"""The journal: results written down as they come, so that a killed run loses one case at most.

A run's results are in its journal until the run file is safely written; then the journal is
deleted. Each result is on the disk, not merely on its way there, before `append` returns: the
journal is an SQLite database with a write-ahead log, and each result a transaction.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from analog_bench.atomic_file import sync_folder
from analog_bench.codec import compact, plain
from analog_bench.errors import StoreError
from analog_bench.records import Result, Scope
from analog_bench.store.file_lock import ExclusiveLock, HeldError
from analog_bench.store.journal_file import (
    SCHEMA,
    JournalContent,
    JournalEntry,
    connect,
    delete_journal,
    entry_content,
    entry_from,
    journal_path,
    load_journal,
    lock_path,
)
from analog_bench.store.run import Manifest
from analog_bench.store.run_file import check_writable

_MOST_NAMES = 1000
# Long enough to outlast a look at whether the lock is held, or its file being deleted.
_LOCK_TIMEOUT_S = 0.5


class RunHeldError(StoreError):
    """Another process writes the run file now."""


class Journal:
    """The journal of a run that is under way, and the right to write its run file.

    A context manager: leaving it without `finish` keeps what was journalled, for a resume.

    Attributes:
        run_file: The run file, links followed.
        held: What the journal held when it was opened: the results of the run that is resumed.
    """

    def __init__(
        self,
        run_file: Path,
        lock: ExclusiveLock,
        database: sqlite3.Connection,
        held: JournalContent,
    ) -> None:
        self.run_file = run_file
        self.held = held
        self._lock = lock
        self._database: sqlite3.Connection | None = database

    @classmethod
    def create(cls, run_file: Path, manifest: Manifest) -> Journal:
        """Start the journal of a new run, beside the run file.

        A journal that holds no result, left by a run that was killed early, is replaced.

        Raises:
            StoreError: The folder cannot be written to or cannot hold a write-ahead log, another
                run writes to it now, or a journal with results is there.
        """
        check_writable(run_file)
        target = _target(run_file)
        with ExitStack() as stack:
            lock = stack.enter_context(_lock(target))
            _clear_away_empty(target)
            return cls._begin(target, lock, manifest, stack)

    @classmethod
    def create_in(cls, folder: Path, created: datetime, manifest: Manifest) -> Journal:
        """Start the journal of a new run under a name that no other run has, nor will have.

        Its `run_file` is `bench-YYYYMMDD-HHMMSS.json`, with `-2` and so on before the dot where
        other runs were started in that second.

        Raises:
            StoreError: As in `create`.
        """
        name = f"bench-{created:%Y%m%d-%H%M%S}"
        check_writable(folder / f"{name}.json")
        for n in range(1, _MOST_NAMES + 1):
            target = _target(folder / f"{name}{f'-{n}' if n > 1 else ''}.json")
            if _is_taken(target):
                continue
            with suppress(RunHeldError), ExitStack() as stack:
                lock = stack.enter_context(_lock(target))
                # Once more, now that nobody else can take it.
                if not _is_taken(target):
                    return cls._begin(target, lock, manifest, stack)
        raise StoreError(f"{str(folder)!r} holds {_MOST_NAMES} runs of {name!r}; name a file")

    @classmethod
    def resume(cls, run_file: Path) -> Journal:
        """Go on with the journal of a run that was killed; `held` tells what is measured already.

        Whether the numbers still mean the same is for `environment.resume_conflicts` to say.

        Raises:
            StoreError: There is no journal, it holds nothing, it is damaged, or another run writes
                to it now.
        """
        target = _target(run_file)
        path = journal_path(target)
        if not os.path.lexists(path):
            raise StoreError(
                f"there is nothing to resume: no journal at {str(path)!r}; start the run anew"
            )
        with ExitStack() as stack:
            lock = stack.enter_context(_lock(target))
            check_writable(target)
            held = load_journal(target)
            if held is None:
                raise StoreError(f"the journal {str(path)!r} holds nothing; start the run anew")
            with _writing(target):
                journal = cls(target, lock, _opened(target, "rw"), held)
            stack.pop_all()
            return journal

    @property
    def path(self) -> Path:
        """The journal itself."""
        return journal_path(self.run_file)

    def append(self, result: Result, scope: Scope) -> None:
        """Write a result and its scope down; they are on the disk when this returns.

        The result is made storable, as in a run file. One that is there already, equal in
        everything, is not written again.

        Raises:
            StoreError: It cannot be written, or its case came before with other values.
            ValueError: It could not be read back, or the journal is closed.
        """
        if self._database is None:
            raise ValueError("the journal is closed")
        content = entry_content(JournalEntry(result, scope))
        # Read as a resume will read it: later is too late to find out that it cannot be.
        entry_from(content)
        with _writing(self.run_file):
            select = "SELECT entry FROM results WHERE (case_id, study, protocol) = (?, ?, ?)"
            stored = self._database.execute(select, result.identity).fetchone()
            if stored is None:
                row = (*result.identity, time.time(), content)
                self._database.execute("INSERT INTO results VALUES (?, ?, ?, ?, ?)", row)
        if stored not in (None, (content,)):
            raise StoreError(
                f"cannot keep a result in {str(self.path)!r}: the case {result.case_id!a} came "
                "before, with other values; every case of a run needs an id of its own"
            )

    def finish(self) -> None:
        """Close and delete the journal, now that the run file is written; raises StoreError."""
        self._close(delete=True)

    def close(self) -> None:
        """Let go of the journal; it stays for a resume if it holds a result."""
        self._close(delete=False)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def _close(self, *, delete: bool) -> None:
        database, self._database = self._database, None
        if database is None:
            return
        try:
            with closing(database):
                (count,) = database.execute("SELECT count(*) FROM results").fetchone()
            # Before the lock goes: the next run may begin a journal of this name at once.
            if delete or not count:
                delete_journal(self.path)
                sync_folder(self.path.parent)
        except (OSError, sqlite3.Error) as problem:
            raise StoreError(
                f"cannot delete {str(self.path)!r}: {problem}; delete it by hand"
            ) from None
        finally:
            self._lock.release()

    @classmethod
    def _begin(
        cls, target: Path, lock: ExclusiveLock, manifest: Manifest, stack: ExitStack
    ) -> Journal:
        """Make the journal; `stack`, which undoes what was done so far, is emptied at the end."""
        content = compact(plain(manifest))
        stack.callback(_discard, journal_path(target))
        with _writing(target):
            database = stack.enter_context(closing(_opened(target, "rwc")))
            database.execute("BEGIN")
            for statement in SCHEMA:
                database.execute(statement)
            database.execute("INSERT INTO run VALUES (?)", (content,))
            database.execute("COMMIT")
        sync_folder(target.parent)
        stack.pop_all()
        return cls(target, lock, database, JournalContent(manifest, ()))


def _discard(path: Path) -> None:
    with suppress(OSError):  # of a name too long to be a file's
        delete_journal(path)


def _opened(target: Path, mode: str) -> sqlite3.Connection:
    """Open a journal for writing: each transaction is on the disk when it ends."""
    with ExitStack() as stack:
        database = stack.enter_context(closing(connect(journal_path(target), mode)))
        if database.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
            raise StoreError(
                f"cannot write the journal of {str(target)!r}: its file system cannot hold a "
                "write-ahead log; choose a file on a local disk"
            )
        database.execute("PRAGMA synchronous = FULL")
        stack.pop_all()
        return database


@contextmanager
def _writing(run_file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as problem:
        raise _cannot_write(run_file, problem) from None


def _lock(target: Path) -> ExclusiveLock:
    try:
        return ExclusiveLock(lock_path(target), _LOCK_TIMEOUT_S)
    except HeldError:
        raise RunHeldError(
            f"another run is writing {str(target)!r}; wait for it to end, or choose another file"
        ) from None
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise StoreError(
            f"cannot lock {str(target)!r} with a file beside it: {why}; choose another file"
        ) from None


def _target(run_file: Path) -> Path:
    try:
        return Path(os.path.realpath(run_file))
    except (OSError, ValueError) as problem:
        raise _cannot_write(run_file, problem) from None


def _is_taken(target: Path) -> bool:
    return os.path.lexists(target) or os.path.lexists(journal_path(target))


def _clear_away_empty(target: Path) -> None:
    path = journal_path(target)
    if not os.path.lexists(path):
        return
    content = load_journal(target)
    if content is not None and content.entries:
        cases = f"{len(content.entries)} case{'s' * (len(content.entries) != 1)}"
        raise StoreError(
            f"{str(path)!r} holds {cases} of a run that was interrupted: continue it with "
            "--resume, or delete that file to start anew"
        )
    delete_journal(path)


def _cannot_write(run_file: Path, problem: Exception) -> StoreError:
    why = getattr(problem, "strerror", None) or str(problem)
    return StoreError(f"cannot write the journal of {str(run_file)!r}: {why}; choose another file")
