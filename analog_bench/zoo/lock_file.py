"""The lock file: models and data that were added, with the hash of every file.

A lock file is JSON with sorted keys, meant to be committed and reviewed:

    {"schema": 3,
     "models": {ID: {"revision", "locked_on", "files": {NAME: {"size", "sha256"}},
                     "structure", "name"}},
     "folders": {NAME: {"path", "locked_on", "files", "structure"}},
     "datasets": {ID: {"revision", "locked_on", "files"}}}
"""

from __future__ import annotations

import datetime
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from analog_bench.atomic_file import write_atomic
from analog_bench.codec import DocumentError, Json, convert, indented, plain, read_json
from analog_bench.errors import WeightsError
from analog_bench.file_lock import ExclusiveLock, HeldError
from analog_bench.zoo.file_hashes import file_sha256
from analog_bench.zoo.model_structure import Structure
from analog_bench.zoo.weight_record import Sha256

RepoType: TypeAlias = Literal["model", "dataset"]
Commit: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{40}$", max_length=40)]
Day: TypeAlias = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
NAME = r"(?!.*--)[A-Za-z0-9_][A-Za-z0-9_.-]*"
"""Pattern of a model's name, which becomes part of ids and of file names, where -- is a slash."""
Name: TypeAlias = Annotated[str, Meta(pattern=f"^{NAME}$")]
FILE_NAME = "zoo.lock.json"
"""Default name of a lock file, in the project's root."""
_TIMEOUT_S = 60.0


class LockedFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file's size in bytes and its sha256."""

    size: Annotated[int, Meta(ge=0)]
    sha256: Sha256

    @classmethod
    def of(cls, path: Path) -> LockedFile:
        """Return a file's size and sha256.

        Raises:
            WeightsError: The file cannot be read.
        """
        sha256 = file_sha256(path)
        return cls(os.path.getsize(path), sha256)


class Entry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One locked repository; its table (`repo_type`) and key (`hub_id`, `owner/name`) name it.

    Attributes:
        revision: The commit, 40 hexadecimal digits, as the hub resolved it.
        locked_on: Date, ISO 8601.
        files: The needed files, by their path in the repository.
        structure: The observed structure of the model; None for data sets.
        name: A model's name besides its id; None if it has no other.
    """

    hub_id: str
    repo_type: RepoType
    revision: Commit
    locked_on: Day
    files: Annotated[dict[str, LockedFile], Meta(min_length=1)]
    structure: Structure | None = None
    name: Name | None = None

    def __post_init__(self) -> None:
        _check_entry(self.locked_on, self.files)
        if self.repo_type == "dataset" and (self.structure, self.name) != (None, None):
            raise ValueError("data sets have no structure and no name")
        if self.repo_type == "model" and self.structure is None:
            raise ValueError("missing required field `structure`")

    @property
    def add_again(self) -> str:
        """The command that adds the same entry again."""
        dataset = "--dataset " if self.repo_type == "dataset" else ""
        name = f" --name {self.name}" if self.name else ""
        return f"analog-bench zoo add {dataset}{self.hub_id} --revision {self.revision}{name}"


class FolderEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One model in a user's folder; its key is its name.

    Attributes:
        path: The folder, relative to that of the lock file if it is inside.
        locked_on: Date, ISO 8601.
        files: The needed files, by their names in the folder.
        structure: The observed structure of the model.
    """

    name: Name
    path: Annotated[str, Meta(min_length=1)]
    locked_on: Day
    files: Annotated[dict[str, LockedFile], Meta(min_length=1)]
    structure: Structure

    def __post_init__(self) -> None:
        _check_entry(self.locked_on, self.files)

    @property
    def add_again(self) -> str:
        """The command that adds the same entry again."""
        return f"analog-bench zoo add {shlex.quote(self.path)} --name {self.name}"


class _LockFile(Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal[3]
    models: Mapping[str, Json]
    datasets: Mapping[str, Json]
    folders: Mapping[str, Json] = {}


@dataclass(frozen=True)
class Lock:
    """The content of a lock file, by hub id or folder name; the file need not exist yet."""

    path: Path
    models: Mapping[str, Entry]
    datasets: Mapping[str, Entry]
    folders: Mapping[str, FolderEntry] = field(default_factory=dict)

    def with_entry(self, entry: Entry | FolderEntry) -> Lock:
        """Return the lock with one entry added or replaced."""
        if isinstance(entry, FolderEntry):
            return replace(self, folders={**self.folders, entry.name: entry})
        if entry.repo_type == "model":
            return replace(self, models={**self.models, entry.hub_id: entry})
        return replace(self, datasets={**self.datasets, entry.hub_id: entry})


def check_inside(name: str) -> None:
    """Check that a file's name stays inside its repository on any system.

    Raises:
        ValueError: It may not.
    """
    strange = set(name) & set("\\:") or not name.isprintable()
    if strange or not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise ValueError(f"{name!r} is no path inside a repository")


def read_lock(path: Path) -> Lock:
    """Read a lock file; an empty lock if it does not exist.

    Raises:
        WeightsError: The file is corrupt.
    """
    try:
        content = convert(read_json(path), _LockFile)
        folders = {n: convert(x, FolderEntry, n, name=n) for n, x in content.folders.items()}
        datasets = _entries(content.datasets, "dataset")
        return Lock(path, _entries(content.models, "model"), datasets, folders)
    except FileNotFoundError:
        return Lock(path, {}, {})
    except DocumentError as problem:
        raise WeightsError(
            f"the lock file {path} is corrupt: {problem}; restore it from version control, "
            "or delete it and add again what it held"
        ) from None


def add_entry(path: Path, entry: Entry | FolderEntry) -> None:
    """Add or replace an entry in a lock file, keeping what other processes add meanwhile.

    Raises:
        WeightsError: The file is corrupt or cannot be written.
    """
    try:
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        held = ExclusiveLock(target.with_name(f"{target.name}.lock"), _TIMEOUT_S)
    except HeldError:
        raise WeightsError(
            f"another process has been writing the lock file {path} for {_TIMEOUT_S:.0f} s; wait "
            "for it to end"
        ) from None
    except (OSError, ValueError) as problem:
        raise _cannot_write(path, problem) from None
    with held:
        write_lock(read_lock(path).with_entry(entry))


def write_lock(lock: Lock) -> None:
    """Write a lock file atomically, so that no reader sees half of it.

    Raises:
        WeightsError: The file cannot be written.
    """
    models, datasets = (
        {hub_id: plain(entry, "hub_id", "repo_type") for hub_id, entry in entries.items()}
        for entries in (lock.models, lock.datasets)
    )
    folders = {name: plain(entry, "name") for name, entry in lock.folders.items()}
    try:
        write_atomic(lock.path, indented(plain(_LockFile(3, models, datasets, folders))))
    except (OSError, ValueError) as problem:
        raise _cannot_write(lock.path, problem) from None


def _cannot_write(path: Path, problem: Exception) -> WeightsError:
    return WeightsError(f"cannot write the lock file {path}: {problem}")


def _check_entry(day: str, files: Mapping[str, LockedFile]) -> None:
    datetime.date.fromisoformat(day)
    for name in files:
        check_inside(name)


def _entries(nodes: Mapping[str, Json], repo_type: RepoType) -> dict[str, Entry]:
    return {
        hub_id: convert(node, Entry, hub_id, hub_id=hub_id, repo_type=repo_type)
        for hub_id, node in nodes.items()
    }
