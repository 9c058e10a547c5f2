"""Journals on disk: SQLite files that hold the results of a run that is under way.

The table `run` has one row, the manifest; `results` has one row a result, in the order they were
measured. Both hold JSON. `PRAGMA user_version` is the version of the run file's schema.
"""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path

from msgspec import Struct

from analog_bench.codec import DocumentError, compact, convert, one_line, parse, plain
from analog_bench.errors import StoreError
from analog_bench.records import Result, Scope
from analog_bench.store.file_lock import is_held
from analog_bench.store.run import Manifest, storable
from analog_bench.store.run_file import RUN_VERSION, check_result

_SUFFIX = ".journal"
_EARLIER = "it is of an earlier release, which alone can continue it"
# Files that SQLite keeps beside a database while it is open, or after a process was killed.
_BESIDE = ("-wal", "-shm", "-journal")
SCHEMA = (
    "CREATE TABLE run (manifest BLOB NOT NULL)",
    "CREATE TABLE results (case_id TEXT, study TEXT, protocol TEXT, written REAL NOT NULL,"
    " entry BLOB NOT NULL, PRIMARY KEY (case_id, study, protocol))",
    f"PRAGMA user_version = {RUN_VERSION}",
)


class JournalEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One result of a run that is under way.

    Attributes:
        result: The result, as in the run file.
        scope: What it shares with the others of its study and model, as in the run file.
    """

    result: Result
    scope: Scope


class JournalContent(Struct, frozen=True):
    """What a journal holds; entries are in the order they were measured."""

    manifest: Manifest
    entries: tuple[JournalEntry, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        """The results alone."""
        return tuple(entry.result for entry in self.entries)


def journal_path(run_file: Path) -> Path:
    """Return where the journal of a run file is kept: beside it, `.journal` appended."""
    return run_file.with_name(run_file.name + _SUFFIX)


def lock_path(run_file: Path) -> Path:
    """Return the file that marks the lock on a run file: beside it, `.lock` appended."""
    return run_file.with_name(run_file.name + ".lock")


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a journal; `mode` is `rw` or, to make it where there is none, `rwc`."""
    # As a URI, which quotes `?`, `%` and `#`, because only that can keep SQLite from making a file.
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, isolation_level=None)


def delete_journal(path: Path) -> None:
    """Delete a journal, and what SQLite left beside it.

    Raises:
        OSError: It cannot be deleted.
    """
    for suffix in ("", *_BESIDE):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def entry_content(entry: JournalEntry) -> bytes:
    """Return the JSON of an entry.

    Raises:
        ValueError: NaN or infinity somewhere, but for scores.
    """
    return compact(plain(JournalEntry(storable(entry.result), entry.scope)))


def entry_from(content: bytes) -> JournalEntry:
    """Read the JSON of an entry.

    Raises:
        DocumentError: It does not follow the schema.
    """
    entry = convert(parse(content), JournalEntry)
    check_result(entry.result, "result")
    if entry.scope.study_and_model != entry.result.study_and_model:
        raise DocumentError("scope: it is of another study or model than the result")
    return entry


def read_journal(run_file: Path) -> JournalContent:
    """Read the journal of a run, whether or not it is still being written.

    Raises:
        StoreError: There is none, it holds nothing, or it is damaged.
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
        StoreError: There is none, or it is damaged.
    """
    path = journal_path(run_file)
    try:
        # A pipe would keep us waiting, and a device such as /dev/zero never ends.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DocumentError("it is not an ordinary file")
        with closing(connect(path, "rw")) as database:
            return _content(database)
    except FileNotFoundError:
        raise StoreError(
            f"there is nothing to resume: no journal at {str(path)!r}; start the run anew"
        ) from None
    except sqlite3.OperationalError as problem:
        raise StoreError(f"journal {str(path)!r}: cannot be read: {problem}") from None
    except sqlite3.DatabaseError as problem:
        raise _unusable(path, _EARLIER if _is_of_lines(path) else one_line(str(problem))) from None
    except DocumentError as problem:
        raise _unusable(path, str(problem)) from None
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
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
            if path.suffix != _SUFFIX or not path.is_file() or is_held(lock_path(run_file)):
                continue
            written = _last_written(path)
            if written is not None:
                dated.append((written, path.name))
    return folder / max(dated)[1].removesuffix(_SUFFIX) if dated else None


def _content(database: sqlite3.Connection) -> JournalContent | None:
    if database.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise DocumentError("it is damaged")
    tables = _tables(database)
    if not tables:
        return None
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != RUN_VERSION:
        raise DocumentError(f"it is of schema version {version}, not {RUN_VERSION}")
    manifests = database.execute("SELECT manifest FROM run").fetchall() if "run" in tables else []
    if len(manifests) != 1 or "results" not in tables:
        raise DocumentError("it is damaged")
    manifest = convert(parse(_text(manifests[0][0])), Manifest, "manifest")
    entries = []
    rows = database.execute("SELECT case_id, study, protocol, entry FROM results ORDER BY rowid")
    # All at once: a database with a statement half done does not close.
    for n, (*identity, content) in enumerate(rows.fetchall(), start=1):
        try:
            entries.append(entry_from(_text(content)))
            if entries[-1].result.identity != tuple(identity):
                raise DocumentError("it is of another case than the one it is kept under")
        except DocumentError as problem:
            raise DocumentError(f"result {n}: {problem}") from None
    return JournalContent(manifest, tuple(entries))


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


def _is_of_lines(path: Path) -> bool:
    # Journals were lines of JSON before they were databases.
    with suppress(OSError), path.open("rb") as file:
        return file.read(1) == b"{"
    return False
