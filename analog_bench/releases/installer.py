"""uv: finds Pythons, the newest aihwkit, and makes environments."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

from msgspec import Struct
from packaging.version import Version
from uv import find_uv_bin

from analog_bench.codec import DocumentError, convert, parse
from analog_bench.errors import ReleaseFailed
from analog_bench.releases.environment_recipe import Interpreter, Recipe
from analog_bench.releases.release_source import copy_sources
from analog_bench.releases.subprocesses import run_captured, run_logged

# What aihwkit's own build asks for. It must stand in the environment beforehand: a build that is
# isolated would compile against the newest torch, whichever one it is used with afterwards.
BUILD_NEEDS = (
    *("cmake>=4.2.1", "mypy", "ninja", "numpy", "pybind11>=3.0.1", "scikit-build>=0.18.1"),
    *("scipy", "setuptools>=77", "wheel"),
)
_REASON_LENGTH = 400


class _Python(Struct, frozen=True):
    implementation: str
    version: str
    path: str


def find_python(wanted: str) -> Interpreter:
    """Find an interpreter on this machine: this one, else the newest of uv, PATH and pyenv.

    What is wanted is a version such as `3.12`, or an interpreter's path.

    Raises:
        ReleaseFailed: There is none.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    # uv knows of pyenv's only those that are switched on.
    folders = [*map(str, pyenv.glob("versions/*/bin")), os.environ.get("PATH", os.defpath)]
    is_here = platform.python_version().startswith(f"{wanted}.")
    listed = _ask_uv(
        *("python", "list", "--only-installed", "--output-format", "json"),
        sys.executable if is_here else wanted,
        UV_PYTHON_SEARCH_PATH=os.pathsep.join(folders),
    ).stdout
    try:
        found = convert(parse((listed or "[]").encode()), list[_Python])
    except DocumentError as problem:
        raise ReleaseFailed(f"uv's list of Pythons cannot be read: {problem}") from None
    for one in found:
        if one.implementation == "cpython":
            # uv's path is relative where the interpreter lies in the working folder.
            return Interpreter(os.path.abspath(one.path), one.version)
    if os.sep in wanted:
        raise ReleaseFailed(f"{wanted!r} does not answer as an interpreter of Python")
    raise ReleaseFailed(
        f"no Python {wanted} was found (this one, uv's, the path's and pyenv's were tried); "
        f"`uv python install {wanted}` installs it, and :python=PATH names an interpreter"
    )


def newest_version() -> str:
    """Return the newest version of aihwkit on the package index; raises ReleaseFailed."""
    options = ("--no-deps", "--no-header", "--no-annotate", "--quiet", "--universal")
    done = _ask_uv("pip", "compile", "-", *options, given="aihwkit\n")
    # uv names one for each range of Pythons where they differ.
    versions: list[str] = re.findall(r"^aihwkit==([^\s;]+)", done.stdout, re.M)
    if done.returncode != 0 or not versions:
        raise ReleaseFailed(
            "the package index does not tell the newest aihwkit: "
            f"{reason(done.stderr.splitlines(), done.returncode)}"
        )
    return max(versions, key=Version)


def python_in(folder: Path) -> Path:
    """Return the interpreter of an environment."""
    return scripts_in(folder) / ("python.exe" if os.name == "nt" else "python")


def scripts_in(folder: Path) -> Path:
    """Return the folder of an environment's commands."""
    return folder / ("Scripts" if os.name == "nt" else "bin")


def install(recipe: Recipe, folder: Path, log: Path, tell: Callable[[str], None]) -> None:
    """Make an environment in a folder that must not exist; uv's lines go to `log` and `tell`.

    Raises:
        ReleaseFailed: It cannot be made; the text says why, and names the log.
    """
    environment = {n: v for n, v in os.environ.items() if n not in ("VIRTUAL_ENV", "PYTHONPATH")}
    constraints = log.with_name(f"{log.name}.constraints")
    constraints.write_text("\n".join(recipe.constraints) + "\n", encoding="utf-8")
    try:
        with log.open("w", buffering=1, encoding="utf-8") as file, _aihwkit(recipe) as aihwkit:
            for words, variables in _commands(recipe, aihwkit, folder, constraints):
                command = [_uv(), *words]
                file.write(f"$ {' '.join(command)}\n")
                code, lines = run_logged(
                    command, file, tell, cwd=folder.parent, env={**environment, **variables}
                )
                if code != 0:
                    raise ReleaseFailed(f"{reason(lines, code)} (all of it: {log})")
    finally:
        constraints.unlink(missing_ok=True)


def reason(lines: list[str], code: int) -> str:
    """Return the part of uv's output that says why it failed, as one line."""
    lines = list(filter(None, (line.strip(" ×│╰─▶") for line in lines)))
    first = next(
        (n for n, line in enumerate(lines) if line.lower().startswith("error")),
        max(len(lines) - 3, 0),
    )
    text = " ".join(lines[first:]) or f"the installer ended with code {code}"
    if len(text) <= _REASON_LENGTH:
        return text
    # What failed stands first, and why, where a build's own output is quoted, last.
    half = (_REASON_LENGTH - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


@contextmanager
def _aihwkit(recipe: Recipe) -> Iterator[str]:
    """Yield what uv is given for aihwkit: for a folder of sources, a copy of it."""
    given = Path(recipe.aihwkit)
    if not (recipe.built and os.path.isdir(given)):
        yield recipe.aihwkit
        return
    with TemporaryDirectory(prefix="analog-bench-") as name:
        yield str(copy_sources(given, Path(name) / given.name))


def _commands(
    recipe: Recipe, aihwkit: str, folder: Path, constraints: Path
) -> Iterator[tuple[list[str], Mapping[str, str]]]:
    """Yield the words for uv, each with variables of its own."""
    yield ["venv", "--quiet", "--python", recipe.python.path, str(folder)], {}
    add = ["pip", "install", "--python", str(python_in(folder))]
    limits = ["--constraint", str(constraints), recipe.torch_requirement]
    everything = [*add, *limits, *recipe.requirements]
    if not recipe.built:
        # Without a wheel for this Python it would be compiled, and against whichever torch.
        yield [*everything, "--only-binary", "aihwkit", aihwkit], {}
        return
    yield [*everything, *BUILD_NEEDS], {}
    # Its commands (cmake, ninja) must be found by the build.
    path = os.pathsep.join([str(scripts_in(folder)), os.environ.get("PATH", os.defpath)])
    # Caches of built wheels know the sources, and not the torch that they were compiled against.
    yield [*add, "--no-build-isolation", "--no-cache-dir", *limits, aihwkit], {"PATH": path}


def _uv() -> str:
    try:
        return find_uv_bin()
    except FileNotFoundError as problem:
        raise ReleaseFailed(f"uv is not installed: {problem}") from None


def _ask_uv(*words: str, given: str = "", **variables: str) -> CompletedProcess[str]:
    return run_captured([_uv(), *words], env={**os.environ, **variables}, given=given)
