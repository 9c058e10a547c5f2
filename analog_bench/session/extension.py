"""A user's own Python file: of noise families and simulators, or of hardware."""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.regular_file import read_regular


def load_extension(path: Path) -> None:
    """Run a Python file that registers noise families or simulators, once a process.

    Raises:
        UsageError: There is no such file, or it raises anything.
    """
    run_file(path, f"analog_bench_extension_{_digits(os.fsencode(os.path.realpath(path)))}")


def run_file(path: Path, name: str = "") -> ModuleType:
    """Run a Python file, once a process, and return it as a module of this name.

    Without a name it is run again once its content has changed.

    Raises:
        UsageError: There is no such file, it cannot be read, or it raises anything.
    """
    content = read_own(path)
    name = name or f"analog_bench_own_{_digits(os.fsencode(os.path.realpath(path)) + content)}"
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
    """Return what is in a Python file.

    Raises:
        UsageError: There is no such file, or it cannot be read.
    """
    if not os.path.lexists(path) or path.suffix != ".py":
        there = [other.name for other in path.parent.glob("*.py")]
        raise UsageError(f"no Python file {path}; {did_you_mean(path.name, there)}")
    try:
        return read_regular(path)
    except OSError as problem:
        raise UsageError(f"cannot read the Python file {path}: {problem}") from None


@contextmanager
def mistakes_in(path: Path) -> Iterator[None]:
    """Turn whatever code of a user's file raises into a `UsageError` that names file and line."""
    try:
        yield
    except Exception as problem:  # a user's file may raise anything
        own = [f for f in traceback.extract_tb(problem.__traceback__) if f.filename == str(path)]
        line = f", line {own[-1].lineno}" if own else ""
        text = " ".join(str(problem).split())
        raise UsageError(f"{path}{line}: {type(problem).__name__}: {text}") from problem


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
