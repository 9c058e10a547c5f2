"""What is asked of a plan: of which model, for how much loss, and how much is to be measured."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.gate.max_drop import Requirement
from analog_bench.planning.plan_record import How
from analog_bench.planning.scenarios import Scenario
from analog_bench.zoo.model_specs import ModelSpec


@dataclass(frozen=True)
class PlanRequest:
    """What is asked of a plan.

    Attributes:
        spec: The model.
        most: The metric, and the largest loss in it.
        hardware: The preset of the tiles as it was named.
        scenario: What energy is estimated for.
        tokens: Tokens of an inference.
        tokens_per_fetch: Tokens that what is digital computes with each weight it fetches.
        hows: What may become of a layer; `digital` always may.
        plans: Random plans that the predictor is fitted to.
        pairs: Of how many layers, those that lose most alone, each pair is measured, too.
        limits: Number of limits of the front.
    """

    spec: ModelSpec
    most: Requirement
    hardware: str
    scenario: Scenario
    tokens: int
    tokens_per_fetch: int
    hows: tuple[How, ...]
    plans: int
    pairs: int
    limits: int
