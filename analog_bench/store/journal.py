"""The journal: results written down as they come, so that a killed run loses one case at most.

A run's results are in its journal, one line each, until the run file is safely written; then the
journal is deleted. Each line is on the disk, not merely on its way there, before `append` returns.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType

from analog_bench.atomic_file import sync_folder
from analog_bench.errors import StoreError
from analog_bench.records import Metric, Result
from analog_bench.store.append_file import AppendFile
from analog_bench.store.document import DocumentError, Json, parse
from analog_bench.store.journal_file import Journalled, journal_path, load_journal
from analog_bench.store.journal_schema import (
    JournalEntry,
    Ledger,
    entry_from_json,
    entry_line,
    header_line,
)
from analog_bench.store.run import Manifest
from analog_bench.store.run_file import check_writable
from analog_bench.store.run_lock import HeldError, RunLock

_MOST_NAMES = 1000


class Journal:
    """The journal of a run that is under way, and the right to write its run file.

    A context manager: leaving it without `finish` keeps what was journalled, for a resume.

    Attributes:
        run_file: The run file, links followed.
        held: What the journal held when it was opened: the results of the run that is resumed.
    """

    def __init__(self, run_file: Path, lock: RunLock, file: AppendFile, held: Journalled) -> None:
        """Take over an open journal; `create`, `create_in` and `resume` open one.

        Args:
            run_file: The run file, links followed.
            lock: The lock on it.
            file: The journal, open for appending.
            held: What it holds.
        """
        self.run_file = run_file
        self.held = held
        self._lock = lock
        self._file = file
        self._is_open = True
        self._ledger = Ledger()
        for entry in held.entries:
            self._ledger.add(entry, entry_line(entry))

    @classmethod
    def create(cls, run_file: Path, manifest: Manifest) -> Journal:
        """Start the journal of a new run.

        A journal that holds no result, left by a run that was killed early, is replaced.

        Args:
            run_file: Where the run file is to go; its folder is made where missing.
            manifest: Where, when and how the run is made, as far as it is known now.

        Returns:
            The journal; it is beside the run file, `.journal` appended to the name.

        Raises:
            StoreError: The place cannot be written to, another run writes to it now, or a journal
                with results is there.
        """
        check_writable(run_file)
        target = _target(run_file)
        lock = RunLock(target)
        try:
            _clear_away_empty(target)
            return cls._begin(target, lock, manifest)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def create_in(cls, folder: Path, created: datetime, manifest: Manifest) -> Journal:
        """Start the journal of a new run under a name that no other run has, nor will have.

        Args:
            folder: Where run files are kept; made where missing.
            created: Start of the run.
            manifest: As in `create`.

        Returns:
            The journal; its `run_file` is `bench-YYYYMMDD-HHMMSS.json`, with `-2` and so on before
            the dot where other runs were started in that second.

        Raises:
            StoreError: The folder cannot be written to.
        """
        name = f"bench-{created:%Y%m%d-%H%M%S}"
        check_writable(folder / f"{name}.json")
        for n in range(1, _MOST_NAMES + 1):
            target = _target(folder / f"{name}{f'-{n}' if n > 1 else ''}.json")
            if _is_taken(target):
                continue
            try:
                lock = RunLock(target)
            except HeldError:
                continue
            try:
                # Once more, now that nobody else can take it.
                if not _is_taken(target):
                    return cls._begin(target, lock, manifest)
            except BaseException:
                lock.release()
                raise
            lock.release()
        raise StoreError(f"{str(folder)!r} holds {_MOST_NAMES} runs of {name!r}; name a file")

    @classmethod
    def resume(cls, run_file: Path) -> Journal:
        """Go on with the journal of a run that was killed.

        What was torn off in mid-write is cut away. Whether the numbers still mean the same is for
        `soundness.what_differs` to say, from the manifest in `held`.

        Args:
            run_file: The run file, or where it was to go.

        Returns:
            The journal; `held` tells what is measured already.

        Raises:
            StoreError: There is no journal, it holds nothing, it is corrupt, or another run writes
                to it now.
        """
        target = _target(run_file)
        if not os.path.lexists(journal_path(target)):
            raise StoreError(
                f"there is nothing to resume: no journal at {str(journal_path(target))!r}; "
                "start the run anew"
            )
        lock = RunLock(target)
        try:
            check_writable(target)
            found = load_journal(target)
            if found.held is None:
                raise StoreError(
                    f"the journal {str(journal_path(target))!r} holds nothing; start the run anew"
                )
            try:
                file = AppendFile.reopen(journal_path(target), found.whole)
            except OSError as problem:
                raise _cannot_write(target, problem) from None
            return cls(target, lock, file, found.held)
        except BaseException:
            lock.release()
            raise

    @property
    def path(self) -> Path:
        """The journal itself."""
        return journal_path(self.run_file)

    def append(
        self, result: Result, metrics: Mapping[str, Metric], record: Mapping[str, Json]
    ) -> None:
        """Write a result down; it is on the disk when this returns.

        A result that is there already, equal in everything, is not written again.

        Args:
            result: The result; it is settled here, as in a run file.
            metrics: The metrics that it mentions, by name.
            record: Whatever else is wanted back at a resume: plain JSON, nested six levels at most.

        Raises:
            StoreError: It cannot be written, or its case came before with other values.
            ValueError: It could not be read back: a metric is missing, the record is not plain
                JSON, or the journal is closed.
        """
        if not self._is_open:
            raise ValueError("the journal is closed")
        # Read as a resume will read it: a journal that cannot be resumed would be found out when
        # it is needed.
        entry = entry_from_json(parse(entry_line(JournalEntry(result, metrics, record))))
        line = entry_line(entry)
        try:
            if self._ledger.holds(entry, line):
                return
        except DocumentError as problem:
            raise StoreError(
                f"cannot keep a result in {str(self.path)!r}: {problem}; every case of a run needs "
                "an id of its own"
            ) from None
        try:
            self._file.append(line)
        except OSError as problem:
            raise _cannot_write(self.run_file, problem) from None
        self._ledger.add(entry, line)

    def finish(self) -> None:
        """Delete the journal, now that the run file is written; closing follows.

        Raises:
            StoreError: It cannot be deleted.
        """
        try:
            # Before the lock goes: the next run may begin a journal of this name at once.
            self._delete()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the journal; it stays for a resume if it holds a result.

        Raises:
            StoreError: It holds none and cannot be deleted.
        """
        if not self._is_open:
            return
        self._is_open = False
        self._file.close()
        try:
            if not len(self._ledger):
                self._delete()
        finally:
            self._lock.release()

    def __enter__(self) -> Journal:
        """Return the journal."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the journal."""
        self.close()

    @classmethod
    def _begin(cls, target: Path, lock: RunLock, manifest: Manifest) -> Journal:
        try:
            file = AppendFile.create(journal_path(target), header_line(manifest))
        except OSError as problem:
            raise _cannot_write(target, problem) from None
        return cls(target, lock, file, Journalled(manifest, {}, ()))

    def _delete(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as problem:
            raise StoreError(
                f"cannot delete {str(self.path)!r}: {problem.strerror}; delete it by hand"
            ) from None
        sync_folder(self.path.parent)


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
    held = load_journal(target).held
    if held is not None and held.entries:
        cases = f"{len(held.entries)} case{'s' * (len(held.entries) != 1)}"
        raise StoreError(
            f"{str(path)!r} holds {cases} of a run that was interrupted: continue it with "
            "--resume, or delete that file to start anew"
        )
    path.unlink()


def _cannot_write(run_file: Path, problem: Exception) -> StoreError:
    why = getattr(problem, "strerror", None) or str(problem)
    return StoreError(f"cannot write the journal of {str(run_file)!r}: {why}; choose another file")
