"""Interpreters of Python on this machine: this one, uv's, those on the path, pyenv's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analog_bench.releases.failure import NoPython

_ASK = "import platform, sys; print(platform.python_version(), sys.implementation.name)"
_PATIENCE_S = 20


@dataclass(frozen=True)
class Interpreter:
    """An interpreter that was asked and answered.

    Attributes:
        path: Its executable.
        version: Its version, `3.12.1`.
    """

    path: str
    version: str


def find_python(wanted: str, uv: str | None) -> Interpreter:
    """Find an interpreter.

    Args:
        wanted: A version such as `3.12`, or an interpreter's path.
        uv: uv's executable; None where there is none.

    Returns:
        The first that answers and is of that version.

    Raises:
        NoPython: There is none.
    """
    if os.sep in wanted:
        found = ask(wanted)
        if found is None:
            raise NoPython(f"{wanted!r} does not answer as an interpreter of Python")
        return found
    for path in _candidates(wanted, uv):
        found = ask(path)
        if found is not None and found.version.startswith(f"{wanted}."):
            return found
    raise NoPython(
        f"no Python {wanted} was found (looked at this one, uv's, the path's and pyenv's); install "
        "it, or name an interpreter with :python=PATH"
    )


def ask(path: str) -> Interpreter | None:
    """Return what an executable says of itself; None where it does not answer as CPython."""
    said = _said(path, "-c", _ASK).split()
    # A shim of pyenv is there for versions that are not switched on, and then only complains.
    if len(said) != 2 or said[1] != "cpython":
        return None
    return Interpreter(path, said[0])


def _candidates(wanted: str, uv: str | None) -> Iterator[str]:
    yield sys.executable
    if uv is not None:
        options = ("--system", "--no-python-downloads", "--quiet")
        yield from _said(uv, "python", "find", *options, wanted).splitlines()[:1]
    on_path = shutil.which(f"python{wanted}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in sorted(pyenv.glob(f"versions/{wanted}.*"), key=_patch, reverse=True):
        yield str(folder / "bin" / "python")


def _patch(folder: Path) -> int:
    """Return the third number of a folder named by a version; -1 for `3.13.0rc1` and the like."""
    last = folder.name.rpartition(".")[2]
    return int(last) if last.isdecimal() else -1


def _said(*command: str) -> str:
    """Return what a command prints; nothing where it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
