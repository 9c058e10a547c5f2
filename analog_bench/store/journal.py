"""The journal: results written down as they come, so that a killed run loses one case at most.

A run's results are in its journal until the run file is safely written; then the journal is
deleted. Each result is on the disk, not merely on its way there, before `append` returns: the
journal is an SQLite database with a write-ahead log, and each result a transaction.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from analog_bench.atomic_file import sync_folder
from analog_bench.codec import compact, plain
from analog_bench.errors import StoreError, reason_of
from analog_bench.file_lock import ExclusiveLock
from analog_bench.records import Result, Scope
from analog_bench.spelling import counted
from analog_bench.store.journal_file import (
    SCHEMA,
    JournalContent,
    RunHeldError,
    connect,
    delete_journal,
    entry_content,
    entry_from,
    journal_path,
    lock_run,
    read_journal,
    rename_journal,
)
from analog_bench.store.run import Manifest, Record
from analog_bench.store.run_file import check_replaceable, check_writable, holds_anything, target_of

_MOST_NAMES = 1000


class Journal(AbstractContextManager["Journal"]):
    """The journal of a run in progress, and the right to write its run file.

    A context manager: leaving it without `finish` keeps what was journalled, for a resume. Methods
    that write raise a StoreError if the disk refuses.

    Attributes:
        run_file: The run file, links followed.
        held: What the journal held when it was opened: the results of the run that is resumed.
        count: How often a result was written to it.
    """

    def __init__(
        self,
        run_file: Path,
        lock: ExclusiveLock,
        database: sqlite3.Connection | None,
        held: JournalContent,
    ) -> None:
        self.run_file = run_file
        self.held = held
        self.count = len(held.entries)
        self._lock = lock
        self._database = database

    @classmethod
    def create(cls, run_file: Path, manifest: Manifest) -> Journal:
        """Start the journal of a new run, beside the run file.

        A journal that holds no result, left by a run that was killed early, is replaced.

        Raises:
            StoreError: The folder cannot be written to or cannot hold a write-ahead log, another
                run writes to it now, or a journal with results, or another file, is there.
        """
        target = target_of(run_file)
        check_writable(target)
        with ExitStack() as stack:
            lock = stack.enter_context(lock_run(target))
            _clear_away_empty(target)
            check_replaceable(target, manifest)
            return cls._begin(target, lock, JournalContent(manifest), stack)

    @classmethod
    def create_in(cls, folder: Path, created: datetime, manifest: Manifest) -> Journal:
        """Start the journal of a new run, as `create`, under a name that no other run will have.

        Its `run_file` is `bench-YYYYMMDD-HHMMSS.json`, with `-2` and so on before the dot where
        other runs were started in that second.
        """
        name = f"bench-{created:%Y%m%d-%H%M%S}"
        check_writable(folder / f"{name}.json")
        for n in range(1, _MOST_NAMES + 1):
            target = target_of(folder / f"{name}{f'-{n}' if n > 1 else ''}.json")
            with suppress(RunHeldError), ExitStack() as stack:
                lock = stack.enter_context(lock_run(target))
                if not (os.path.lexists(target) or os.path.lexists(journal_path(target))):
                    return cls._begin(target, lock, JournalContent(manifest), stack)
        raise StoreError(f"{str(folder)!r} holds {_MOST_NAMES} runs of {name!r}; name a file")

    @classmethod
    def resume(cls, run_file: Path) -> Journal:
        """Go on with the journal of a run that was stopped; `held` tells what is measured already.

        Whether the numbers still mean the same is for `environment.resume_conflicts` to say. Where
        `held.lost` tells of damage, `mend` is to be called before anything is written.

        Raises:
            StoreError: There is no journal, it holds nothing, it cannot be read at all, another run
                writes to it now, or the run file is not this run's.
        """
        target = target_of(run_file)
        path = journal_path(target)
        if not os.path.lexists(path):
            raise StoreError(
                f"there is nothing to resume: no journal at {str(path)!r}, which a run leaves "
                "until every case has a result; start the run anew"
            )
        with ExitStack() as stack:
            lock = stack.enter_context(lock_run(target))
            held = read_journal(target)
            if held is None:
                raise StoreError(f"the journal {str(path)!r} holds nothing; start the run anew")
            check_replaceable(target, held.manifest)
            database = None if held.lost else _opened(target, "rw")
            stack.pop_all()
            return cls(target, lock, database, held)

    def mend(self) -> Path:
        """Begin a new journal with what this one holds, and return where this one is kept."""
        path = self.path
        aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
        with ExitStack() as stack:
            with _writing(self.run_file):
                rename_journal(path, aside)
            stack.callback(rename_journal, aside, path)
            self._database = self._begin(self.run_file, self._lock, self.held, stack)._database
        return aside

    @property
    def path(self) -> Path:
        """The journal itself."""
        return journal_path(self.run_file)

    def select(self, cases: Iterable[tuple[str, str]]) -> None:
        """Write down, by study and id, which cases are to be measured, besides those it names."""
        self._write("INSERT OR IGNORE INTO selected VALUES (?, ?)", cases)

    def describe(self, manifest: Manifest) -> None:
        """Write down what is known by now of how the run is made."""
        self._write("UPDATE run SET manifest = ?", [(compact(plain(manifest)),)])

    def append(self, result: Result, scope: Scope) -> None:
        """Write a result and its scope; they are on the disk when this returns.

        The result is made storable, as in a run file. It replaces one of the same case, study and
        protocol. ValueError if it could not be read back, or the journal is closed.
        """
        self._append([Record(result, scope)])

    def _append(self, entries: Iterable[Record]) -> None:
        rows = []
        for entry in entries:
            content = entry_content(entry)
            # Read as a resume will read it: later is too late to find out that it cannot be.
            entry_from(content)
            rows.append((*entry.result.identity, time.time(), content))
        self._write(
            "INSERT INTO results VALUES (?, ?, ?, ?, ?) ON CONFLICT (case_id, study, protocol)"
            " DO UPDATE SET written = excluded.written, entry = excluded.entry",
            rows,
        )
        self.count += len(rows)

    def _write(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        if self._database is None:
            raise ValueError("the journal is closed")
        with _writing(self.run_file), self._database as transaction:
            transaction.execute("BEGIN")
            transaction.executemany(statement, rows)

    def finish(self) -> None:
        """Close and delete the journal, now that the run file is written."""
        self._close(delete=True)

    def close(self) -> None:
        """Let go of the journal; it stays if it or the (incomplete) run file holds a result."""
        self._close(delete=False)

    def __exit__(self, *problem: object) -> None:
        self.close()

    def _close(self, *, delete: bool) -> None:
        database, self._database = self._database, None
        if database is None:
            self._lock.release()
            return
        try:
            with closing(database):
                (count,) = database.execute("SELECT count(*) FROM results").fetchone()
            # Before the lock goes: the next run may begin a journal of this name at once.
            if delete or not (count or holds_anything(self.run_file)):
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
        cls, target: Path, lock: ExclusiveLock, held: JournalContent, stack: ExitStack
    ) -> Journal:
        """Make the journal; `stack`, which undoes what was done so far, is emptied at the end."""
        stack.callback(_discard, journal_path(target))
        database = _opened(target, "rwc", compact(plain(held.manifest)))
        journal = cls(target, lock, stack.enter_context(closing(database)), held)
        journal._append(held.entries)
        journal.select(held.selected)
        sync_folder(target.parent)
        stack.pop_all()
        return journal


def _discard(path: Path) -> None:
    with suppress(OSError):  # of a name too long to be a file's
        delete_journal(path)


def _opened(target: Path, mode: str, manifest: bytes | None = None) -> sqlite3.Connection:
    """Open a journal for writing, each transaction synced; a new one gets its manifest."""
    with ExitStack() as stack, _writing(target):
        database = stack.enter_context(closing(connect(journal_path(target), mode)))
        if database.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
            raise StoreError(
                f"cannot write the journal of {str(target)!r}: its file system cannot hold a "
                "write-ahead log; choose a file on a local disk"
            )
        database.execute("PRAGMA synchronous = FULL")
        if manifest is not None:
            database.execute("BEGIN")
            for statement in SCHEMA:
                database.execute(statement)
            database.execute("INSERT INTO run VALUES (?)", (manifest,))
            database.execute("COMMIT")
        stack.pop_all()
        return database


@contextmanager
def _writing(run_file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as problem:
        raise StoreError(
            f"cannot write the journal of {str(run_file)!r}: {reason_of(problem)}; choose another "
            "file"
        ) from None


def _clear_away_empty(target: Path) -> None:
    path = journal_path(target)
    if not os.path.lexists(path):
        return
    content = read_journal(target)
    if content is not None and content.entries:
        raise StoreError(
            f"{str(path)!r} holds {counted(len(content.entries), 'case')} of a run that was "
            "interrupted: continue it with --resume, or delete that file to start anew"
        )
    delete_journal(path)
