"""The integer program against trying every plan; random plans; what plans take."""

from itertools import islice, product

import numpy as np
import pytest

from analog_bench.planning.energy import model_energy
from analog_bench.planning.loss_prediction import Strains
from analog_bench.planning.plan_choice import cheapest, front, random_plans
from analog_bench.planning.plan_energy import energy_of_plan, layer_costs
from analog_bench.planning.plan_record import HOWS
from analog_bench.planning.scenarios import SCENARIOS
from analog_bench.zoo.model_shape import LayerShape, ModelShape

LAYERS = ("a", "b", "c", "d", "e")
SHAPE = ModelShape(
    tokens=8,
    layers=(
        LayerShape("wte", "embedding", None, 400, 64, 8),
        LayerShape("one", "matmul", 0, 64, 300, 8),
        LayerShape("norm", "norm", 0, 64, 64, 8),
        LayerShape("two", "matmul", 1, 300, 64, 8),
    ),
    attention_macs=1000,
    exponentials=128,
    cached=1024,
)


def drawn(seed, pairs):
    """Return costs and contributions as they might be; half of the pairs' are below 0."""
    rng = np.random.default_rng(seed)
    choices = list(product(LAYERS, HOWS))
    scale = {"analog": 1.0, "int8": 3.0, "digital": 6.0}
    costs = {(x, how): scale[how] * rng.uniform(1e6, 1e8) for x, how in choices}
    damage = {"analog": 0.05, "int8": 0.005, "digital": 0.0}
    own = {(x, how): damage[how] * rng.exponential() for x, how in choices}
    between = [(a, b) for n, a in enumerate(LAYERS) for b in LAYERS[n + 1 :]]
    chosen = rng.choice(len(between), pairs, replace=False)
    return costs, Strains(own, {between[n]: rng.normal(0, 0.02) for n in chosen})


def best_by_trying(costs, strains, room):
    fitting = [
        plan
        for hows in product(HOWS, repeat=len(LAYERS))
        if strains.total(plan := dict(zip(LAYERS, hows, strict=True))) <= room
    ]
    return min(fitting, key=lambda plan: sum(costs[c] for c in plan.items()), default=None)


@pytest.mark.parametrize("pairs", [0, 3, 10])
@pytest.mark.parametrize("seed", range(6))
def test_the_program_finds_what_trying_every_plan_finds(seed, pairs):
    costs, strains = drawn(seed, pairs)
    for room in (0.001, 0.02, 0.06, 0.2, 1.0):
        found, best = cheapest(costs, strains, room), best_by_trying(costs, strains, room)
        assert list(found) == list(LAYERS)
        assert strains.total(found) <= room * (1 + 1e-6)
        assert sum(costs[c] for c in found.items()) == pytest.approx(
            sum(costs[c] for c in best.items()), rel=1e-6
        )


def test_what_cannot_be_is_none():
    costs, strains = drawn(0, 0)
    analog_only = {choice: cost for choice, cost in costs.items() if choice[1] == "analog"}
    assert cheapest(analog_only, strains, 1e-6) is None
    assert set(cheapest(analog_only, strains, 10.0).values()) == {"analog"}
    assert set(cheapest(costs, Strains({}, {}), 0.0)) == set(LAYERS)


def test_the_front_names_each_plan_once():
    costs, strains = drawn(1, 3)
    rooms = [1.0, 0.9, 0.05, 0.02]
    found = front(costs, strains, rooms)
    assert list(found)[:1] == [0]
    plans = list(found.values())
    assert all(plans.count(plan) == 1 for plan in plans)
    energies = [sum(costs[c] for c in plan.items()) for plan in plans]
    assert energies == sorted(energies)


def test_random_plans_are_the_same_however_many_are_taken():
    names = [f"layer.{n}" for n in range(20)]
    few = list(islice(random_plans(names, HOWS, 1, "held out"), 5))
    many = list(islice(random_plans(names, HOWS, 1, "held out"), 40))
    assert many[:5] == few
    assert len({tuple(plan.items()) for plan in many}) == 40
    assert few[0] != next(random_plans(names, HOWS, 2, "held out"))
    assert few[0] != next(random_plans(names, HOWS, 1, "to fit"))
    shares = [sum(how == "analog" for how in plan.values()) for plan in many]
    assert min(shares) <= 5
    assert max(shares) >= 14
    assert {how for plan in many for how in plan.values()} == set(HOWS)
    without = islice(random_plans(names, ("analog", "digital"), 1, "held out"), 5)
    assert {how for plan in without for how in plan.values()} == {"analog", "digital"}
    # Of one layer there is one plan that puts anything on tiles.
    assert list(random_plans(["x"], HOWS, 1, "held out")) == [{"x": "analog"}]
    assert len(list(random_plans(["x", "y"], HOWS, 1, "held out"))) == 9 - 4


@pytest.mark.parametrize("name", ["hermes-1phase", "ambrogio-system"])
def test_costs_of_layers_make_up_what_a_plan_takes(name):
    scenario = SCENARIOS[name]
    costs = layer_costs(SHAPE, scenario, HOWS, per_fetch=2)
    assert {layer for layer, _ in costs} == {"one", "two"}
    plan = {"one": "analog", "two": "digital"}
    other = {"one": "int8", "two": "analog"}
    took = [energy_of_plan(SHAPE, scenario, p, 2) for p in (plan, other)]
    difference = sum(costs[c] for c in plan.items()) - sum(costs[c] for c in other.items())
    assert 8 * (took[0].pj - took[1].pj) == pytest.approx(difference)
    everything = energy_of_plan(SHAPE, scenario, dict.fromkeys(("one", "two"), "int8"), 2)
    assert everything.pj == pytest.approx(everything.int8_pj)
    in_fp16 = energy_of_plan(SHAPE, scenario, dict.fromkeys(("one", "two"), "digital"), 2)
    assert everything.pj < in_fp16.pj < in_fp16.fp16_pj
    both = energy_of_plan(SHAPE, scenario, dict.fromkeys(("one", "two"), "analog"), 2)
    assert both.pj == pytest.approx(both.analog_pj)


def test_fp16_is_for_layers_that_are_not_on_tiles():
    scenario = SCENARIOS["hermes-1phase"]
    on_tiles = model_energy(SHAPE, scenario, ("one",))
    assert model_energy(SHAPE, scenario, ("one",), in_fp16=("one",)) == on_tiles
    assert model_energy(SHAPE, scenario, ("one",), in_fp16=("two",)).pj > on_tiles.pj
