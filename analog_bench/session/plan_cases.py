"""A plan as a case: its analog layers on tiles, its INT8 ones rounded, the rest as it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analog_bench.analog.compatibility import IDEAL
from analog_bench.case import Case
from analog_bench.errors import UsageError
from analog_bench.noise import Int8, Noise, Preset
from analog_bench.planning.plan_record import Assignment, layers_of, name_of
from analog_bench.session.own_hardware import load_hardware
from analog_bench.session.settings import NamedPlan
from analog_bench.zoo.model_structure import LayerName


def products_of(layers: Iterable[LayerName]) -> tuple[str, ...]:
    """Return the names of the matrix multiplications: what a plan decides on."""
    return tuple(layer.name for layer in layers if layer.kind == "matmul")


def case_of_plan(whole: Case, assignment: Assignment) -> Case | None:
    """Return the case that measures a plan; None where all of it is digital.

    `whole` is of the same model with everything on tiles. A plan without tiles is a case of INT8
    alone, which is the same on every chip and at every time.
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


def noise_of(named: NamedPlan) -> Noise:
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
