"""The kinds of tasks, each with its metrics, data and module. Needs no torch.

A kind is named after the head of its models (`zoo.model_heads`). `generation` has no data: a model
that can write is given a prompt.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from analog_bench.records import Metric

if TYPE_CHECKING:
    from analog_bench.tasks.task import Task
    from analog_bench.zoo.model_loading import LoadedModel

F1 = Metric(name="f1", unit="points", higher_is_better=True, margin=1.0)
EM = Metric(name="em", unit="points", higher_is_better=True, margin=1.5)

# If both labels are equally frequent, the correlation of an unbiased classifier is twice its
# accuracy less 100, so its margin is the same change.
ACCURACY = Metric(name="accuracy", unit="points", higher_is_better=True, margin=1.0)
LABEL_F1 = Metric(name="label_f1", unit="points", higher_is_better=True, margin=1.0)
MATTHEWS = Metric(name="matthews", unit="points", higher_is_better=True, margin=2.0)

# A change of 0.02 nats is one of 2 % in perplexity. The other two are functions of the
# cross-entropy: their margins are that change at the embedded model's scores (about 4 bytes and 5
# nats per token).
CROSS_ENTROPY = Metric(name="cross_entropy", unit="nats", higher_is_better=False, margin=0.02)
PERPLEXITY = Metric(name="perplexity", unit="", higher_is_better=False, margin=3.0)
BITS_PER_BYTE = Metric(name="bits_per_byte", unit="bits", higher_is_better=False, margin=0.007)

GENERATION_PERPLEXITY = Metric(
    name="generation_perplexity", unit="", higher_is_better=False, margin=2.0
)
REPETITION = Metric(name="repetition", unit="", higher_is_better=False, margin=0.05)

_FOLDER = "/"


class TaskModule(Protocol):
    """The interface of a kind's module."""

    def needed_positions(self) -> int:
        """Return the number of tokens that a model must be able to read at once."""

    def make_task(
        self,
        source: str,
        loaded: LoadedModel,
        *,
        examples: int | None,
        data_folder: Path | None,
        lock: Path,
    ) -> Task:
        """Load the data that `--data` names and prepare it for a model.

        Args:
            source: A name of data or a path.
            loaded: The model.
            examples: Size of the sample; all if None.
            data_folder: The user's folder of real data, if any.
            lock: The lock file.

        Raises:
            DataError: The data is missing, malformed or unsuitable for this model.
            UsageError: There are fewer examples than requested.
            WeightsError: The hub's file is not locked, unreachable, or not the locked one.
        """


@dataclass(frozen=True)
class TaskKind:
    """One kind of task.

    Attributes:
        metrics: The metrics, the main one first.
        module: Name of its module, a `TaskModule`; empty for generation.
        sources: Names of data for `--data`.
        files: Descriptions of the files it reads, by ending (`/` for a folder), such as `{".json":
            "a SQuAD .json file"}`.
    """

    metrics: tuple[Metric, ...]
    module: str = ""
    sources: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    def load(self) -> TaskModule:
        """Import the module, and torch with it."""
        return cast(TaskModule, import_module(self.module))

    def reads(self, path: str) -> bool:
        """Return whether a path has the ending of a file that this kind reads."""
        ending = _FOLDER if os.path.isdir(path) else os.path.splitext(path)[1].lower()
        return ending in self.files


_KINDS = {
    "qa": TaskKind(
        metrics=(F1, EM),
        module="analog_bench.tasks.question_answering",
        sources=("embedded", "hub", "squad"),
        files={".json": "a SQuAD .json file"},
    ),
    "lm": TaskKind(
        metrics=(CROSS_ENTROPY, PERPLEXITY, BITS_PER_BYTE),
        module="analog_bench.tasks.language_modelling",
        sources=("embedded", "hub", "wikitext-2", "wikitext-2-raw"),
        files={".txt": "a .txt file", _FOLDER: "a folder of them"},
    ),
    "classification": TaskKind(
        metrics=(ACCURACY, LABEL_F1, MATTHEWS),
        module="analog_bench.tasks.text_classification",
        sources=("embedded", "squad"),
        files={
            ".csv": "a .csv file",
            ".tsv": "a .tsv file, as GLUE's are",
            ".jsonl": "a .jsonl file",
            ".json": "a SQuAD .json file",
        },
    ),
    "generation": TaskKind(metrics=(GENERATION_PERPLEXITY, REPETITION)),
}
KINDS: Mapping[str, TaskKind] = MappingProxyType(_KINDS)
"""Every kind by name."""

_METRICS = {metric.name: metric for kind in _KINDS.values() for metric in kind.metrics}
METRICS: Mapping[str, Metric] = MappingProxyType(_METRICS)
"""Every metric by name."""


def register_task(name: str, kind: TaskKind) -> None:
    """Add a kind of task, for models whose head has this name.

    Raises:
        ValueError: The name is taken, or a different metric has the name of one of its metrics.
    """
    if name in _KINDS:
        raise ValueError(f"two kinds of tasks are called {name!r}")
    for metric in kind.metrics:
        if METRICS.get(metric.name, metric) != metric:
            raise ValueError(f"two metrics are called {metric.name!r}")
    _KINDS[name] = kind
    _METRICS.update((metric.name, metric) for metric in kind.metrics)


def takers(source: str) -> tuple[str, ...]:
    """Return the kinds that take data by its name, or else by its ending; empty if unknown."""
    named = tuple(name for name, kind in KINDS.items() if source in kind.sources)
    return named or tuple(name for name, kind in KINDS.items() if kind.reads(source))
