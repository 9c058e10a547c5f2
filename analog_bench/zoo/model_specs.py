"""The models one can ask for by name, without loading anything.

This module imports neither torch nor transformers: listing layers at collection takes milliseconds
and needs no network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from analog_bench.codec import DocumentError, convert, read_json
from analog_bench.errors import UsageError, WeightsError, did_you_mean
from analog_bench.zoo.lock_file import Entry, Lock
from analog_bench.zoo.model_structure import LayerName, Structure
from analog_bench.zoo.weight_record import RECORD, WEIGHTS

Source = Literal["embedded", "hub"]
SOURCES: tuple[Source, ...] = get_args(Source)
CONFIGS = WEIGHTS
"""Where each embedded model has a folder with its configuration and its structure."""
STRUCTURE = "structure.json"

HUB_IDS: Mapping[str, str] = MappingProxyType(
    {
        "bert": "csarron/bert-base-uncased-squad-v1",
        "mobilebert": "csarron/mobilebert-uncased-squad-v1",
        "distilgpt2": "distilbert/distilgpt2",
    }
)
"""Short names of models on the hub; the embedded models have the same names."""


@dataclass(frozen=True)
class ModelSpec:
    """A model, before it is loaded: `embedded` (carried by this project) or from the `hub`.

    `name` is what users call it; a hub id stands for itself. `hub_id` is None for embedded ones.
    """

    name: str
    source: Source
    hub_id: str | None
    structure: Structure

    @property
    def family(self) -> str:
        """What transformers calls its architecture."""
        return self.structure.family

    @property
    def task(self) -> str:
        """Which of `model_heads.HEADS` it has: `qa`, `lm`, ..."""
        return self.structure.task

    @property
    def layers(self) -> tuple[LayerName, ...]:
        """The layers in the order of computation."""
        return self.structure.layers


def find(name: str, source: str, lock: Lock) -> ModelSpec:
    """Find a model: `bert`, `mobilebert`, `distilgpt2`, or (for `hub`) any locked model's id.

    Raises:
        UsageError: No such source or model, or no weights of an embedded model of that name.
        WeightsError: A hub model that is not locked.
    """
    if source not in SOURCES:
        raise UsageError(f"no zoo {source!r}; {did_you_mean(source, SOURCES)}")
    if source == "embedded":
        spec = find_embedded(name)
        if _is_shipped(name):
            return spec
        raise UsageError(
            f"there are no weights of the embedded {name} in {WEIGHTS / name}; "
            f"`python -m training {name}` makes them, and `--zoo hub` has {HUB_IDS[name]}"
        )
    hub_id = HUB_IDS.get(name, name)
    entry = lock.models.get(hub_id)
    if entry is not None:
        return _hub_spec(name, entry)
    if is_path(name):
        raise no_hub_id(name)
    if "/" not in hub_id:
        known = [*HUB_IDS, *lock.models]
        raise UsageError(f"no model {name!r} in the hub zoo; {did_you_mean(name, known)}")
    raise not_locked(hub_id, lock)


def available(source: Source, lock: Lock) -> tuple[ModelSpec, ...]:
    """List the models that `find` finds now; locked ones by their short name if they have one."""
    if source == "embedded":
        return tuple(find_embedded(name) for name in sorted(HUB_IDS) if _is_shipped(name))
    short = {hub_id: name for name, hub_id in HUB_IDS.items()}
    return tuple(_hub_spec(short.get(i, i), entry) for i, entry in sorted(lock.models.items()))


def not_locked(hub_id: str, lock: Lock, *, dataset: bool = False) -> WeightsError:
    """Return the error for something of the hub that is not in the lock file."""
    verb = "analog-bench zoo lock --dataset" if dataset else "analog-bench zoo lock"
    return WeightsError(
        f"{hub_id} is not locked in {lock.path}; run `{verb} {hub_id}` to pin its revision and "
        "hashes"
    )


def is_path(name: str) -> bool:
    """Return whether a name can only be that of a folder or file: hub ids are `owner/name`."""
    parts = re.search(r"[/\\]|^[.~]", name) is not None
    return parts and re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) is None


def no_hub_id(name: str) -> UsageError:
    """Return the error for a path, or anything else that no model of the hub can be called."""
    return UsageError(
        f"{name} is no name of a model: those of the hub have the form owner/name. A folder of "
        "your own is measured from there: `hf upload OWNER/NAME FOLDER --private` uploads it, "
        "`analog-bench zoo lock OWNER/NAME` pins it, `--zoo hub` finds it"
    )


def to_lock_again(entry: Entry, why: str) -> WeightsError:
    """Return the error for a lock file's entry that is not what is needed now."""
    return WeightsError(
        f"{entry.hub_id} {why}; lock it again: "
        f"`analog-bench zoo lock {entry.hub_id} --revision {entry.revision}`"
    )


def find_embedded(name: str) -> ModelSpec:
    """Find an embedded model, weights or not: for training it, and for weights given by hand.

    Raises:
        UsageError: No embedded model of that name.
        WeightsError: What is recorded of it is damaged.
    """
    if name not in HUB_IDS:
        if is_path(name):
            raise no_hub_id(name)
        if "/" in name:
            raise UsageError(f"{name} is a hub id; `--zoo hub` is needed for it")
        raise UsageError(f"no embedded model {name!r}; {did_you_mean(name, sorted(HUB_IDS))}")
    path = CONFIGS / name / STRUCTURE
    try:
        structure = convert(read_json(path), Structure)
    except (FileNotFoundError, DocumentError) as problem:
        raise WeightsError(f"cannot read {path}: {problem}") from None
    return ModelSpec(name, "embedded", None, structure)


def _is_shipped(name: str) -> bool:
    return (WEIGHTS / name / RECORD).is_file()


def _hub_spec(name: str, entry: Entry) -> ModelSpec:
    if entry.structure is None:
        raise to_lock_again(entry, "was locked without its layers, in an older format")
    return ModelSpec(name, "hub", entry.hub_id, entry.structure)
