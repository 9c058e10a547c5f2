"""What comes of planning: what layers lose alone, and the plans that were chosen and verified."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from analog_bench.planning.loss_prediction import LossPredictor
from analog_bench.planning.plan_record import (
    Assignment,
    Estimate,
    How,
    Plan,
    PlanEnergy,
    as_promised,
    layers_of,
)
from analog_bench.records import Metric

T = TypeVar("T")


@dataclass(frozen=True)
class VerifiedPlan:
    """A plan of the front, or another that it is compared with.

    Attributes:
        limit: The loss that it was chosen for; None where it was not chosen for one.
        assignment: What becomes of each layer.
        predicted: Its loss, before it was measured.
        measured: Its loss on fresh chips.
        energy: What a token takes.
    """

    limit: float | None
    assignment: Assignment
    predicted: Estimate
    measured: Estimate
    energy: PlanEnergy

    @property
    def as_promised(self) -> bool | None:
        """Whether the measured loss lies in the predicted interval; None where there is none."""
        return as_promised(self.measured.loss, self.predicted.low, self.predicted.high)

    def count(self, how: How) -> int:
        """Return how many layers become this."""
        return len(layers_of(self.assignment, how))


@dataclass(frozen=True)
class Planned:
    """All that planning found.

    Attributes:
        model: Name of the model in results.
        metric: The metric of losses.
        max_loss: What was asked for.
        data: What losses were measured on.
        examples: How many examples of it.
        noise: The noise of the tiles, as results spell it.
        drift_s: Seconds since programming.
        variant: `direct`, or `calibrated` input ranges.
        alone: By layer and what becomes of it, its loss alone, the mean over chips.
        predictor: What predicts losses of plans.
        predicted_by: Its name, such as `sum of layers alone`.
        front: From the largest limit to the least, so that energy grows.
        everything_analog: The plan with all layers on tiles, for comparison.
        everything_int8: The plan with all of them in INT8; None where layers may not be.
        chosen: Number of the front's cheapest plan that kept the asked-for loss on fresh chips;
            None where none did.
        plan: The record of that plan.
    """

    model: str
    metric: Metric
    max_loss: float
    data: str
    examples: int
    noise: str
    drift_s: float
    variant: str
    alone: dict[tuple[str, How], float]
    predictor: LossPredictor
    predicted_by: str
    front: tuple[VerifiedPlan, ...]
    everything_analog: VerifiedPlan
    everything_int8: VerifiedPlan | None
    chosen: int | None
    plan: Plan | None

    @property
    def everything(self) -> tuple[VerifiedPlan, ...]:
        """The plans with all layers alike, for comparison."""
        return tuple(one for one in (self.everything_analog, self.everything_int8) if one)


def unbeaten(items: Iterable[T], cost: Callable[[T], float], loss: Callable[[T], float]) -> list[T]:
    """Return those that no other beats in both cost and loss, the cheapest first."""
    found: list[T] = []
    for item in sorted(items, key=lambda one: (cost(one), loss(one))):
        if not found or loss(item) < loss(found[-1]):
            found.append(item)
    return found
