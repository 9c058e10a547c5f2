"""The interface between tasks and the engine: inputs, and scores of outputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from analog_bench.errors import UsageError
from analog_bench.records import Metric
from analog_bench.seeds import hash_rank
from analog_bench.tasks.token_batches import Batch


class Task(Protocol):
    """Inputs prepared for one tokeniser, and the scoring of outputs.

    Attributes:
        name: Name of the data.
        data: The examples as tables call them, such as `embedded questions`.
        examples: Number of examples.
        batches: The inputs.
        protocol: Fingerprint; scores with different ones are never compared.
        metrics: The metrics, the main one first.
        by_token: Whether layers see a batch token by token, so that its attention mask does not fit
            what they compute. Nothing in such a batch is padded.
    """

    name: str
    data: str
    examples: int
    batches: list[Batch]
    protocol: str
    metrics: tuple[Metric, ...]
    by_token: bool

    @property
    def chance(self) -> Mapping[str, float]:
        """Metric name to the mean score of guessing."""

    def run(self, model: nn.Module, batch: int, /) -> Tensor:
        """Run a model on one batch and return the input of `reduce`."""

    def reduce(self, batch: int, output: Tensor, /) -> Tensor:
        """Reduce one batch's output to what scoring needs; finite exactly where it can be scored.

        The logits of a language model over a whole text would fill the memory.
        """

    def score(self, reduced: Sequence[Tensor], /) -> dict[str, tuple[float, ...]]:
        """Return one score per example for each metric, from every batch's reduced outputs."""

    def mean(self, per_example: Mapping[str, Sequence[float]], /) -> dict[str, float]:
        """Return each metric over all examples, with the weights the metric requires."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Amount that was scored by kind, such as `{"questions": 575}`."""

    def texts(self, reduced: Sequence[Tensor], /) -> tuple[str, ...]:
        """Return the written texts, one per example; empty if the task does not write."""


def fingerprint(
    task: str,
    tokenizer: PreTrainedTokenizerFast,
    metrics: Sequence[Metric],
    parts: Mapping[str, Any],
) -> str:
    """Return a hash of everything that scores depend on; `parts` is what the task adds."""
    everything = {
        "task": task,
        "tokeniser": hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest(),
        "metrics": {metric.name: metric.version for metric in metrics},
        **parts,
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:16]


def rows_hash(rows: Iterable[object]) -> str:
    """Return the sha256 of rows of plain values, one line of JSON each."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def draw(keys: Sequence[str], count: int, what: str) -> list[int]:
    """Return the sorted indices of a fixed pseudo-random sample of all keys.

    Samples are drawn in the order of the keys' hashes. The first 100 are therefore among the first
    300, in every release of Python and of this project.

    Args:
        keys: Identities of the examples.
        count: Size of the sample.
        what: What the examples are called in errors.

    Raises:
        UsageError: The count is below 1 or above the number of keys.
    """
    if count < 1:
        raise UsageError(f"--examples must be at least 1, found {count}")
    if count > len(keys):
        raise UsageError(f"--examples asks for {count} {what}, the data holds {len(keys)}")
    return sorted(sorted(range(len(keys)), key=lambda n: hash_rank(keys[n]))[:count])
