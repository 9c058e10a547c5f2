"""Environments in the user's cache: built once, under a lock, and used only when whole."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from analog_bench.atomic_file import write_atomic
from analog_bench.codec import DocumentError, layout, read_json
from analog_bench.errors import StoreError
from analog_bench.releases.installer import install, python_in, scripts_in
from analog_bench.releases.recipe import Recipe
from analog_bench.releases.subprocesses import run_captured

CACHE_VARIABLE = "ANALOG_BENCH_CACHE"
_MANIFEST = "environment.json"
_IN_MANIFEST = ("key", "label", "built", "seconds", "size", "versions")
_VENV = "venv"
_MOMENT_S = 0.2

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Environment:
    """An environment that was built to the end.

    Attributes:
        folder: Its folder.
        key: The key of its recipe.
        label: What the release was called when it was built.
        built: When, UTC, ISO 8601.
        seconds: How long that took.
        size: Bytes that it takes, files that uv's cache shares counted in.
        versions: Package to version.
        fresh: Whether this very call built it.
    """

    folder: Path
    key: str
    label: str
    built: str
    seconds: float
    size: int
    versions: dict[str, str]
    fresh: bool = False

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return python_in(self.folder / _VENV)

    @property
    def scripts(self) -> Path:
        """The folder of its commands."""
        return scripts_in(self.folder / _VENV)


def cache_folder() -> Path:
    """Return where environments are: `$ANALOG_BENCH_CACHE`, or in the user's cache folder."""
    given = os.environ.get(CACHE_VARIABLE)
    root = Path(given).expanduser() if given else user_cache_path("analog-bench")
    return root / "releases"


def ensure(recipe: Recipe, label: str, tell: Tell, *, rebuild: bool = False) -> Environment:
    """Return the environment of a recipe; build it where there is none.

    Two processes never build the same one: the second waits, and uses what the first has built.
    What a killed build left behind is thrown away.

    Args:
        recipe: What it is made of.
        label: What the release is called.
        tell: Is told how a build goes on.
        rebuild: Build it anew.

    Raises:
        InstallError: It cannot be built.
        StoreError: The cache cannot be written to.
    """
    folder = cache_folder() / recipe.key
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder, tell):
            found = None if rebuild else read_environment(folder)
            if found is not None and _starts(found.python):
                return found
            return _build(recipe, label, folder, tell)
    except OSError as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise StoreError(
            f"cannot keep environments in {str(folder.parent)!r}: {why}; choose another folder "
            f"with {CACHE_VARIABLE}"
        ) from None


def environments() -> list[Environment]:
    """Return the environments in the cache, the newest first."""
    found = map(read_environment, cache_folder().glob("*/"))
    return sorted(filter(None, found), key=lambda one: one.built, reverse=True)


def read_environment(folder: Path) -> Environment | None:
    """Return the environment in a folder; None where there is no whole one."""
    try:
        manifest: Any = read_json(folder / _MANIFEST)
        return Environment(folder, **{name: manifest[name] for name in _IN_MANIFEST})
    except (FileNotFoundError, DocumentError, KeyError, TypeError):
        # Half built, or of another release of this project: as good as none.
        return None


def _build(recipe: Recipe, label: str, folder: Path, tell: Tell) -> Environment:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    started = time.monotonic()
    try:
        install(recipe, folder / _VENV, _beside(folder, ".log"), tell)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    made = Environment(
        folder=folder,
        key=recipe.key,
        label=label,
        built=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 1),
        size=sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()),
        versions=_versions(folder / _VENV),
        fresh=True,
    )
    manifest = {name: getattr(made, name) for name in _IN_MANIFEST}
    recipe_plain = json.loads(json.dumps(recipe.as_plain()))
    # Written last, and whole or not at all: without it the environment does not count.
    write_atomic(folder / _MANIFEST, layout({**manifest, "recipe": recipe_plain}))
    return made


@contextmanager
def _locked(folder: Path, tell: Tell) -> Iterator[None]:
    lock = FileLock(_beside(folder, ".lock"))
    try:
        lock.acquire(timeout=_MOMENT_S)
    except Timeout:
        tell("another process is building this environment; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _starts(python: Path) -> bool:
    """Return whether an interpreter still starts: its base may have been removed since."""
    return run_captured([str(python), "-c", "pass"]).returncode == 0


def _versions(venv: Path) -> dict[str, str]:
    folders = [str(path) for path in venv.glob("**/site-packages")][:1]
    found = {d.metadata["Name"]: d.version for d in metadata.distributions(path=folders)}
    return dict(sorted(found.items()))


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)
