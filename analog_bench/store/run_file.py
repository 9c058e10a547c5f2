"""The run file: everything measured in one run, as JSON."""

from __future__ import annotations

from pathlib import Path

from analog_bench.atomic_file import check_target, write_atomic
from analog_bench.errors import StoreError
from analog_bench.store.document import DocumentError, load
from analog_bench.store.layout import layout
from analog_bench.store.run import Run
from analog_bench.store.schema import run_from_json, run_to_json


def check_writable(path: Path) -> None:
    """Make sure, before anything is measured, that results can be written.

    The folder is made where missing; a file that is there stays as it is.

    Args:
        path: Where the run file is to go.

    Raises:
        StoreError: They cannot.
    """
    try:
        check_target(path)
    except (OSError, ValueError) as problem:
        raise StoreError(_cannot_write(path, problem)) from None


def write_run(path: Path, run: Run) -> None:
    """Write a run file; the file is either the old one or the whole new one.

    Results are settled (see `run.settled`) and sorted, numbers are written in full precision.

    Args:
        path: The file; folders are made where missing.
        run: What to write.

    Raises:
        StoreError: It cannot be written.
    """
    try:
        write_atomic(path, layout(run_to_json(run)))
    except (OSError, ValueError) as problem:
        raise StoreError(_cannot_write(path, problem)) from None


def read_run(path: Path) -> Run:
    """Read a run file.

    Args:
        path: The file.

    Returns:
        The run, results in the file's order.

    Raises:
        StoreError: The file is missing or does not follow the schema.
    """
    try:
        return run_from_json(load(path))
    except FileNotFoundError:
        raise StoreError(f"no run file at {str(path)!r}; a finished run writes one") from None
    except DocumentError as problem:
        raise StoreError(f"run file {str(path)!r}: {problem}") from None


def _cannot_write(path: Path, problem: Exception) -> str:
    why = getattr(problem, "strerror", None) or str(problem)
    return f"cannot write results to {str(path)!r}: {why}; choose another file"
