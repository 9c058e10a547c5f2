"""What every kind of task offers to the engine: inputs, and scores of outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor, nn

from analog_bench.records import Metric
from analog_bench.tasks.windows import Batch


class Task(Protocol):
    """Inputs made ready for one tokeniser; turns outputs into scores.

    Attributes:
        name: Name of the data, for tables.
        data: What the examples are, as a table says it: `embedded questions`.
        examples: Number of examples.
        batches: The inputs.
        protocol: Fingerprint; scores with different fingerprints are never compared.
        metrics: The main metric first.
        chance: Metric name to the mean score of guessing.
        by_token: Whether layers see a batch token by token, so that its attention mask does not
            fit what they compute; nothing in it is padded then.
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

    def texts(self, reduced: Sequence[Tensor], /) -> tuple[str, ...]:
        """Return what was written, one an example; empty where the task is not to write."""
