"""Environments in the user's cache: built once, under a lock, and used only when whole."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from analog_bench.atomic_file import write_atomic
from analog_bench.cache_folder import CACHE_VARIABLE, cache_folder
from analog_bench.codec import DocumentError, convert, layout, plain, read_json
from analog_bench.errors import StoreError, reason_of
from analog_bench.releases.environment_recipe import FORMAT, Recipe
from analog_bench.releases.installer import install, python_in, scripts_in
from analog_bench.releases.subprocesses import run_captured

_MANIFEST = "environment.json"
_VENV = "venv"

Tell = Callable[[str], None]


class Manifest(msgspec.Struct, frozen=True):
    """What `environment.json` says of an environment, beside its recipe.

    Attributes:
        label: What the release was called when it was built.
        built: When, UTC, ISO 8601.
        seconds: How long that took.
        size: Its bytes, including files shared with uv's cache.
        versions: Package to version.
    """

    key: str
    label: str
    built: str
    seconds: float
    size: int
    versions: dict[str, str]


class Environment(Manifest, frozen=True, kw_only=True):
    """An environment that was built to the end; `fresh` where this very call built it."""

    folder: Path
    fresh: bool = False

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return python_in(self.folder / _VENV)

    @property
    def scripts(self) -> Path:
        """The folder of its commands."""
        return scripts_in(self.folder / _VENV)


def environments_folder() -> Path:
    """Return where environments are kept; it need not be there."""
    return cache_folder("releases")


def ensure(recipe: Recipe, label: str, tell: Tell, *, rebuild: bool = False) -> Environment:
    """Return the environment of a recipe; build it where there is none, or with `rebuild`.

    Two processes never build the same one: the second waits, and uses what the first has built.
    What a killed build left behind is thrown away.

    Raises:
        ReleaseFailed: It cannot be built.
        StoreError: The cache cannot be written to.
    """
    folder = environments_folder() / recipe.key
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder, tell):
            built = None if rebuild else read_environment(folder)
            # The interpreter it is based on may have been removed since.
            if built and run_captured([str(built.python), "-c", "pass"]).returncode == 0:
                return built
            return _build(recipe, label, folder, tell)
    except OSError as problem:
        raise StoreError(
            f"cannot keep environments in {str(folder.parent)!r}: {reason_of(problem)}; choose "
            f"another folder with {CACHE_VARIABLE}"
        ) from None


def environments() -> list[Environment]:
    """Return the environments in the cache, the newest first."""
    read = map(read_environment, environments_folder().glob("*/"))
    return sorted(filter(None, read), key=lambda one: one.built, reverse=True)


def read_environment(folder: Path) -> Environment | None:
    """Return the environment in a folder; None where there is no whole one."""
    try:
        manifest = convert(read_json(folder / _MANIFEST), Manifest)
    except (FileNotFoundError, DocumentError):
        # Half built, or of another release of this project: as good as none.
        return None
    return Environment(folder=folder, **msgspec.structs.asdict(manifest))


def _build(recipe: Recipe, label: str, folder: Path, tell: Tell) -> Environment:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    started = time.monotonic()
    try:
        install(recipe, folder / _VENV, _beside(folder, ".log"), tell)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    found = metadata.distributions(path=[*map(str, folder.glob(f"{_VENV}/**/site-packages"))][:1])
    manifest = Manifest(
        key=recipe.key,
        label=label,
        built=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 1),
        size=sum(path.lstat().st_size for path in folder.rglob("*") if not os.path.isdir(path)),
        versions=dict(sorted((one.metadata["Name"], one.version) for one in found)),
    )
    document = {**plain(manifest), "recipe": {**plain(recipe), "format": FORMAT}}
    # Written last, and whole or not at all: without it the environment does not count.
    write_atomic(folder / _MANIFEST, layout(document))
    return Environment(folder=folder, fresh=True, **msgspec.structs.asdict(manifest))


@contextmanager
def _locked(folder: Path, tell: Tell) -> Iterator[None]:
    lock = FileLock(_beside(folder, ".lock"))
    try:
        lock.acquire(timeout=0.2)
    except Timeout:
        tell("another process is building this environment; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)
