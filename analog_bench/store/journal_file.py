"""Reading journals: what a run that was killed left behind."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from analog_bench.errors import StoreError
from analog_bench.records import Metric, Result
from analog_bench.store.document import DocumentError, Node, parse
from analog_bench.store.journal_schema import (
    JournalEntry,
    Ledger,
    entry_from_json,
    entry_line,
    header_from_json,
)
from analog_bench.store.run import Manifest
from analog_bench.store.run_lock import is_held

_SUFFIX = ".journal"
# Every journal begins so; a file without a whole first line that does not is somebody else's.
_BEGINNING = b'{"schema_version": '


@dataclass(frozen=True)
class Journalled:
    """What a journal holds.

    Attributes:
        manifest: Where, when and how the run was started.
        metrics: The metrics of all results, by name.
        entries: The results with what was kept beside them, in the order they were measured.
    """

    manifest: Manifest
    metrics: Mapping[str, Metric]
    entries: tuple[JournalEntry, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        """The results alone."""
        return tuple(entry.result for entry in self.entries)


@dataclass(frozen=True)
class JournalFile:
    """A journal as it was found on the disk.

    Attributes:
        held: What it holds; None where the run was killed before its first line was whole.
        whole: Bytes up to the end of the last whole line; what follows was torn off.
    """

    held: Journalled | None
    whole: int


def journal_path(run_file: Path) -> Path:
    """Return where the journal of a run file is kept: beside it, `.journal` appended."""
    return run_file.with_name(run_file.name + _SUFFIX)


def read_journal(run_file: Path) -> Journalled:
    """Read the journal of a run, whether or not it is still being written.

    A last line that was torn off when the run was killed is left out.

    Args:
        run_file: The run file that the journal stands for.

    Returns:
        What it holds.

    Raises:
        StoreError: There is none, it holds nothing, or a line does not follow the schema.
    """
    held = load_journal(run_file).held
    if held is None:
        raise StoreError(
            f"the journal {str(journal_path(run_file))!r} holds nothing; delete it and start anew"
        )
    return held


def load_journal(run_file: Path) -> JournalFile:
    """Read the journal of a run, with what only its writer has to know.

    Args:
        run_file: The run file that the journal stands for.

    Returns:
        What was found.

    Raises:
        StoreError: There is none, or a line does not follow the schema.
    """
    path = journal_path(run_file)
    try:
        return _load(path)
    except FileNotFoundError:
        raise StoreError(
            f"there is nothing to resume: no journal at {str(path)!r}; start the run anew"
        ) from None
    except DocumentError as problem:
        raise StoreError(f"journal {str(path)!r}: {problem}; delete it to start anew") from None
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise StoreError(f"journal {str(path)!r}: cannot be read: {why}") from None


def newest_interrupted(folder: Path) -> Path | None:
    """Return the run file whose run was interrupted last and can be resumed.

    Args:
        folder: Where run files are kept.

    Returns:
        The run file (which need not be there) of the newest journal that holds a result and that
        no living process writes to; None where there is none.
    """
    found: list[tuple[int, str]] = []
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name.endswith(_SUFFIX) and path.name != _SUFFIX and _holds_a_result(path):
                found.append((path.stat().st_mtime_ns, path.name))
    for _, name in sorted(found, reverse=True):
        run_file = folder / name.removesuffix(_SUFFIX)
        if not is_held(run_file):
            return run_file
    return None


def _load(path: Path) -> JournalFile:
    # A pipe would keep us waiting, and a device such as /dev/zero never ends.
    if not stat.S_ISREG(path.stat().st_mode):
        raise DocumentError("it is not an ordinary file")
    manifest: Manifest | None = None
    entries: list[JournalEntry] = []
    ledger = Ledger()
    whole = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                _check_torn(line, number)
                break
            try:
                node = parse(line)
                if manifest is None:
                    manifest = header_from_json(node)
                else:
                    _take(node, entries, ledger)
            except DocumentError as problem:
                raise DocumentError(f"line {number}: {problem}") from None
            whole += len(line)
    if manifest is None:
        return JournalFile(None, 0)
    return JournalFile(Journalled(manifest, ledger.metrics, tuple(entries)), whole)


def _take(node: Node, entries: list[JournalEntry], ledger: Ledger) -> None:
    entry = entry_from_json(node)
    line = entry_line(entry)
    if not ledger.holds(entry, line):
        ledger.add(entry, line)
        entries.append(entry)


def _check_torn(line: bytes, number: int) -> None:
    if number == 1 and line[: len(_BEGINNING)] != _BEGINNING[: len(line)]:
        raise DocumentError("line 1: it is not the first line of a journal")


def _holds_a_result(path: Path) -> bool:
    if not stat.S_ISREG(path.stat().st_mode):
        return False
    with path.open("rb") as file:
        return all(file.readline().endswith(b"\n") for _ in range(2))
