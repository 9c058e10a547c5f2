"""Makes an environment: with uv where it is at hand, else with venv and pip."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from packaging.version import Version

from analog_bench.releases.failure import InstallError
from analog_bench.releases.recipe import Recipe
from analog_bench.releases.source import copy_sources

# What aihwkit's own build asks for. It must stand in the environment beforehand: a build that is
# isolated would compile against the newest torch, whichever one it is used with afterwards.
BUILD_NEEDS = (
    *("cmake>=4.2.1", "mypy", "ninja", "numpy", "pybind11>=3.0.1", "scikit-build>=0.18.1"),
    *("scipy", "setuptools>=77", "wheel"),
)
_REASON_LENGTH = 400
_PATIENCE_S = 120


def find_uv() -> str | None:
    """Return uv's executable: the one beside this interpreter, else the path's; None without."""
    return shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


def python_in(folder: Path) -> Path:
    """Return the interpreter of an environment."""
    return scripts_in(folder) / ("python.exe" if os.name == "nt" else "python")


def scripts_in(folder: Path) -> Path:
    """Return the folder of an environment's commands."""
    return folder / ("Scripts" if os.name == "nt" else "bin")


def install(
    recipe: Recipe, folder: Path, log: Path, uv: str | None, tell: Callable[[str], None]
) -> None:
    """Make an environment.

    Args:
        recipe: What it is made of.
        folder: Where; it must not be there.
        log: Where the installer's words go.
        uv: uv's executable; None for venv and pip.
        tell: Is given the installer's words, line by line.

    Raises:
        InstallError: It cannot be made; the text says why, and names the log.
    """
    constraints = log.with_name(f"{log.name}.constraints")
    constraints.write_text("\n".join(recipe.constraints) + "\n", encoding="utf-8")
    try:
        with log.open("w", buffering=1, encoding="utf-8") as out, _aihwkit(recipe) as aihwkit:
            for command, extra in _commands(recipe, aihwkit, folder, constraints, uv):
                code, said = _run(command, extra, folder.parent, out, tell)
                if code != 0:
                    raise InstallError(f"{reason(said, code)} (all of it: {log})")
    finally:
        constraints.unlink(missing_ok=True)


def newest(uv: str | None, python: str) -> str:
    """Return the newest version of aihwkit on the package index.

    Args:
        uv: uv's executable; None for pip.
        python: An interpreter with pip, where there is no uv.

    Raises:
        InstallError: The index does not tell.
    """
    if uv is not None:
        options = ("--no-deps", "--no-header", "--no-annotate", "--quiet", "--universal")
        command, pattern = [uv, "pip", "compile", "-", *options], r"^aihwkit==([^\s;]+)"
    else:
        command, pattern = [python, "-m", "pip", "index", "versions", "aihwkit"], r"\((.+)\)"
    try:
        done = subprocess.run(
            command,
            input="aihwkit\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise InstallError(
            f"the package index does not tell the newest aihwkit: {problem}"
        ) from None
    # uv says one for each range of Pythons where they differ.
    found: list[str] = re.findall(pattern, done.stdout, re.M) if done.returncode == 0 else []
    if not found:
        raise InstallError(
            "the package index does not tell the newest aihwkit: "
            f"{reason(done.stderr.splitlines(), done.returncode)}"
        )
    return max(found, key=Version)


def reason(said: list[str], code: int) -> str:
    """Return the part of an installer's words that says why it failed, as one line."""
    lines = [line.strip(" ×│╰─▶") for line in said]
    lines = [line for line in lines if line]
    first = next(
        (n for n, line in enumerate(lines) if line.lower().startswith("error")),
        max(len(lines) - 3, 0),
    )
    text = " ".join(lines[first:]) or f"the installer ended with code {code}"
    if len(text) <= _REASON_LENGTH:
        return text
    # What failed stands first, and why, where a build's own words are quoted, last.
    half = (_REASON_LENGTH - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


@contextmanager
def _aihwkit(recipe: Recipe) -> Iterator[str]:
    """Yield what the installer is given for aihwkit: for a folder of sources, a copy of it."""
    given = Path(recipe.aihwkit)
    if not (recipe.built and given.is_dir()):
        yield recipe.aihwkit
        return
    with TemporaryDirectory(prefix="analog-bench-") as name:
        copy = Path(name) / given.name
        copy_sources(given, copy)
        yield str(copy)


def _commands(
    recipe: Recipe, aihwkit: str, folder: Path, constraints: Path, uv: str | None
) -> Iterator[tuple[list[str], Mapping[str, str]]]:
    """Yield command lines, with variables of their own."""
    python = str(python_in(folder))
    if uv is not None:
        yield [uv, "venv", "--quiet", "--python", recipe.python.path, str(folder)], {}
        add = [uv, "pip", "install", "--python", python]
    else:
        yield [recipe.python.path, "-m", "venv", str(folder)], {}
        add = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    asked = [*add, "--constraint", str(constraints), *recipe.requirements, recipe.torch_requirement]
    if not recipe.built:
        # Without a wheel for this Python it would be compiled, and against whichever torch.
        yield [*asked, "--only-binary", "aihwkit", aihwkit], {}
        return
    yield [*asked, *BUILD_NEEDS], {}
    # Its commands (cmake, ninja) must be found by the build.
    path = os.pathsep.join([str(scripts_in(folder)), os.environ.get("PATH", os.defpath)])
    kept = ["--constraint", str(constraints), recipe.torch_requirement]
    # Caches of built wheels know the sources, and not the torch that they were compiled against.
    how = ("--no-build-isolation", "--no-cache-dir")
    yield [*add, *how, *kept, aihwkit], {"PATH": path}


def _run(
    command: list[str],
    extra: Mapping[str, str],
    place: Path,
    out: TextIO,
    tell: Callable[[str], None],
) -> tuple[int, list[str]]:
    said: list[str] = []
    out.write(f"$ {' '.join(command)}\n")
    environment = {n: v for n, v in os.environ.items() if n not in ("VIRTUAL_ENV", "PYTHONPATH")}
    try:
        process = subprocess.Popen(
            command,
            cwd=place,
            env={**environment, **extra},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as problem:
        return 1, [f"error: {command[0]} cannot be started: {problem}"]
    with process:
        stream = process.stdout
        for line in stream if stream is not None else ():
            out.write(line)
            said.append(line.rstrip())
            tell(line.strip())
    return process.returncode, said
