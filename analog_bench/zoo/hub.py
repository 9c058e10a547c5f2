"""Models and data from the hub: locked once, then fetched at exactly that revision and content."""

from __future__ import annotations

import datetime
from pathlib import Path

from analog_bench.errors import WeightsError
from analog_bench.zoo.build import observe, read_config
from analog_bench.zoo.hashes import file_sha256, verify
from analog_bench.zoo.lock import Entry, Lock, LockedFile, RepoType, read_lock, write_lock
from analog_bench.zoo.remote import Listing, download, listing
from analog_bench.zoo.specs import not_locked

SQUAD = "rajpurkar/squad"
"""The data set of SQuAD v1.1 on the hub."""
WIKITEXT = "Salesforce/wikitext"
"""The data set of WikiText-2 and WikiText-103 on the hub."""

# What is locked of a data set that has several parts: the folder, and the split in it.
_PARTS = {WIKITEXT: ("wikitext-2-raw-v1/", "test")}

# Any one of these sets makes a tokeniser; the first that a repository holds is taken.
_TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("vocab.txt",))
_TOKENIZER_EXTRAS = ("tokenizer_config.json", "special_tokens_map.json")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def lock_model(
    hub_id: str, lock_path: Path, *, revision: str = "main", cache: Path | None = None
) -> Entry:
    """Pin a model: resolve its revision, download what is needed, hash it, write the lock file.

    Only safetensors are accepted; nothing is unpickled and no code of the repository is run. A
    model that is locked already is locked anew.

    Args:
        hub_id: `owner/name` of a model with a head for questions or for language modelling.
        lock_path: The lock file; made where there is none.
        revision: Branch, tag, pull request (`refs/pr/1`) or commit.
        cache: The hub cache's folder; None for the usual one.

    Raises:
        UsageError: `hub_id` is not of that form.
        WeightsError: The hub cannot be reached or lacks the model or a needed file, the model is
            not supported, or the lock file cannot be read or written.
    """
    lock = read_lock(lock_path)
    found = listing(hub_id, "model", revision)
    names = _model_files(hub_id, found)
    config = download(hub_id, "model", found.revision, "config.json", cache)
    origin = f"{hub_id}: config.json"
    # Before the weights are downloaded: an unusable model costs nothing.
    structure = observe(read_config(config, origin), origin)
    entry = Entry(
        hub_id=hub_id,
        repo_type="model",
        revision=found.revision,
        locked_on=datetime.date.today().isoformat(),
        structure=structure,
        files=_hashed(hub_id, "model", found.revision, names, cache),
    )
    write_lock(lock.with_entry(entry))
    return entry


def lock_dataset(
    hub_id: str,
    lock_path: Path,
    *,
    split: str | None = None,
    revision: str = "main",
    cache: Path | None = None,
) -> Entry:
    """Pin one split of a data set that is stored as a single parquet file.

    Args:
        hub_id: `owner/name`, e.g. `rajpurkar/squad`.
        lock_path: The lock file; made where there is none.
        split: The split; its file is called `SPLIT-....parquet` or `SPLIT.parquet`. Where None,
            the one that this project scores: `test` of WikiText-2, `validation` of others.
        revision: Branch, tag, pull request or commit.
        cache: The hub cache's folder; None for the usual one.

    Raises:
        UsageError: `hub_id` is not of that form.
        WeightsError: The hub cannot be reached, the data set or the one file is not there, or the
            lock file cannot be read or written.
    """
    lock = read_lock(lock_path)
    found = listing(hub_id, "dataset", revision)
    folder, usual = _PARTS.get(hub_id, ("", "validation"))
    split = split or usual
    names = [n for n in found.files if n.startswith(folder) and _is_split(n, split)]
    if len(names) != 1:
        raise WeightsError(
            f"{hub_id}: one parquet file of split {split!r} is expected, found {len(names)}"
        )
    entry = Entry(
        hub_id=hub_id,
        repo_type="dataset",
        revision=found.revision,
        locked_on=datetime.date.today().isoformat(),
        files=_hashed(hub_id, "dataset", found.revision, names, cache),
    )
    write_lock(lock.with_entry(entry))
    return entry


def fetch(hub_id: str, lock: Lock, *, cache: Path | None = None) -> Path:
    """Bring a locked model's files into the local cache and verify every one of them.

    Files that are cached already are not asked for again, so that this works offline.

    Args:
        hub_id: `owner/name`.
        lock: The lock file's content.
        cache: The hub cache's folder; None for the usual one.

    Returns:
        The folder with the files, named as in the repository. It may hold other files too: only
        those of the lock are verified.

    Raises:
        WeightsError: Not locked, not to be had, or not what was locked.
    """
    entry = lock.models.get(hub_id)
    if entry is None:
        raise not_locked(hub_id, lock)
    return _fetched(entry, cache)


def fetch_dataset(hub_id: str, lock: Lock, *, cache: Path | None = None) -> Path:
    """Bring a locked data set's parquet file into the local cache and verify it.

    Args:
        hub_id: `owner/name`.
        lock: The lock file's content.
        cache: The hub cache's folder; None for the usual one.

    Raises:
        WeightsError: Not locked, not to be had, or not what was locked.
    """
    entry = lock.datasets.get(hub_id)
    if entry is None:
        raise not_locked(hub_id, lock, dataset=True)
    if len(entry.files) != 1:
        raise WeightsError(
            f"{hub_id}: {lock.path} must lock one file of it, not {len(entry.files)}"
        )
    return _fetched(entry, cache) / next(iter(entry.files))


def _fetched(entry: Entry, cache: Path | None) -> Path:
    folder = Path()
    for name, locked in entry.files.items():
        file = download(entry.hub_id, entry.repo_type, entry.revision, name, cache)
        verify(
            file,
            locked.sha256,
            f"{name} of {entry.hub_id} is not what was locked: delete the file and try again, "
            "or lock it anew if you trust the change",
        )
        folder = file.parents[name.count("/")]
    return folder


def _hashed(
    hub_id: str, repo_type: RepoType, revision: str, names: list[str], cache: Path | None
) -> dict[str, LockedFile]:
    hashed = {}
    for name in names:
        file = download(hub_id, repo_type, revision, name, cache)
        hashed[name] = LockedFile(file.stat().st_size, file_sha256(file))
    return hashed


def _model_files(hub_id: str, found: Listing) -> list[str]:
    held = set(found.files)
    if "config.json" not in held:
        raise WeightsError(f"{hub_id} has no config.json: it is not a transformers model")
    if "model.safetensors" not in held:
        pickled = sorted(name for name in held if name.endswith(_PICKLES))
        if "model.safetensors.index.json" in held:
            why = "splits its weights over several files, which is not supported"
        elif pickled:
            why = f"holds its weights only as a pickle ({pickled[0]}), which is never opened"
        else:
            why = "holds no weights"
        raise WeightsError(f"{hub_id} {why}; name a model or revision with model.safetensors")
    tokenizer = next((names for names in _TOKENIZERS if held.issuperset(names)), None)
    if tokenizer is None:
        raise WeightsError(f"{hub_id} has no tokeniser files (tokenizer.json or a vocabulary)")
    extras = [name for name in _TOKENIZER_EXTRAS if name in held]
    return ["config.json", "model.safetensors", *tokenizer, *extras]


def _is_split(name: str, split: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    return last == f"{split}.parquet" or (
        last.startswith(f"{split}-") and last.endswith(".parquet")
    )
