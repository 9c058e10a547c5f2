"""The models that can be requested by name, without loading anything.

This module imports neither torch nor transformers: listing layers at collection takes milliseconds
and needs no network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast, get_args

from analog_bench.codec import DocumentError, convert, read_json
from analog_bench.errors import UsageError, WeightsError, did_you_mean
from analog_bench.zoo import smollm2
from analog_bench.zoo.lock_file import NAME, Entry, FolderEntry, Lock
from analog_bench.zoo.model_structure import LayerName, Structure
from analog_bench.zoo.weight_record import RECORD, WEIGHTS

Zoo = Literal["embedded", "hub"]
ZOOS: tuple[Zoo, ...] = get_args(Zoo)
"""The zoos in which a run looks up the names of models."""
Source = Literal["embedded", "hub", "folder", "package"]
SOURCES: tuple[Source, ...] = get_args(Source)
STRUCTURE = "structure.json"

HUB_IDS: Mapping[str, str] = MappingProxyType(
    {
        "bert": "csarron/bert-base-uncased-squad-v1",
        "mobilebert": "csarron/mobilebert-uncased-squad-v1",
        "distilgpt2": "distilbert/distilgpt2",
        smollm2.NAME: smollm2.HUB_ID,
    }
)
"""Short names of models on the hub; an embedded or packaged counterpart has the same name."""
EMBEDDED: Mapping[str, str] = MappingProxyType(
    {
        "bert": "MiniLM-L6",
        "distilgpt2": "6.9 M",
        "minilm-qnli": "22.7 M",
        "mobilebert": "7.2 M",
    }
)
"""Names of the embedded models, and a description: the encoder, or the number of parameters."""
SHORT_NAMES = frozenset({*HUB_IDS, *EMBEDDED})
"""All short names; no folder may have one of them."""


@dataclass(frozen=True)
class ModelSpec:
    """A model before it is loaded.

    Attributes:
        name: The name that users type; a hub id stands for itself.
        source: `embedded` (shipped with this project), from the `hub`, a user's `folder`, or a
            `package` that is installed on demand.
        hub_id: None if the model is not from the hub.
        folder: None if the model is not in a folder.
        locked: The lock file's entry of the folder; None if there is none.
    """

    name: str
    source: Source
    hub_id: str | None
    structure: Structure
    folder: Path | None = None
    locked: FolderEntry | None = None

    @property
    def stored_name(self) -> str:
        """The name under which results are stored: `bert`, `hub-bert`, `mine`.

        It keeps results of embedded and hub weights apart in baselines.
        """
        return f"hub-{self.folder_name}" if self.source == "hub" else self.name

    @property
    def folder_name(self) -> str:
        """Name of the model's folders of HWA weights, input ranges and checkpoints."""
        return self.name.replace("/", "--")

    @property
    def asked_name(self) -> str:
        """The value of `--model` for it: its name, or a folder that is not in the lock file."""
        if self.folder is None or self.locked is not None:
            return self.name
        return str(self.folder) if self.folder.is_absolute() else f"./{self.folder}"

    @property
    def family(self) -> str:
        """The name of its architecture in transformers."""
        return self.structure.family

    @property
    def task(self) -> str:
        """The name of its head in `model_heads.HEADS`: `qa`, `lm`, ..."""
        return self.structure.task

    @property
    def layers(self) -> tuple[LayerName, ...]:
        """The layers in the order of computation."""
        return self.structure.layers


def find(name: str, zoo: str, lock: Lock) -> ModelSpec:
    """Find a model: an embedded or packaged one, a folder by its name, or (for `hub`) a locked one.

    Raises:
        UsageError: The zoo or the model does not exist, or the embedded model has no weights.
        WeightsError: A hub model is not locked, or a model's package is not installed.
    """
    if zoo not in ZOOS:
        raise UsageError(f"no zoo {zoo!r}; {did_you_mean(zoo, ZOOS)}")
    named = {entry.name: hub_id for hub_id, entry in lock.models.items() if entry.name}
    if name in lock.folders and not (name in SHORT_NAMES or (zoo == "hub" and name in named)):
        return _folder_spec(lock.folders[name], lock)
    if zoo == "embedded":
        spec = find_embedded(name)
        if spec.source == "package":
            smollm2.check_installed()
            return spec
        if _is_shipped(name):
            return spec
        elsewhere = f", and `--zoo hub` has {HUB_IDS[name]}" if name in HUB_IDS else ""
        raise UsageError(
            f"there are no weights of the embedded {name} in {WEIGHTS / name}; "
            f"`python -m training {name}` makes them{elsewhere}"
        )
    hub_id = HUB_IDS.get(name) or named.get(name, name)
    entry = lock.models.get(hub_id)
    if entry is not None:
        return _hub_spec(name, entry)
    if "/" not in hub_id:
        known = [*HUB_IDS, *lock.models, *named, *lock.folders]
        raise UsageError(f"no model {name!r} in the hub zoo; {did_you_mean(name, known)}")
    raise not_locked(hub_id, lock)


def available(source: Source, lock: Lock) -> tuple[ModelSpec, ...]:
    """Return the models that `find` finds now; locked ones by their short name if they have one."""
    if source == "embedded":
        return tuple(find_embedded(name) for name in EMBEDDED if _is_shipped(name))
    if source == "package":
        return (find_embedded(smollm2.NAME),) if smollm2.is_installed() else ()
    if source == "folder":
        return tuple(_folder_spec(entry, lock) for _, entry in sorted(lock.folders.items()))
    short = {hub_id: name for name, hub_id in HUB_IDS.items()}
    return tuple(
        _hub_spec(entry.name or short.get(hub_id, hub_id), entry)
        for hub_id, entry in sorted(lock.models.items())
    )


def not_locked(hub_id: str, lock: Lock, *, dataset: bool = False) -> WeightsError:
    """Return the error for a model or data set of the hub that is not in the lock file."""
    verb = "analog-bench zoo add --dataset" if dataset else "analog-bench zoo add"
    return WeightsError(
        f"{hub_id} is not locked in {lock.path}; run `{verb} {hub_id}` to pin its revision and "
        "hashes"
    )


def check_name(name: str) -> None:
    """Check that a name is fit for ids and file names.

    Raises:
        UsageError: It is not.
    """
    if not re.fullmatch(NAME, name):
        raise UsageError(
            f"--name must be of letters, digits, _, - and ., without --, found {name!r}"
        )


def to_add_again(entry: Entry | FolderEntry, why: str) -> WeightsError:
    """Return the error for an entry of the lock file that does not fit what is needed now."""
    what = entry.path if isinstance(entry, FolderEntry) else entry.hub_id
    return WeightsError(f"{what} {why}; add it again: `{entry.add_again}`")


def find_embedded(name: str) -> ModelSpec:
    """Find an embedded or packaged model even if it has no weights, for example to train it.

    Raises:
        UsageError: The model does not exist.
        WeightsError: Its record is damaged.
    """
    if name not in SHORT_NAMES:
        if "/" in name:
            raise UsageError(
                f"there is no folder {name}; if it is the id of a model on the hub, `--zoo hub` is "
                "needed for it"
            )
        raise UsageError(f"no embedded model or folder {name!r}; {did_you_mean(name, SHORT_NAMES)}")
    path = WEIGHTS / name / STRUCTURE
    try:
        structure = convert(read_json(path), Structure)
    except (FileNotFoundError, DocumentError) as problem:
        raise WeightsError(f"cannot read {path}: {problem}") from None
    return ModelSpec(name, "package" if name == smollm2.NAME else "embedded", None, structure)


def _is_shipped(name: str) -> bool:
    return os.path.isfile(WEIGHTS / name / RECORD)


def _hub_spec(name: str, entry: Entry) -> ModelSpec:
    return ModelSpec(name, "hub", entry.hub_id, cast(Structure, entry.structure))


def _folder_spec(entry: FolderEntry, lock: Lock) -> ModelSpec:
    folder = lock.path.parent / entry.path
    return ModelSpec(entry.name, "folder", None, entry.structure, folder, entry)
