"""The results of planning: losses of single layers, and the plans chosen and verified."""

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
    """A plan of the front, or one that it is compared with.

    Attributes:
        limit: The loss that it was chosen for; None if it was not chosen for one.
        assignment: The treatment of each layer.
        predicted: Its loss as predicted before it was measured.
        measured: Its loss on fresh chips.
        energy: Its energy per token.
    """

    limit: float | None
    assignment: Assignment
    predicted: Estimate
    measured: Estimate
    energy: PlanEnergy

    @property
    def as_promised(self) -> bool | None:
        """Whether the measured loss lies in the predicted interval; None without an interval."""
        return as_promised(self.measured.loss, self.predicted.low, self.predicted.high)

    def count(self, how: How) -> int:
        """Return the number of layers with this treatment."""
        return len(layers_of(self.assignment, how))


@dataclass(frozen=True)
class Planned:
    """The complete result of planning.

    Attributes:
        model: Name of the model in results.
        metric: The metric of losses.
        max_loss: The largest loss that was asked for.
        data: The data that losses were measured on.
        examples: Number of examples.
        noise: The noise of the tiles, as spelt in results.
        drift_s: Seconds since programming.
        variant: `direct`, or `calibrated` input ranges.
        alone: Loss of each layer alone by its treatment, mean over chips.
        predictor: The predictor of plans' losses.
        predicted_by: Its name, such as `sum of layers alone`.
        front: From the largest limit to the smallest, so that energy grows.
        everything_analog: The plan with all layers on tiles, for comparison.
        everything_int8: The plan with all layers in INT8; None if INT8 is not allowed.
        chosen: Index of the front's cheapest plan that kept the requested loss on fresh chips; None
            if none did.
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
        """The plans that treat all layers alike, for comparison."""
        return tuple(one for one in (self.everything_analog, self.everything_int8) if one)


def unbeaten(items: Iterable[T], cost: Callable[[T], float], loss: Callable[[T], float]) -> list[T]:
    """Return the items that no other beats in both cost and loss, the cheapest first."""
    found: list[T] = []
    for item in sorted(items, key=lambda one: (cost(one), loss(one))):
        if not found or loss(item) < loss(found[-1]):
            found.append(item)
    return found
