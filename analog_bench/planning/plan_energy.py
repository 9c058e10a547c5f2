"""Energy of plans: of each layer by its treatment, and of a whole model."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from analog_bench.planning.energy import FP16, INT8, digital_pj, model_energy, on_tiles
from analog_bench.planning.plan_record import Assignment, How, PlanEnergy, layers_of
from analog_bench.planning.scenarios import Scenario
from analog_bench.zoo.model_shape import ModelShape

Costs = Mapping[tuple[str, How], float]
"""Energy of a layer by its treatment, in pJ per inference."""


def layer_costs(
    shape: ModelShape, scenario: Scenario, hows: Collection[How], per_fetch: int
) -> Costs:
    """Return the energy of each matrix multiplication under each allowed treatment, in pJ."""
    costs: dict[tuple[str, How], float] = {}
    for layer in shape.layers:
        if layer.kind != "matmul":
            continue
        energies: dict[How, float] = {
            "analog": on_tiles(layer, scenario, 1).pj,
            "int8": digital_pj(layer, INT8, scenario.level, per_fetch),
            "digital": digital_pj(layer, FP16, scenario.level, per_fetch),
        }
        costs |= {(layer.name, how): pj for how, pj in energies.items() if how in hows}
    return costs


def energy_of_plan(
    shape: ModelShape, scenario: Scenario, assignment: Assignment, per_fetch: int
) -> PlanEnergy:
    """Return the energy per token of a plan, with its digital layers in FP16.

    Attention, norms and embeddings, which a plan does not cover, are in INT8.
    """
    everything = [layer.name for layer in shape.layers if layer.kind == "matmul"]
    planned = model_energy(
        shape,
        scenario,
        layers_of(assignment, "analog"),
        per_fetch=per_fetch,
        in_fp16=layers_of(assignment, "digital"),
    )
    return PlanEnergy(
        scenario=scenario.name,
        tokens=shape.tokens,
        tokens_per_fetch=per_fetch,
        pj=planned.pj_per_token,
        int8_pj=planned.int8_pj / shape.tokens,
        fp16_pj=planned.fp16_pj / shape.tokens,
        analog_pj=model_energy(shape, scenario, everything, per_fetch=per_fetch).pj_per_token,
    )
