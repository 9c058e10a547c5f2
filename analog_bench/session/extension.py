"""A user's own file of noise families and simulators."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path

from analog_bench.errors import UsageError, did_you_mean


def load_extension(path: Path) -> None:
    """Run a Python file that registers noise families or simulators, once a process.

    Raises:
        UsageError: There is no such file, or it raises anything.
    """
    name = f"analog_bench_extension_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        there = [other.name for other in path.parent.glob("*.py")]
        raise UsageError(f"no Python file {path}; {did_you_mean(path.name, there)}")
    module = importlib.util.module_from_spec(spec)
    # Before it runs: dataclasses look their module up.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as problem:  # a user's file may raise anything
        del sys.modules[name]
        own = [f for f in traceback.extract_tb(problem.__traceback__) if f.filename == str(path)]
        line = f", line {own[-1].lineno}" if own else ""
        text = " ".join(str(problem).split())
        raise UsageError(f"{path}{line}: {type(problem).__name__}: {text}") from problem
