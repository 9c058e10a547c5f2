"""What an environment is made of; equal recipes make equal environments."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path

import msgspec
import tomli
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import analog_bench
from analog_bench.codec import plain
from analog_bench.errors import UsageError
from analog_bench.regular_file import read_regular
from analog_bench.releases.python_and_torch import Chosen
from analog_bench.releases.release_source import Source

PROJECT = "analog-bench"
FORMAT = 1
"""Raised when environments of older recipes must not be used any more."""

_CONSTRAINTS_FILE, _PROJECT_FILE = "constraints.txt", "pyproject.toml"
# aihwkit and torch are decided release by release; nothing in an environment builds environments.
_LEFT_OUT = frozenset({"aihwkit", "torch", "uv"})
# Turns texts into numbers, and is asked for by others; lets the cases run side by side.
_PINNED_TOO, _ADDED = "tokenizers", "pytest-xdist>=3.6"
# Where uv takes torch from: with `cpu` it brings no CUDA along.
BACKEND_VARIABLE = "UV_TORCH_BACKEND"


class Interpreter(msgspec.Struct, frozen=True):
    """An interpreter of Python on this machine, and its version, such as `3.12.1`."""

    path: str
    version: str


class Recipe(msgspec.Struct, frozen=True):
    """Everything that determines an environment.

    Attributes:
        aihwkit: What uv is given for aihwkit.
        digest: Tells the content of that.
        built: True where aihwkit is built from source.
        torch: Version of torch; None leaves it to the package index.
        requirements: All else that the project asks for.
        constraints: Versions that those must have.
        backend: Which build of torch uv takes; empty for the package index's.
        system: Operating system and processor.
    """

    aihwkit: str
    digest: str
    built: bool
    torch: str | None
    python: Interpreter
    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    backend: str
    system: str

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits of a SHA-256 over everything but paths.

        The path of a file or folder does not count, its content does; nor does the interpreter's
        path, its version does.
        """
        named = {
            **plain(self),
            "aihwkit": self.aihwkit if "==" in self.aihwkit else "",
            "python": self.python.version,
            "format": FORMAT,
        }
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def torch_requirement(self) -> str:
        """What uv is given for torch."""
        return "torch" if self.torch is None else f"torch=={self.torch}"


def recipe_of(
    source: Source, chosen: Chosen, python: Interpreter, constraints: Path | None = None
) -> Recipe:
    """Write down what a release's environment is made of.

    Constraints are a file of versions, as pip reads it; by default the one beside the project's
    package, where it runs from a checkout. Only those count that name what the project itself
    asks for.

    Raises:
        UsageError: The project's requirements are not known, or there is no such file.
    """
    required = requirements()
    names = {canonicalize_name(Requirement(text).name) for text in required} | {_PINNED_TOO}
    return Recipe(
        aihwkit=source.requirement,
        digest=source.digest,
        built=source.built,
        torch=chosen.torch,
        python=python,
        requirements=tuple(sorted((*required, _ADDED))),
        constraints=_constraints(constraints, names),
        backend=os.environ.get(BACKEND_VARIABLE, ""),
        system=f"{platform.system()} {platform.machine()}",
    )


def requirements() -> tuple[str, ...]:
    """Return what the project asks for, without extras, aihwkit and torch; raises UsageError.

    That is what `pyproject.toml` of the checkout says (an editable installation keeps to what it
    said on the day it was made), else what was noted when the project was installed.
    """
    file = _beside_package(_PROJECT_FILE)
    try:
        if os.path.isfile(file):
            texts = tomli.loads(read_regular(file).decode())["project"]["dependencies"]
        else:
            texts = metadata.requires(PROJECT) or []
    except (metadata.PackageNotFoundError, tomli.TOMLDecodeError, KeyError):
        raise UsageError(
            f"{PROJECT} is not installed, so that its requirements are not known; install it, for "
            "instance with `pip install --editable .`"
        ) from None
    return tuple(
        str(requirement)
        for requirement in map(Requirement, texts)
        if canonicalize_name(requirement.name) not in _LEFT_OUT
        and "extra" not in str(requirement.marker or "")
    )


def _beside_package(name: str) -> Path:
    return Path(analog_bench.__file__).parents[1] / name


def _constraints(file: Path | None, names: set[str]) -> tuple[str, ...]:
    path = file or _beside_package(_CONSTRAINTS_FILE)
    if file is None and not os.path.isfile(path):
        return ()
    try:
        lines = read_regular(path).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"cannot read the constraints {str(path)!r}: {problem}") from None
    kept = []
    for line in lines:
        text = line.partition("#")[0].strip()
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue  # an empty line, or an option of pip's: for the user's own configuration
        if canonicalize_name(wanted.name) in names - _LEFT_OUT:
            kept.append(str(wanted))
    return tuple(sorted(kept))
