"""The models one can ask for by name, without loading anything.

This module imports neither torch nor transformers: listing layers at collection takes milliseconds
and needs no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from analog_bench.errors import UsageError, WeightsError, did_you_mean
from analog_bench.zoo.architecture import Architecture, Family, MobileBlocks
from analog_bench.zoo.layers import LayerName, layer_names
from analog_bench.zoo.lock import Entry, Lock
from analog_bench.zoo.record import RECORD, WEIGHTS

Task = Literal["qa", "lm"]
Source = Literal["embedded", "hub"]
SOURCES: tuple[Source, ...] = get_args(Source)

HUB_IDS: Mapping[str, str] = MappingProxyType(
    {
        "bert": "csarron/bert-base-uncased-squad-v1",
        "mobilebert": "csarron/mobilebert-uncased-squad-v1",
        "distilgpt2": "distilbert/distilgpt2",
    }
)
"""Short names of models on the hub."""


@dataclass(frozen=True)
class ModelSpec:
    """A model, before it is loaded.

    Attributes:
        name: What users call it; a hub id stands for itself.
        family: Its architecture family.
        task: `qa` (extractive question answering) or `lm` (language modelling).
        source: `embedded` (weights carried by this project) or `hub`.
        hub_id: The model on the hub; None for embedded ones.
        architecture: Its numbers.
    """

    name: str
    family: Family
    task: Task
    source: Source
    hub_id: str | None
    architecture: Architecture

    @property
    def layers(self) -> tuple[LayerName, ...]:
        """The layers in the order of computation."""
        return layer_names(self.architecture)


_EMBEDDED: Mapping[str, ModelSpec] = MappingProxyType(
    {
        "bert": ModelSpec(
            name="bert",
            family="bert",
            task="qa",
            source="embedded",
            hub_id=None,
            # all-MiniLM-L6-v2, the base that `analog_bench.zoo.base` finds and verifies.
            architecture=Architecture(
                family="bert",
                blocks=6,
                width=384,
                heads=12,
                inner=1536,
                vocabulary=30522,
                positions=512,
            ),
        ),
        "distilgpt2": ModelSpec(
            name="distilgpt2",
            family="gpt2",
            task="lm",
            source="embedded",
            hub_id=None,
            # DistilGPT2's shape at a third of its width, with a tokeniser of its own.
            architecture=Architecture(
                family="gpt2",
                blocks=6,
                width=256,
                heads=4,
                inner=1024,
                vocabulary=8192,
                positions=256,
            ),
        ),
        "mobilebert": ModelSpec(
            name="mobilebert",
            family="mobilebert",
            task="qa",
            source="embedded",
            hub_id=None,
            # As deep and wide as the embedded BERT, with as many heads and the same tokens, since
            # it takes after it. Word embeddings of MobileBERT's own width take half of the bytes.
            architecture=Architecture(
                family="mobilebert",
                blocks=6,
                width=384,
                heads=12,
                inner=352,
                vocabulary=30522,
                positions=512,
                mobile=MobileBlocks(
                    embedding=128,
                    trigram=True,
                    bottleneck=144,
                    bottleneck_attention=False,
                    shared_bottleneck=True,
                    feed_forwards=2,
                    normalisation="no_norm",
                ),
            ),
        ),
    }
)


def find(name: str, source: str, lock: Lock) -> ModelSpec:
    """Find a model by name.

    Args:
        name: `bert`, `mobilebert`, `distilgpt2`, or (for `hub`) the id of any locked model.
        source: `embedded` or `hub`.
        lock: The lock file's content; only hub models need it.

    Returns:
        The model's specification.

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
            f"`python -m training {name}` makes them in a checkout, and `--zoo hub` has "
            f"{HUB_IDS[name]}"
        )
    hub_id = HUB_IDS.get(name, name)
    entry = lock.models.get(hub_id)
    if entry is not None:
        return _hub_spec(name, entry)
    if "/" not in hub_id:
        known = [*HUB_IDS, *lock.models]
        raise UsageError(f"no model {name!r} in the hub zoo; {did_you_mean(name, known)}")
    raise not_locked(hub_id, lock)


def available(source: Source, lock: Lock) -> tuple[ModelSpec, ...]:
    """List the models that `find` finds now.

    Args:
        source: `embedded` or `hub`.
        lock: The lock file's content.

    Returns:
        Embedded models whose weights are there; or locked ones, under their short name where they
        have one.
    """
    if source == "embedded":
        return tuple(spec for spec in _EMBEDDED.values() if _is_shipped(spec.name))
    short = {hub_id: name for name, hub_id in HUB_IDS.items()}
    return tuple(_hub_spec(short.get(i, i), entry) for i, entry in sorted(lock.models.items()))


def not_locked(hub_id: str, lock: Lock, *, dataset: bool = False) -> WeightsError:
    """Return the error for something of the hub that is not in the lock file."""
    verb = "analog-bench zoo lock --dataset" if dataset else "analog-bench zoo lock"
    return WeightsError(
        f"{hub_id} is not locked in {lock.path}; run `{verb} {hub_id}` to pin its revision and "
        "hashes"
    )


def find_embedded(name: str) -> ModelSpec:
    """Find an embedded model, whether or not its weights are there.

    For training it, and for weights that are given by hand.

    Args:
        name: Its name.

    Returns:
        The model's specification.

    Raises:
        UsageError: No embedded model of that name.
    """
    spec = _EMBEDDED.get(name)
    if spec is not None:
        return spec
    if "/" in name:
        raise UsageError(f"{name} is a hub id; `--zoo hub` is needed for it")
    raise UsageError(f"no embedded model {name!r}; {did_you_mean(name, _EMBEDDED)}")


def _is_shipped(name: str) -> bool:
    return (WEIGHTS / name / RECORD).is_file()


def _hub_spec(name: str, entry: Entry) -> ModelSpec:
    if entry.architecture is None:
        raise WeightsError(f"{entry.hub_id} is locked as a data set, not as a model")
    family = entry.architecture.family
    return ModelSpec(
        name=name,
        family=family,
        task="lm" if family == "gpt2" else "qa",
        source="hub",
        hub_id=entry.hub_id,
        architecture=entry.architecture,
    )
