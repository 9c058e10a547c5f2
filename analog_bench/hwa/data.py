"""What a training learns from, and what it is validated on; for either kind of task."""

from __future__ import annotations

from typing import Protocol

from datasets import Dataset
from torch import Tensor, nn

from analog_bench.hwa.lm_data import LmData
from analog_bench.hwa.loss import LossWeights
from analog_bench.hwa.qa_data import QaData
from analog_bench.hwa.recipe import HwaRecipe
from analog_bench.records import Metric
from analog_bench.tasks.task import Task
from analog_bench.zoo.load import LoadedModel


class TrainingData(Protocol):
    """Batches by number, their loss, and a held-out task.

    Attributes:
        fingerprint: Of the data that is really used.
    """

    fingerprint: str

    @property
    def task(self) -> Task:
        """Held-out examples: of the training data, never of the test data."""

    @property
    def metric(self) -> Metric:
        """The metric of validation scores."""

    def loss(
        self,
        student: nn.Module,
        teacher: nn.Module,
        number: int,
        weights: LossWeights,
        *,
        half: bool,
    ) -> Tensor:
        """Return the loss of a batch, which depends on its number alone.

        Args:
            student: The model on tiles.
            teacher: The digital model.
            number: Which batch; batches count from 0 without end.
            weights: How the parts of the loss are weighted.
            half: Whether the teacher computes in bfloat16.
        """

    def run_batch(self, model: nn.Module, number: int) -> None:
        """Let a model compute a batch, for what can be observed in it."""

    def output(self, model: nn.Module, batch: int) -> Tensor:
        """Return a model's outputs for a batch of the task, as the task scores them."""


def make_data(loaded: LoadedModel, rows: Dataset, recipe: HwaRecipe) -> TrainingData:
    """Prepare SQuAD rows of the training split, their questions or the text they are about.

    Raises:
        DataError: Too few rows or articles.
        UsageError: Rows of text or windows longer than the model takes.
    """
    if loaded.spec.task == "qa":
        return QaData(loaded, rows, recipe)
    return LmData(loaded, rows, recipe)
