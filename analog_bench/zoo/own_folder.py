"""Models in folders of the user's own, as `save_pretrained` writes them.

`--model PATH` reads such a folder for one run. `analog-bench zoo add PATH` puts it into the lock
file, with the hash of every file: from then on it is found by its name, without looking into it,
and its files have to be the same.
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
    """Return the model of a name, or the one in the folder that a path names.

    A name that is known comes before a folder of that name; `./NAME` always is the folder. Where no
    `weights` are needed, a folder with a configuration will do.

    Raises:
        UsageError: There is neither.
        WeightsError: A hub model that is not locked, or a folder whose model cannot be measured.
    """
    names = {entry.name for entry in lock.models.values()}
    known = word in {*SHORT_NAMES, *lock.folders, *lock.models, *names}
    if known or (zoo == "hub" and _HUB_ID.fullmatch(word)) or not is_folder(word):
        return find(word, zoo, lock)
    return read_folder(Path(word), weights=weights)


def read_folder(folder: Path, *, weights: bool = True) -> ModelSpec:
    """Return the model in a folder, after looking at the names of its files and its configuration.

    It goes by the folder's name, made fit for ids, and by `folder-NAME` where another model goes
    by that. Without `weights`, only the configuration has to be there.

    Raises:
        UsageError: There is no such folder.
        WeightsError: No model in it, or none that can be measured.
    """
    folder = Path(os.path.expanduser(folder))
    check_folder(folder, str(folder))
    # Not at the top: these import transformers.
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
    """Put the model in a folder into the lock file, by a name; in place of another of that name.

    It is loaded once: what could not be measured is of no use there.

    Raises:
        UsageError: No such folder, or a name that cannot be, or that another model goes by.
        WeightsError: See `read_folder` and `model_loading.load`, or the lock file cannot be read or
            written.
    """
    if name is not None:
        check_name(name)
        if _is_taken(name):
            raise UsageError(f"--name {name} is that of another model; choose another")
    # Not at the top: these import transformers.
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
    """Refuse what is no folder, as it was asked for; `UsageError`."""
    folder = Path(os.path.expanduser(folder))
    if not os.path.isdir(folder):
        what = "is a file" if os.path.isfile(folder) else "is no folder"
        raise UsageError(
            f"{asked} {what}; a model has a name, or a folder such as save_pretrained writes"
        )


def is_folder(word: str) -> bool:
    """Return whether a word names a folder: one that is there, or what can be nothing else."""
    looks_like_one = re.search(r"[/\\]|^[.~]", word) is not None
    return (looks_like_one and not _HUB_ID.fullmatch(word)) or os.path.isdir(word)


def _is_taken(name: str) -> bool:
    return name in SHORT_NAMES or name.startswith(_HUB)


@cache
def _structure(config: Path, sha256: str) -> Structure:
    """Observe the model of a configuration; `sha256` is that of the file, which may change."""
    from analog_bench.zoo.model_builder import observe
    from analog_bench.zoo.model_config import read_config

    origin = f"{config.parent}: {config.name}"
    return observe(read_config(config, origin), origin)
