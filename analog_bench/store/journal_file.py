"""Journals on disk: SQLite files that hold the results of a run that is under way; their locks.

The table `run` has one row, the manifest; `results` has one row a result, in the order they were
measured. They hold JSON. `selected` names the cases that are to be measured. `PRAGMA user_version`
is the version of the run file's schema.

A process that is killed, or a power failure, damages nothing: SQLite sees to that. Where a disk
does, every result that is whole is read all the same.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from msgspec import Struct

from analog_bench.codec import DocumentError, compact, convert, one_line, parse, plain
from analog_bench.errors import StoreError, reason_of
from analog_bench.file_lock import ExclusiveLock, HeldError
from analog_bench.records import Result
from analog_bench.store.run import Manifest, Record, storable
from analog_bench.store.run_file import RUN_VERSION, check_result

_SUFFIX = ".journal"
# Files that SQLite keeps beside a database while it is open, or after a process was killed.
_BESIDE = ("-wal", "-shm", "-journal")
SCHEMA = (
    "CREATE TABLE run (manifest BLOB NOT NULL)",
    "CREATE TABLE results (case_id TEXT, study TEXT, protocol TEXT,"
    " written REAL NOT NULL, entry BLOB NOT NULL, PRIMARY KEY (case_id, study, protocol))",
    "CREATE TABLE selected (study TEXT, case_id TEXT, PRIMARY KEY (study, case_id))",
    f"PRAGMA user_version = {RUN_VERSION}",
)
_TABLES = {"run", "results", "selected"}
# Long enough to outlast a look at whether the lock is held, or its file being deleted.
_LOCK_TIMEOUT_S = 0.5


class RunHeldError(StoreError):
    """Another process writes the run file now."""


class JournalContent(Struct, frozen=True):
    """What a journal holds.

    Attributes:
        manifest: The manifest of the run, as far as known at its start.
        entries: The results, in the order they were measured.
        selected: Study and id of every case that is to be measured.
        lost: What is damaged, of several things the first; empty where nothing is.
    """

    manifest: Manifest
    entries: tuple[Record, ...] = ()
    selected: tuple[tuple[str, str], ...] = ()
    lost: str = ""

    @property
    def results(self) -> tuple[Result, ...]:
        """The results alone."""
        return tuple(entry.result for entry in self.entries)


def journal_path(run_file: Path) -> Path:
    """Return where the journal of a run file is kept: beside it, `.journal` appended."""
    return run_file.with_name(run_file.name + _SUFFIX)


def lock_run(target: Path) -> ExclusiveLock:
    """Take the lock on a run file, links followed before.

    Raises:
        RunHeldError: Another process has it.
        StoreError: There can be no lock beside the file.
    """
    try:
        return ExclusiveLock(_marker(target), _LOCK_TIMEOUT_S)
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
    marker = _marker(run_file)
    if not os.path.exists(marker):
        return False
    try:
        ExclusiveLock(marker, timeout_s=0.05).release()
    except HeldError:
        return True
    except (OSError, ValueError):  # a folder that we may not write to
        return False
    return False


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a journal; `mode` is `rw` or, to make it where there is none, `rwc`."""
    # As a URI, which quotes `?`, `%` and `#`, because only that can keep SQLite from making a file.
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, isolation_level=None)


def rename_journal(path: Path, new: Path) -> None:
    """Rename a journal, and what SQLite keeps beside it; raises OSError."""
    # The log first: SQLite would take it for that of the next journal of the old name.
    for suffix in (*_BESIDE, ""):
        with suppress(FileNotFoundError):
            os.rename(path.with_name(path.name + suffix), new.with_name(new.name + suffix))


def delete_journal(path: Path) -> None:
    """Delete a journal, and what SQLite left beside it; raises OSError."""
    for suffix in ("", *_BESIDE):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def entry_content(entry: Record) -> bytes:
    """Return the JSON of an entry; ValueError where something beside its scores is not finite."""
    return compact(plain(Record(storable(entry.result), entry.scope)))


def entry_from(content: bytes) -> Record:
    """Read the JSON of an entry; raises DocumentError."""
    entry = convert(parse(content), Record)
    check_result(entry.result, "result")
    if entry.scope.study_and_model != entry.result.study_and_model:
        raise DocumentError("scope: it is of another study or model than the result")
    return entry


def read_journal(run_file: Path) -> JournalContent | None:
    """Read the journal of a run, even while it is being written; None where nothing is in it yet.

    Raises:
        StoreError: There is none, or nothing of it can be read.
    """
    path = journal_path(run_file)
    try:
        # A pipe would keep us waiting, and a device such as /dev/zero never ends. It is not opened
        # to see: closing it would take away the locks that SQLite has on it in this process.
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("it is not an ordinary file")
        with closing(connect(path, "rw")) as database:
            database.text_factory = partial(str, encoding="utf-8", errors="replace")
            return _content(database)
    except FileNotFoundError:
        raise StoreError(
            f"there is nothing to resume: no journal at {str(path)!r}; start the run anew"
        ) from None
    except (OSError, sqlite3.OperationalError) as problem:
        why = reason_of(problem)
        raise StoreError(f"journal {str(path)!r}: cannot be read: {why}") from None
    except (DocumentError, sqlite3.DatabaseError) as problem:
        why = one_line(str(problem))
        raise StoreError(f"journal {str(path)!r}: {why}; delete it to start anew") from None


def newest_interrupted(folder: Path) -> Path | None:
    """Return the run file in a folder whose run was interrupted last and can be resumed, or None.

    The run file need not exist. It belongs to the newest journal that holds a result and that no
    living process writes to.
    """
    dated: list[tuple[float, str]] = []
    with suppress(OSError):
        for path in folder.iterdir():
            run_file = folder / path.name.removesuffix(_SUFFIX)
            # One that is held is not even opened: its run may be making it at this moment.
            if path.suffix != _SUFFIX or not os.path.isfile(path) or is_locked(run_file):
                continue
            written = _last_written(path)
            if written is not None:
                dated.append((written, path.name))
    return folder / max(dated)[1].removesuffix(_SUFFIX) if dated else None


def _content(database: sqlite3.Connection) -> JournalContent | None:
    tables = _tables(database)
    if not tables:
        return None
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != RUN_VERSION:
        raise DocumentError(f"it is of schema version {version}, not {RUN_VERSION}")
    if not tables >= _TABLES:
        raise DocumentError(f"it lacks {', '.join(sorted(_TABLES - tables))}")
    # Cast, since damage can make anything of a value.
    (content,) = database.execute("SELECT CAST(max(manifest) AS BLOB) FROM run").fetchone()
    manifest = convert(parse(content or b""), Manifest, "manifest")
    entries: list[Record] = []
    selected: tuple[tuple[str, str], ...] = ()
    lost: list[str] = []

    @contextmanager
    def noting_damage() -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError:  # of the disk or a lock, not of what is in the file
            raise
        except (DocumentError, sqlite3.DatabaseError) as problem:
            lost.append(one_line(str(problem)))

    # Row by row, since SQLite walks a table no further than to a damaged page. No result is of
    # fewer than 200 bytes, and a page has 4,096.
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    query = "SELECT CAST(entry AS BLOB) FROM results WHERE rowid = ?"
    for rowid in range(1, 20 * pages + 1):
        with noting_damage():
            for (content,) in database.execute(query, (rowid,)):
                entries.append(entry_from(content or b""))
    with noting_damage():
        names = database.execute("SELECT study, case_id FROM selected").fetchall()
        selected = convert(names, tuple[tuple[str, str], ...])
    with noting_damage():
        (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise DocumentError(verdict)
    if lost and not entries:
        raise DocumentError(f"no result in it is whole: {lost[0]}")
    return JournalContent(manifest, tuple(entries), selected, lost[0] if lost else "")


def _last_written(path: Path) -> float | None:
    """Return when a result was written last, in seconds since 1970; None where there is none."""
    try:
        with closing(connect(path, "rw")) as database:
            if not _tables(database):
                return None
            (written,) = database.execute("SELECT max(written) FROM results").fetchone()
            return None if written is None else float(written)
    except (sqlite3.Error, ValueError):
        # Not None: that it is damaged, or may not be read, is for the resume to say.
        return path.stat().st_mtime if path.stat().st_size else None


def _tables(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master")}


def _marker(run_file: Path) -> Path:
    return run_file.with_name(run_file.name + ".lock")
