"""Models and data from the hub: locked once, then fetched at exactly that revision and content."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

from analog_bench.errors import UsageError, WeightsError
from analog_bench.zoo.file_hashes import verify
from analog_bench.zoo.hub_repository import download, listing
from analog_bench.zoo.lock_file import Entry, Lock, LockedFile, RepoType, add_entry, read_lock
from analog_bench.zoo.model_builder import check_fit, observe
from analog_bench.zoo.model_config import CONFIG, read_config
from analog_bench.zoo.model_files import needed_files, read_weights, weight_files
from analog_bench.zoo.model_specs import HUB_IDS, check_name, not_locked
from analog_bench.zoo.model_structure import Structure

SQUAD = "rajpurkar/squad"
"""The data set of SQuAD v1.1 on the hub."""
WIKITEXT = "Salesforce/wikitext"
"""The data set of WikiText-2 and WikiText-103 on the hub."""

# The locked part of a data set that has several: the folder, and the split in it.
_PARTS = {WIKITEXT: ("wikitext-2-raw-v1/", "test")}


def lock_model(
    hub_id: str,
    lock_path: Path,
    *,
    revision: str = "main",
    name: str | None = None,
) -> Entry:
    """Pin a model: resolve its revision, download the needed files, hash them, write the lock file.

    Only safetensors are accepted; nothing is unpickled, and no code of the repository is run. A
    model that is already locked is locked anew.

    Args:
        hub_id: `owner/name`.
        lock_path: The lock file.
        revision: A branch, tag, pull request (`refs/pr/1`) or commit.
        name: Another name for the model.

    Raises:
        UsageError: `hub_id` is not of the form `owner/name`, or another model has the name.
        WeightsError: The hub cannot be reached or lacks the model or a needed file, the model is
            not supported, its weights do not fit its configuration, or the lock file cannot be read
            or written.
    """
    lock = read_lock(lock_path)
    if name is not None:
        check_name(name)
        others = {x.name: x.hub_id for x in lock.models.values() if x.name} | dict(HUB_IDS)
        if others.get(name, hub_id) != hub_id:
            raise UsageError(f"--name {name} is that of {others[name]}; choose another")
    found = listing(hub_id, "model", revision)

    def get(file: str) -> Path:
        return download(hub_id, "model", found.revision, file)

    names = needed_files(found.files, hub_id, get)
    origin = f"{hub_id}: {CONFIG}"
    # Before the weights are downloaded, so that an unusable model costs nothing.
    options = read_config(get(CONFIG), origin)
    structure = observe(options, origin)
    # Before the lock is written, because a model that cannot be loaded is of no use.
    state, what = read_weights({name: get(name) for name in weight_files(names)}, hub_id)
    check_fit(options, structure.task, state, what)
    return _pin(lock_path, hub_id, "model", found.revision, names, structure, name)


def lock_dataset(hub_id: str, lock_path: Path, *, revision: str = "main") -> Entry:
    """Pin the split of a data set that this project scores, a single parquet file.

    The split is `test` for WikiText-2, `validation` for others; the file is called
    `SPLIT-....parquet` or `SPLIT.parquet`. See `lock_model`.

    Raises:
        UsageError: `hub_id` is not of the form `owner/name`.
        WeightsError: The hub cannot be reached, the data set or the single file does not exist, or
            the lock file cannot be read or written.
    """
    read_lock(lock_path)
    found = listing(hub_id, "dataset", revision)
    folder, split = _PARTS.get(hub_id, ("", "validation"))
    parquet = re.compile(rf"{re.escape(folder)}(.*/)?{re.escape(split)}(-[^/]*)?\.parquet")
    names = [name for name in found.files if parquet.fullmatch(name)]
    if len(names) != 1:
        raise WeightsError(
            f"{hub_id}: one parquet file of split {split!r} is expected, found {len(names)}"
        )
    return _pin(lock_path, hub_id, "dataset", found.revision, names)


def fetch(hub_id: str, lock: Lock) -> Path:
    """Fetch a locked model's files into the local cache and verify every one of them.

    Cached files are not requested again, so this works offline.

    Returns:
        The folder with the files, named as in the repository. Only the lock's files in it are
        verified.

    Raises:
        WeightsError: The model is not locked, cannot be fetched, or differs from the lock.
    """
    entry = lock.models.get(hub_id)
    if entry is None:
        raise not_locked(hub_id, lock)
    return _fetched(entry)


def fetch_dataset(hub_id: str, lock: Lock) -> Path:
    """Fetch a locked data set's parquet file into the local cache and verify it, as `fetch`."""
    entry = lock.datasets.get(hub_id)
    if entry is None:
        raise not_locked(hub_id, lock, dataset=True)
    if len(entry.files) != 1:
        raise WeightsError(
            f"{hub_id}: {lock.path} must lock one file of it, not {len(entry.files)}"
        )
    return _fetched(entry) / next(iter(entry.files))


def _fetched(entry: Entry) -> Path:
    folder = Path()
    for name, locked in entry.files.items():
        file = download(entry.hub_id, entry.repo_type, entry.revision, name)
        verify(
            file,
            locked.sha256,
            f"{name} of {entry.hub_id} is not what was locked: delete the file and try again, "
            "or add it again if you trust the change",
        )
        folder = file.parents[name.count("/")]
    return folder


def _pin(
    lock_path: Path,
    hub_id: str,
    repo_type: RepoType,
    revision: str,
    names: list[str],
    structure: Structure | None = None,
    called: str | None = None,
) -> Entry:
    files = {}
    for name in names:
        file = download(hub_id, repo_type, revision, name)
        files[name] = LockedFile.of(file)
    today = datetime.date.today().isoformat()
    entry = Entry(hub_id, repo_type, revision, today, files, structure, called)
    add_entry(lock_path, entry)
    return entry
