"""What every kind of task offers to the engine: inputs, and scores of outputs."""

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
    """Inputs made ready for one tokeniser; turns outputs into scores.

    `name` is that of the data, `data` what its `examples` are, as a table says it: `embedded
    questions`. Scores with different `protocol` fingerprints are never compared. The main metric
    comes first. `by_token` says whether layers see a batch token by token, so that its attention
    mask does not fit what they compute; nothing in it is padded then.
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
        """Compute a model on one batch, and return what `reduce` takes."""

    def reduce(self, batch: int, output: Tensor, /) -> Tensor:
        """Keep what scoring needs of one batch's outputs; finite exactly where they can be scored.

        A language model's logits over a whole text would fill the memory.
        """

    def score(self, reduced: Sequence[Tensor], /) -> dict[str, tuple[float, ...]]:
        """Return one score an example for each metric, from every batch's reduced outputs."""

    def mean(self, per_example: Mapping[str, Sequence[float]], /) -> dict[str, float]:
        """Return each metric over all examples, weighted as the metric asks."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How much was scored, by what it is: `{"questions": 575}`."""

    def texts(self, reduced: Sequence[Tensor], /) -> tuple[str, ...]:
        """Return what was written, one an example; empty where the task is not to write."""


def fingerprint(
    task: str,
    tokenizer: PreTrainedTokenizerFast,
    metrics: Sequence[Metric],
    parts: Mapping[str, Any],
) -> str:
    """Return a hash of everything that scores depend on, `parts` being what is the task's own."""
    everything = {
        "task": task,
        "tokeniser": hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest(),
        "metrics": {metric.name: metric.version for metric in metrics},
        **parts,
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:16]


def rows_hash(rows: Iterable[object]) -> str:
    """Return the sha256 of rows of plain values, one a line of JSON."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def draw(keys: Sequence[str], count: int, what: str) -> list[int]:
    """Return the sorted indices of a fixed pseudo-random sample, spread over all `what`.

    Samples are drawn in the order of the keys' hashes, so the first 100 are among the first 300, in
    every release of Python and of this project.

    Raises:
        UsageError: Fewer than one, or more than there are.
    """
    if count < 1:
        raise UsageError(f"--examples must be at least 1, found {count}")
    if count > len(keys):
        raise UsageError(f"--examples asks for {count} {what}, the data holds {len(keys)}")
    return sorted(sorted(range(len(keys)), key=lambda n: hash_rank(keys[n]))[:count])
