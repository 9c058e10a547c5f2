"""How fast a model computes, and what a case costs at this pace. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analog_bench.case import Case
from analog_bench.noise import EqualError
from analog_bench.simulators.protocol import Cost
from analog_bench.simulators.registry import simulator_of
from analog_bench.zoo.model_structure import LayerName

# Forward passes that following noise from block to block takes besides the chip's own, about.
_FOLLOWING = 1.5
# Solving for a layer's severity: tokens of clean inputs, and chips that they go through, of all
# severities that are tried.
_SOLVING_TOKENS, _SOLVING_CHIPS = 512, 4 * 5


@dataclass(frozen=True)
class Pace:
    """How fast a clean model runs, in seconds per token.

    `forward` ends and `scoring` begins at the output; `begins` maps a layer to how far into the
    forward pass it begins. A model that `writes` token by token is slow per token, which says
    nothing about programming; programming is then left out.
    """

    forward: float
    scoring: float
    begins: Mapping[str, float]
    writes: bool = False

    def seconds(
        self,
        case: Case,
        layers: Sequence[str],
        *,
        replayed: bool,
        share: float,
        tokens: int,
        propagation: bool = False,
    ) -> float:
        """Return about how many seconds one chip of a case takes.

        `layers` are the case's own, as `begins` names them, and `share` is their part of the
        model's matrix multiplication. With `propagation`, noise is followed from block to block as
        well.
        """
        skipped = min(self.begins[layer] for layer in layers) if replayed else 0.0
        passes = 1.0 + _FOLLOWING * propagation
        clean = (passes * self.forward - skipped + self.scoring) * tokens
        simulator = simulator_of(case)
        if simulator is None:
            return clean
        cost = simulator.cost(case.noise, case.hardware)
        programming = 0.0 if self.writes else cost.programming
        return clean + self.forward * share * ((cost.passes - 1.0) * tokens + programming)

    def solving(self, case: Case, share: float) -> float:
        """Return about how many seconds it takes to solve for a case's severities; 0 without any.

        `share` is the layers' part of the model's matrix multiplication.
        """
        if not isinstance(case.noise, EqualError):
            return 0.0
        simulator = simulator_of(case)
        cost = simulator.cost(case.noise, case.hardware) if simulator else Cost(1.0, 0.0)
        tokens = _SOLVING_TOKENS * cost.passes + cost.programming
        return _SOLVING_CHIPS * self.forward * share * tokens


def nominal_pace(layers: Sequence[LayerName], *, writes: bool) -> Pace:
    """Return the pace of a model of which only the layers are known, by their public names.

    A forward pass takes 1 per token, and every matrix multiplication the same part of it. No
    machine has this pace, but every machine computes the same one.
    """
    products = max(1, sum(layer.kind == "matmul" for layer in layers))
    begins, before = {}, 0
    for layer in layers:
        begins[layer.name] = before / products
        before += layer.kind == "matmul"
    return Pace(1.0, 0.0, begins, writes)
