"""Results of plans: what becomes of their layers, what was promised, and what a token takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from analog_bench.gate.significance import Interval, mean_interval
from analog_bench.planned_case_record import PlannedCase
from analog_bench.planning.plan_energy import energy_of_plan
from analog_bench.planning.plan_record import (
    Assignment,
    How,
    PlanEnergy,
    as_promised,
    assignment_of,
    layers_of,
)
from analog_bench.planning.scenarios import SCENARIOS
from analog_bench.records import Metric, Result
from analog_bench.report.report_contents import Judged
from analog_bench.zoo.model_shape import ModelShape


@dataclass(frozen=True)
class PlannedResult:
    """A measured plan.

    Attributes:
        result: The result.
        plan: What was predicted of it.
        assignment: What becomes of each layer.
        losses: By chip, against digital.
        energy: What a token takes.
    """

    result: Result
    plan: PlannedCase
    assignment: Assignment
    losses: tuple[float, ...]
    energy: PlanEnergy

    @property
    def loss(self) -> Interval:
        """The mean loss with its interval over chips."""
        return mean_interval(self.losses)

    @property
    def nj(self) -> float:
        """Energy of a token in nJ."""
        return self.energy.pj / 1e3

    @property
    def as_promised(self) -> bool | None:
        """Whether the loss lies in the promised interval; None where none was promised."""
        return as_promised(self.loss.centre, self.plan.low, self.plan.high)

    @property
    def random(self) -> bool:
        """Whether it is neither chosen for a limit nor has all layers alike."""
        return self.plan.limit is None and len(set(self.plan.layers)) > 1

    @property
    def label(self) -> str:
        """What it is, in two words."""
        if len(set(self.plan.layers)) == 1:
            return f"all {HOW_LABELS[next(iter(self.assignment.values()))]}"
        return "random plan" if self.random else "chosen plan"

    def count(self, how: How) -> int:
        """Return how many layers become this."""
        return len(layers_of(self.assignment, how))


HOW_LABELS: dict[How, str] = {"analog": "analog", "int8": "INT8", "digital": "FP16"}


def planned_results(
    study: Judged, shape: ModelShape | None
) -> list[tuple[Metric, list[PlannedResult]]]:
    """Return a study's measured plans by what they share: noise, time, weights, and scenario.

    Those of INT8 alone, which nothing of this touches, are in every group. Plans are in the order
    of their energies. There are none where the model's shape is not known.
    """
    metrics = {metric.name: metric for metric in study.metrics}
    found: list[PlannedResult] = []
    for result in study.measured:
        plan = result.plan
        scenario = SCENARIOS.get(plan.scenario) if plan else None
        if plan is None or shape is None or scenario is None or plan.metric not in metrics:
            continue
        layers = [layer.name for layer in shape.layers if layer.kind == "matmul"]
        losses = result.losses(metrics[plan.metric])
        if losses and len(layers) == len(plan.layers):
            assignment = assignment_of(plan.layers, layers)
            energy = energy_of_plan(shape, scenario, assignment, plan.tokens_per_fetch)
            found.append(PlannedResult(result, plan, assignment, losses, energy))
    found.sort(key=_condition)
    groups = [list(group) for _, group in groupby(found, key=_condition)]
    timeless = [one for one in found if not one.count("analog")]
    on_tiles = [group for group in groups if group[0].count("analog")] or groups[:1]
    return [(metrics[group[0].plan.metric], _with(group, timeless)) for group in on_tiles]


def best_of(found: Sequence[PlannedResult]) -> PlannedResult:
    """Return the cheapest plan that kept the largest limit; the least lossy one where none did."""
    chosen = [one for one in found if one.plan.limit is not None] or list(found)
    kept = [one for one in chosen if one.loss.centre <= asked_of(chosen)]
    return (
        min(kept, key=lambda one: one.nj) if kept else min(chosen, key=lambda one: one.loss.centre)
    )


def asked_of(found: Sequence[PlannedResult]) -> float:
    """Return the largest limit that any was chosen for; 0 where none was."""
    return max(one.plan.limit or 0.0 for one in found)


def _with(group: Sequence[PlannedResult], timeless: Sequence[PlannedResult]) -> list[PlannedResult]:
    first = group[0].plan
    also = [
        one
        for one in timeless
        if one not in group
        and one.plan.metric == first.metric
        and _machine(one.plan) == _machine(first)
    ]
    return sorted([*group, *also], key=lambda one: one.nj)


def _machine(plan: PlannedCase) -> tuple[str, int]:
    return plan.scenario, plan.tokens_per_fetch


def _condition(one: PlannedResult) -> tuple[str, ...]:
    result, plan = one.result, one.plan
    condition = (result.noise, f"{result.drift_s:g}", result.tile, result.hardware, result.variant)
    return (*condition, plan.metric, plan.scenario, str(plan.tokens_per_fetch))
