"""Choose the plan of least energy with a bounded loss, by an integer program.

With x[l, h] = 1 if layer l is treated as h, e its energy and a its contribution to the loss,

    minimise    sum of e[l, h] x[l, h]
    subject to  sum over h of x[l, h] = 1 for every l,
                sum of a[l, h] x[l, h] + sum of p[i, j] y[i, j] <= room,

where y[i, j] = x[i, analog] x[j, analog] is 1 if both layers of a pair are on tiles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array

from analog_bench.planning.loss_prediction import Strains
from analog_bench.planning.plan_energy import Costs
from analog_bench.planning.plan_record import Assignment, How
from analog_bench.seeds import derive_seed

_SHARES = (0.1, 0.9)


def cheapest(costs: Costs, strains: Strains, room: float) -> Assignment | None:
    """Return the plan of least energy whose contributions do not exceed the room.

    None if every plan exceeds it. Layers come in the order of `costs`.
    """
    choices = list(costs)
    place = {choice: n for n, choice in enumerate(choices)}
    layers = list(dict.fromkeys(layer for layer, _ in choices))
    pairs = {
        pair: value
        for pair, value in strains.pairs.items()
        if all((layer, "analog") in place for layer in pair)
    }
    size = len(choices) + len(pairs)
    one_way = lil_array((len(layers), size))
    for row, layer in enumerate(layers):
        one_way[row, [place[choice] for choice in choices if choice[0] == layer]] = 1
    used = np.array([*(strains.own.get(choice, 0.0) for choice in choices), *pairs.values()])
    unit = room if room > 0 else 1.0
    constraints = [
        LinearConstraint(one_way.tocsr(), 1, 1),
        # The solver's tolerances are absolute, so both sides are scaled to about 1.
        LinearConstraint(used[np.newaxis] / unit, -np.inf, room / unit),
    ]
    if pairs:
        constraints.append(_products(list(pairs), place, size))
    energies = np.array([*costs.values(), *(0.0 for _ in pairs)])
    found = milp(
        energies / energies.max(),
        constraints=constraints,
        integrality=np.ones(size),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:
        return None
    return {layer: how for (layer, how), x in zip(choices, found.x, strict=False) if x > 0.5}


def front(costs: Costs, strains: Strains, rooms: Sequence[float]) -> dict[int, Assignment]:
    """Return the cheapest plan per room, by the room's index; a repeated plan only once."""
    found: dict[int, Assignment] = {}
    for n, room in enumerate(rooms):
        plan = cheapest(costs, strains, room)
        if plan is not None and plan not in found.values():
            found[n] = plan
    return found


def random_plans(
    layers: Sequence[str], hows: Collection[How], seed: int, purpose: str
) -> Iterator[Assignment]:
    """Yield random plans, no two alike, until there are no more.

    Each plan draws a probability from 0.1 to 0.9 and puts each layer on tiles with it; a plan
    without a layer on tiles is dropped. Every other layer is computed in INT8 or stays digital, at
    random if both are allowed. The n-th plan is the same however many are taken.
    """
    others = [how for how in ("int8", "digital") if how in hows] or ["digital"]
    known: list[Assignment] = []
    size = len(layers)
    there_are = (1 + len(others)) ** size - len(others) ** size
    for n in count():
        if len(known) == there_are:
            return
        draw = np.random.default_rng(derive_seed(seed, purpose, n))
        share = draw.uniform(*_SHARES)
        plan: dict[str, How] = {}
        for layer in layers:
            other = others[int(draw.integers(len(others)))]
            plan[layer] = "analog" if draw.random() < share else other  # type: ignore[assignment]
        if "analog" in plan.values() and plan not in known:
            known.append(plan)
            yield plan


def _products(
    pairs: Sequence[tuple[str, str]], place: Mapping[tuple[str, How], int], size: int
) -> LinearConstraint:
    """Return the constraints that make y[i, j] the product of the binary x[i] and x[j].

    They are y <= x[i], y <= x[j] and y >= x[i] + x[j] - 1.
    """
    rows = lil_array((3 * len(pairs), size))
    upper = np.zeros(3 * len(pairs))
    first = size - len(pairs)
    for n, pair in enumerate(pairs):
        one, other = (place[layer, "analog"] for layer in pair)
        rows[3 * n, [first + n, one]] = 1, -1
        rows[3 * n + 1, [first + n, other]] = 1, -1
        rows[3 * n + 2, [first + n, one, other]] = -1, 1, 1
        upper[3 * n + 2] = 1
    return LinearConstraint(rows.tocsr(), -np.inf, upper)
