"""The lock file: what was taken from the hub, at which revision, with which hashes.

A lock file is JSON with sorted keys, meant to be committed and reviewed:

    {"schema": 1,
     "models": {ID: {"revision", "locked_on", "files": {NAME: {"size", "sha256"}},
                     "architecture"}},
     "datasets": {ID: {"revision", "locked_on", "files"}}}
"""

from __future__ import annotations

import datetime
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from analog_bench.errors import WeightsError
from analog_bench.zoo.architecture import Architecture, architecture_from_json

RepoType = Literal["model", "dataset"]
SCHEMA = 1
FILE_NAME = "zoo.lock.json"
"""What a lock file is called by default, in the project's root."""


@dataclass(frozen=True)
class LockedFile:
    """A file's size in bytes and its sha256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """One locked repository.

    Attributes:
        hub_id: `owner/name`.
        repo_type: `model` or `dataset`.
        revision: The commit, 40 hexadecimal digits, as the hub resolved it.
        locked_on: Day of locking, ISO 8601.
        files: The needed files, by their path in the repository.
        architecture: The numbers of the model's configuration; None for data sets.
    """

    hub_id: str
    repo_type: RepoType
    revision: str
    locked_on: str
    files: Mapping[str, LockedFile]
    architecture: Architecture | None = None


@dataclass(frozen=True)
class Lock:
    """A lock file's content.

    Attributes:
        path: The file; it need not exist yet.
        models: Locked models by hub id.
        datasets: Locked data sets by hub id.
    """

    path: Path
    models: Mapping[str, Entry]
    datasets: Mapping[str, Entry]

    def with_entry(self, entry: Entry) -> Lock:
        """Return the lock with one entry added or replaced."""
        if entry.repo_type == "model":
            return replace(self, models={**self.models, entry.hub_id: entry})
        return replace(self, datasets={**self.datasets, entry.hub_id: entry})


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Args:
        path: The file. Where there is none, nothing is locked.

    Returns:
        Its content.

    Raises:
        WeightsError: The file cannot be read or does not follow the schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Lock(path, {}, {})
    except (OSError, UnicodeDecodeError) as problem:
        raise WeightsError(f"cannot read the lock file {path}: {problem}") from None
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as problem:
        raise _corrupt(path, f"not JSON ({problem})") from None
    top = _object(document, ("schema", "models", "datasets"), path, "the top level")
    if top["schema"] != SCHEMA:
        raise _corrupt(path, f"schema {SCHEMA} is expected, found {top['schema']!r}")
    return Lock(
        path,
        {key: _entry(key, node, "model", path) for key, node in _named(top, "models", path)},
        {key: _entry(key, node, "dataset", path) for key, node in _named(top, "datasets", path)},
    )


def write_lock(lock: Lock) -> None:
    """Write a lock file in one step: readers see the old one or the new one, never half of it.

    Args:
        lock: What to write, and where.

    Raises:
        WeightsError: The file cannot be written.
    """
    document = {
        "schema": SCHEMA,
        "models": {key: _as_json(entry) for key, entry in lock.models.items()},
        "datasets": {key: _as_json(entry) for key, entry in lock.datasets.items()},
    }
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    try:
        lock.path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=lock.path.parent, prefix=f".{lock.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            # mkstemp makes files only their owner may read; a lock file is for everybody.
            os.chmod(temporary, 0o644)
            os.replace(temporary, lock.path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as problem:
        raise WeightsError(f"cannot write the lock file {lock.path}: {problem}") from None


def _as_json(entry: Entry) -> dict[str, Any]:
    node: dict[str, Any] = {
        "revision": entry.revision,
        "locked_on": entry.locked_on,
        "files": {n: {"size": f.size, "sha256": f.sha256} for n, f in entry.files.items()},
    }
    if entry.architecture is not None:
        node["architecture"] = entry.architecture.as_json()
    return node


def _entry(hub_id: str, node: Any, repo_type: RepoType, path: Path) -> Entry:
    keys = ("revision", "locked_on", "files", *(("architecture",) if repo_type == "model" else ()))
    found = _object(node, keys, path, hub_id)
    if not _matches(r"[0-9a-f]{40}", found["revision"]):
        raise _corrupt(path, f"{hub_id}: revision must be a commit of 40 digits")
    if not _is_day(found["locked_on"]):
        raise _corrupt(path, f"{hub_id}: locked_on must be a day such as 2026-01-31")
    if not isinstance(found["files"], dict) or not found["files"]:
        raise _corrupt(path, f"{hub_id}: files must name at least one file")
    return Entry(
        hub_id=hub_id,
        repo_type=repo_type,
        revision=found["revision"],
        locked_on=found["locked_on"],
        files={name: _file(name, f, path, hub_id) for name, f in found["files"].items()},
        architecture=(
            architecture_from_json(found["architecture"], f"{path}: {hub_id}.architecture")
            if repo_type == "model"
            else None
        ),
    )


def _file(name: str, node: Any, path: Path, hub_id: str) -> LockedFile:
    where = PurePosixPath(name)
    if not name or where.is_absolute() or ".." in where.parts or "\\" in name:
        raise _corrupt(path, f"{hub_id}: {name!r} is no path inside a repository")
    found = _object(node, ("size", "sha256"), path, f"{hub_id}: {name}")
    size = found["size"]
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise _corrupt(path, f"{hub_id}: {name}: size must be a number of bytes")
    if not _matches(r"[0-9a-f]{64}", found["sha256"]):
        raise _corrupt(path, f"{hub_id}: {name}: sha256 must be 64 hexadecimal digits")
    return LockedFile(size, found["sha256"])


def _named(top: dict[str, Any], key: str, path: Path) -> list[tuple[str, Any]]:
    if not isinstance(top[key], dict):
        raise _corrupt(path, f"{key} must be an object")
    return list(top[key].items())


def _object(node: Any, keys: tuple[str, ...], path: Path, where: str) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise _corrupt(path, f"{where}: an object is expected")
    wrong = sorted(set(node) ^ set(keys))
    if wrong:
        raise _corrupt(path, f"{where}: missing or unknown entries: {', '.join(wrong)}")
    return node


def _matches(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _is_day(value: Any) -> bool:
    if not _matches(r"\d{4}-\d{2}-\d{2}", value):
        return False
    try:
        datetime.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _corrupt(path: Path, what: str) -> WeightsError:
    return WeightsError(
        f"the lock file {path} is corrupt: {what}; restore it from version control, "
        "or delete it and lock again"
    )
