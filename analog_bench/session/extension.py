"""A user's own Python file: of noise families and simulators, or of hardware."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from analog_bench.content_name import fingerprint
from analog_bench.errors import UsageError, did_you_mean, reason_of
from analog_bench.regular_file import names_beside, read_regular

_MOST_BYTES = 2**24


def load_extension(path: Path) -> None:
    """Run a Python file that registers noises or simulators, once a process; see `run_file`."""
    run_file(path, once=True)


def run_file(path: Path, *, once: bool = False) -> ModuleType:
    """Run a Python file and return it as a module; UsageError where it is missing or raises.

    It is run again where its content has changed, unless it is to be run `once` a process.
    """
    content = read_own(path)
    known_by = os.fsencode(os.path.realpath(path)) + (b"" if once else content)
    name = f"analog_bench_{'extension' if once else 'own'}_{fingerprint(known_by)}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    # Before it runs: dataclasses look their module up.
    sys.modules[name] = module
    try:
        with mistakes_in(path):
            # Not by an import, which may take old bytecode for a file just changed.
            exec(compile(content, str(path), "exec"), module.__dict__)
    except UsageError:
        del sys.modules[name]
        raise
    return module


def read_own(path: Path) -> bytes:
    """Return what is in a Python file; UsageError where it is missing or cannot be read."""
    try:
        if path.suffix == ".py":
            return read_regular(path, _MOST_BYTES)
    except OSError as problem:
        # A link that leads nowhere is there.
        if not isinstance(problem, FileNotFoundError) or os.path.lexists(path):
            why = reason_of(problem)
            raise UsageError(f"cannot read the Python file {path}: {why}") from None
    hint = did_you_mean(path.name, names_beside(path, "*.py"))
    raise UsageError(f"no Python file {path}; {hint}")


@contextmanager
def mistakes_in(path: Path) -> Iterator[None]:
    """Turn whatever code of a user's file raises into a `UsageError` that names file and line."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    # A user's file may raise anything: SystemExit, and what pytest's `skip` raises, too.
    except BaseException as problem:
        own = [f for f in traceback.extract_tb(problem.__traceback__) if f.filename == str(path)]
        line = f", line {own[-1].lineno}" if own else ""
        text = " ".join(str(problem).split())
        raise UsageError(f"{path}{line}: {type(problem).__name__}: {text}") from problem
