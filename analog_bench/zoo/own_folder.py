"""Models in the user's own folders, as `save_pretrained` writes them.

`--model PATH` reads such a folder for one run. `analog-bench zoo add PATH` puts it into the lock
file with the hash of every file. From then on the model is found by its name without looking into
the folder, and its files must not change.
"""

from __future__ import annotations

import datetime
import os
import re
from functools import cache
from pathlib import Path

from analog_bench.errors import UsageError
from analog_bench.zoo.file_hashes import file_sha256
from analog_bench.zoo.lock_file import FolderEntry, Lock, LockedFile, add_entry, read_lock
from analog_bench.zoo.model_specs import SHORT_NAMES, ModelSpec, check_name, find
from analog_bench.zoo.model_structure import Structure

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_HUB = "hub-"


def find_or_read(word: str, zoo: str, lock: Lock, *, weights: bool = True) -> ModelSpec:
    """Return the model with this name, or the one in the folder at this path.

    A known name takes precedence over a folder of that name; `./NAME` is always the folder. Without
    `weights`, a folder with only a configuration is enough.

    Raises:
        UsageError: There is neither.
        WeightsError: A hub model is not locked, or a folder's model cannot be measured.
    """
    names = {entry.name for entry in lock.models.values()}
    known = word in {*SHORT_NAMES, *lock.folders, *lock.models, *names}
    if known or (zoo == "hub" and _HUB_ID.fullmatch(word)) or not is_folder(word):
        return find(word, zoo, lock)
    return read_folder(Path(word), weights=weights)


def read_folder(folder: Path, *, weights: bool = True) -> ModelSpec:
    """Return the model in a folder, from the names of its files and its configuration.

    The model is named after the folder, with characters that ids do not allow replaced, or
    `folder-NAME` if that name belongs to another model. Without `weights`, only the configuration
    has to exist.

    Raises:
        UsageError: The folder does not exist.
        WeightsError: It holds no model, or none that can be measured.
    """
    folder = Path(os.path.expanduser(folder))
    check_folder(folder, str(folder))
    # Deferred: these import transformers.
    from analog_bench.zoo.model_config import CONFIG
    from analog_bench.zoo.model_files import names_in

    if weights:
        names_in(folder)
    config = folder / CONFIG
    known_as = os.path.basename(os.path.realpath(folder))
    name = re.sub(r"[^A-Za-z0-9_.]+", "-", known_as).strip("-.") or "model"
    return ModelSpec(
        name=f"folder-{name}" if _is_taken(name) else name,
        source="folder",
        hub_id=None,
        structure=_structure(config, file_sha256(config)),
        folder=folder,
    )


def add_folder(folder: Path, lock_path: Path, *, name: str | None = None) -> FolderEntry:
    """Put the model in a folder into the lock file, replacing an entry of the same name.

    The model is loaded once, so that only models that can be measured are added.

    Args:
        folder: The folder.
        lock_path: The lock file.
        name: Name of the model; that of `read_folder` if None.

    Raises:
        UsageError: The folder does not exist, or the name is invalid or belongs to another model.
        WeightsError: See `read_folder` and `model_loading.load`; or the lock file cannot be read or
            written.
    """
    if name is not None:
        check_name(name)
        if _is_taken(name):
            raise UsageError(f"--name {name} is that of another model; choose another")
    # Deferred: these import transformers.
    from analog_bench.zoo.model_files import names_in
    from analog_bench.zoo.model_loading import load

    read_lock(lock_path)
    spec = read_folder(folder)
    load(spec, lock_path=lock_path)
    folder = Path(os.path.expanduser(folder)).absolute()
    project = lock_path.absolute().parent
    path = folder.relative_to(project) if folder.is_relative_to(project) else folder
    entry = FolderEntry(
        name=name or spec.name,
        path=path.as_posix(),
        locked_on=datetime.date.today().isoformat(),
        files={file: LockedFile.of(folder / file) for file in names_in(folder)},
        structure=spec.structure,
    )
    add_entry(lock_path, entry)
    return entry


def check_folder(folder: Path, asked: str) -> None:
    """Check that a path is a folder; `asked` is how the user wrote it.

    Raises:
        UsageError: It is not a folder.
    """
    folder = Path(os.path.expanduser(folder))
    if not os.path.isdir(folder):
        what = "is a file" if os.path.isfile(folder) else "is no folder"
        raise UsageError(
            f"{asked} {what}; a model has a name, or a folder such as save_pretrained writes"
        )


def is_folder(word: str) -> bool:
    """Return whether a word names a folder: an existing one, or a path that cannot be a name."""
    looks_like_one = re.search(r"[/\\]|^[.~]", word) is not None
    return (looks_like_one and not _HUB_ID.fullmatch(word)) or os.path.isdir(word)


def _is_taken(name: str) -> bool:
    return name in SHORT_NAMES or name.startswith(_HUB)


@cache
def _structure(config: Path, sha256: str) -> Structure:
    """Observe the model of a configuration; `sha256`, the file's hash, keys the cache."""
    from analog_bench.zoo.model_builder import observe
    from analog_bench.zoo.model_config import read_config

    origin = f"{config.parent}: {config.name}"
    return observe(read_config(config, origin), origin)
