"""Journals on disk: SQLite files that hold the results of a run that is under way.

The table `run` has one row, the manifest, and so has `run_copy`; `results` has one row a result, in
the order they were measured. They hold JSON. `selected` names the cases that are to be measured.
`PRAGMA user_version` is the version of the run file's schema.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from msgspec import Struct

from analog_bench.codec import DocumentError, compact, convert, one_line, parse, plain
from analog_bench.errors import StoreError, reason_of
from analog_bench.records import Result
from analog_bench.store.run import Manifest, Record, storable
from analog_bench.store.run_file import RUN_VERSION, check_result
from analog_bench.store.run_lock import is_locked

_SUFFIX = ".journal"
_DAMAGED = "it is damaged"
# Files that SQLite keeps beside a database while it is open, or after a process was killed.
_BESIDE = ("-wal", "-shm", "-journal")
MANIFEST_TABLES = ("run", "run_copy")
"""The tables that hold the manifest: two, since no result can be used without it."""
SCHEMA = (
    "CREATE TABLE run (manifest BLOB NOT NULL)",
    "CREATE TABLE results (case_id TEXT, study TEXT, protocol TEXT,"
    " written REAL NOT NULL, entry BLOB NOT NULL, PRIMARY KEY (case_id, study, protocol))",
    "CREATE TABLE selected (study TEXT, case_id TEXT, PRIMARY KEY (study, case_id))",
    "CREATE TABLE run_copy (manifest BLOB NOT NULL)",
    f"PRAGMA user_version = {RUN_VERSION}",
)
_TABLES = {*MANIFEST_TABLES, "results", "selected"}


class JournalContent(Struct, frozen=True):
    """What a journal holds.

    Attributes:
        manifest: The manifest of the run, as far as known at its start.
        entries: The results, in the order they were measured.
        selected: Study and id of every case that is to be measured.
        lost: A line on each part that is damaged; what is whole is in the other fields.
    """

    manifest: Manifest
    entries: tuple[Record, ...] = ()
    selected: tuple[tuple[str, str], ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[Result, ...]:
        """The results alone."""
        return tuple(entry.result for entry in self.entries)


def journal_path(run_file: Path) -> Path:
    """Return where the journal of a run file is kept: beside it, `.journal` appended."""
    return run_file.with_name(run_file.name + _SUFFIX)


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
    """Return the JSON of an entry.

    Raises:
        ValueError: NaN or infinity somewhere, but for scores.
    """
    return compact(plain(Record(storable(entry.result), entry.scope)))


def entry_from(content: bytes) -> Record:
    """Read the JSON of an entry; raises DocumentError."""
    entry = convert(parse(content), Record)
    check_result(entry.result, "result")
    if entry.scope.study_and_model != entry.result.study_and_model:
        raise DocumentError("scope: it is of another study or model than the result")
    return entry


def read_journal(run_file: Path) -> JournalContent:
    """Read the journal of a run, whether or not it is still being written.

    Raises:
        StoreError: There is none, it holds nothing, or nothing of it can be read.
    """
    content = load_journal(run_file)
    if content is None:
        raise StoreError(
            f"the journal {str(journal_path(run_file))!r} holds nothing; delete it and start anew"
        )
    return content


def load_journal(run_file: Path) -> JournalContent | None:
    """Read the journal of a run; None where the run was killed before anything was in it.

    Raises:
        StoreError: There is none, or nothing of it can be read.
    """
    path = journal_path(run_file)
    try:
        # A pipe would keep us waiting, and a device such as /dev/zero never ends.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DocumentError("it is not an ordinary file")
        with closing(connect(path, "rw")) as database:
            # Damaged names are told, like all that is damaged.
            database.text_factory = partial(str, encoding="utf-8", errors="replace")
            return _content(database)
    except FileNotFoundError:
        raise StoreError(
            f"there is nothing to resume: no journal at {str(path)!r}; start the run anew"
        ) from None
    except sqlite3.OperationalError as problem:
        raise StoreError(f"journal {str(path)!r}: cannot be read: {problem}") from None
    except sqlite3.DatabaseError as problem:
        raise _unusable(path, one_line(str(problem))) from None
    except DocumentError as problem:
        raise _unusable(path, str(problem)) from None
    except (OSError, ValueError) as problem:
        why = reason_of(problem)
        raise StoreError(f"journal {str(path)!r}: cannot be read: {why}") from None


def newest_interrupted(folder: Path) -> Path | None:
    """Return the run file in a folder whose run was interrupted last and can be resumed.

    That is the run file (which need not be there) of the newest journal that holds a result and
    that no living process writes to; None where there is none.
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
        raise DocumentError(_DAMAGED)
    manifest: Manifest | None = None
    lost: dict[str, None] = {}

    @contextmanager
    def whole(part: str) -> Iterator[None]:
        """Note what of a part cannot be read, and go on."""
        try:
            yield
        except sqlite3.OperationalError:  # of the disk or a lock, not of what is in the file
            raise
        except (DocumentError, sqlite3.DatabaseError) as problem:
            lost[one_line(f"{part}: {problem}")] = None

    for table in MANIFEST_TABLES:
        with whole(f"the table {table}"):
            if manifest is None:
                query = f"SELECT max(manifest) FROM {table}"
                ((content,),) = database.execute(query).fetchall()
                manifest = convert(parse(_text(content)), Manifest, "manifest")
    if manifest is None:
        raise DocumentError(f"it does not say how its run was made: {next(iter(lost), _DAMAGED)}")
    # No result is of fewer than 200 bytes, and a page has 4,096: where the table cannot be walked
    # through, every number that a row may have is tried.
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    rowids: Iterable[int] = range(1, 20 * pages + 1)
    with whole("results"):
        found = database.execute("SELECT rowid FROM results ORDER BY rowid").fetchall()
        rowids = [rowid for (rowid,) in found]
    entries: list[Record] = []
    for rowid in rowids:
        row = None
        with whole("results"):
            query = "SELECT case_id, study, protocol, entry FROM results WHERE rowid = ?"
            row = database.execute(query, (rowid,)).fetchone()
        if row is not None:
            with whole(f"{row[0]} of {row[1]}"):
                entries.append(_entry(row))
    selected: tuple[tuple[str, str], ...] = ()
    with whole("selected"):
        names = database.execute("SELECT study, case_id FROM selected").fetchall()
        selected = convert(names, tuple[tuple[str, str], ...])
    with whole("the database"):
        if database.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
            raise DocumentError(_DAMAGED)
    if lost and not entries:
        raise DocumentError(f"no result in it is whole: {next(iter(lost))}")
    return JournalContent(manifest, tuple(entries), selected, tuple(lost))


def _entry(row: tuple[object, ...]) -> Record:
    *identity, content = row
    entry = entry_from(_text(content))
    if entry.result.identity != tuple(identity):
        raise DocumentError("it is of another case than the one it is kept under")
    return entry


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


def _text(stored: object) -> bytes:
    if isinstance(stored, str):
        return stored.encode()
    if not isinstance(stored, bytes):
        raise DocumentError("it is no text")
    return stored


def _unusable(path: Path, why: str) -> StoreError:
    return StoreError(f"journal {str(path)!r}: {why}; delete it to start anew")
