"""A plan as a case: its analog layers on tiles, its INT8 ones rounded, the rest as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from analog_bench.analog.compatibility import IDEAL
from analog_bench.case import Case
from analog_bench.errors import UsageError
from analog_bench.noise import Int8, Preset
from analog_bench.planned_case_record import PlannedCase
from analog_bench.planning.plan_record import Assignment, layers_of, letters_of, name_of, read_plan
from analog_bench.records import Result
from analog_bench.session.own_hardware import load_hardware
from analog_bench.session.settings import NamedPlan
from analog_bench.zoo.model_specs import ModelSpec
from analog_bench.zoo.model_structure import LayerName


def products_of(layers: Iterable[LayerName]) -> tuple[str, ...]:
    """Return the names of the matrix multiplications: what a plan decides on."""
    return tuple(layer.name for layer in layers if layer.kind == "matmul")


def case_of_plan(whole: Case, assignment: Assignment) -> Case | None:
    """Return the case that measures a plan; None if all of it is digital.

    `whole` is the case of the same model with everything on tiles. A plan without tiles is a case
    of INT8 alone, which is the same on every chip and at every time.
    """
    analog, int8 = layers_of(assignment, "analog"), layers_of(assignment, "int8")
    named = replace(whole, group=name_of(assignment))
    if analog:
        return replace(named, layers=analog, in_int8=int8)
    return in_int8(named, int8) if int8 else None


def in_int8(whole: Case, layers: tuple[str, ...]) -> Case:
    """Return the case of some layers in digital INT8, all else as it is, under the same name."""
    return replace(
        whole, layers=layers, noise=Int8(), drift_s=0.0, hardware=IDEAL, variant="direct"
    )


def noise_of(named: NamedPlan) -> Preset:
    """Return the noise of a plan's tiles, its hardware loaded where it is the user's own.

    Raises:
        UsageError: The hardware is not there, or not what the plan was made for.
    """
    file, plan = named
    noise = Preset(load_hardware(plan.hardware))
    if str(noise) != plan.noise:
        raise UsageError(
            f"{file} was made for {plan.noise}, and {plan.hardware} is {noise} now; make the plan "
            "anew"
        )
    return noise


def check_weights(named: NamedPlan, weights: str) -> None:
    """Refuse a plan for other weights than the model's digital ones, with a `UsageError`."""
    file, plan = named
    if plan.weights != weights:
        raise UsageError(
            f"{file} was made for other weights of {plan.model} ({plan.weights[:12]}...) than "
            f"these ({weights[:12]}...); make the plan anew"
        )


def with_plan(result: Result, plans: Iterable[NamedPlan], layers: Sequence[str]) -> Result:
    """Return a result with the plan that its case is, if it is one of these.

    `layers` are the model's matrix multiplications. The prediction is kept only if the result has
    the plan's own noise, time, weights and examples.
    """
    for file, plan in plans:
        assignment = plan.assignment(tuple(layers), file) if plan.model == result.model else {}
        if assignment and name_of(assignment) == result.group:
            planned = PlannedCase(
                layers=letters_of(assignment),
                scenario=plan.energy.scenario,
                tokens_per_fetch=plan.energy.tokens_per_fetch,
                metric=plan.metric,
                limit=plan.max_loss,
            )
            made_for = plan.noise, plan.drift_s, plan.variant, plan.protocol
            if (result.noise, result.drift_s, result.variant, result.protocol) == made_for:
                loss, low, high = plan.predicted.loss, plan.predicted.low, plan.predicted.high
                planned = structs.replace(planned, predicted=loss, low=low, high=high)
            return structs.replace(result, plan=planned)
    return result


class PlannedTraining(NamedTuple):
    """A plan, what becomes of each layer, and the hyperparameters that it and the user ask for."""

    named: NamedPlan
    assignment: Assignment
    asked: dict[str, Any]


def planned_training(file: Path, spec: ModelSpec, asked: Mapping[str, Any]) -> PlannedTraining:
    """Read the plan that a model is to be trained by: for its hardware at its time, unless asked.

    UsageError where there is no such plan, it is for another model or hardware or has nothing on
    tiles, or layers are asked for beside it.
    """
    named = NamedPlan(str(file), read_plan(file))
    plan = named.plan
    if plan.model != spec.stored_name:
        raise UsageError(f"{file} is a plan for {plan.model}, not for {spec.stored_name}")
    if "layers" in asked:
        raise UsageError("--plan says which layers are on tiles; leave out --layers")
    assignment = plan.assignment(products_of(spec.layers), file)
    if not layers_of(assignment, "analog"):
        raise UsageError(f"{file} has nothing on tiles, so there is nothing to train for")
    own = {} if "preset" in asked else {"preset": noise_of(named).name}
    return PlannedTraining(named, assignment, {"drift_s": plan.drift_s, **own, **asked})
