"""Which shard of a run measures which case: every machine cuts alike. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from analog_bench.case import Case
from analog_bench.content_name import fingerprint
from analog_bench.engine.pace import Pace, nominal_pace
from analog_bench.session.cases import name_in_study, spec_of_case
from analog_bench.session.settings import Settings
from analog_bench.study import Budget, Study

# What an example costs to read, in tokens of a forward pass: questions have 170 tokens, blocks of
# text 256. And a text to write, token by token, as the embedded DistilGPT2 does.
_READ, _WRITTEN = 200, 700
# How many examples there are where the budget says all of them: only proportions matter.
_ALL = 1000


@dataclass(frozen=True)
class ShardCut:
    """Which shard measures what.

    Attributes:
        number: Study and id of a case to its shard, from 1.
        selection: Fingerprint of the cases, and of the chips and examples that each is given.
    """

    number: Mapping[tuple[str, str], int]
    selection: str


def cut(selected: Iterable[tuple[Study, Case]], settings: Settings, shards: int) -> ShardCut:
    """Cut cases, in the order they were collected, into so many shards.

    Cases that differ in drift time only stay together, as they share chips. Groups of these follow
    one another by model, then as collected, so that a shard has few models to load and replays what
    its layers have in common. Where chips are added until a case is known well enough, each counts
    with all that it may have. Costs are those of the forecast, with every model as fast as every
    other: by the pace of this machine, another one would cut elsewhere.
    """
    costs = _Costs(settings)
    groups: dict[tuple[str, str, Case], dict[tuple[str, str], float]] = {}
    words = set()
    for study, case in selected:
        budget = settings.budget_of(study, name_in_study(case.model, settings.zoo))
        group = groups.setdefault((case.model, study.name, replace(case, drift_s=0.0)), {})
        group[study.name, case.id] = costs.of(study, case, budget)
        asked = f"{budget.chips} {budget.examples} {budget.precision or ''}".rstrip()
        words.add(f"{study.name} {case.id} {case.version} {asked}")
    models = {model: n for n, model in enumerate(dict.fromkeys(model for model, _, _ in groups))}
    row = [group for (model, _, _), group in sorted(groups.items(), key=lambda g: models[g[0][0]])]
    numbers = stretches([sum(group.values()) for group in row], shards)
    return ShardCut(
        {case: number for group, number in zip(row, numbers, strict=True) for case in group},
        fingerprint("\n".join(sorted(words)).encode("utf-8", "replace")),
    )


def stretches(costs: Sequence[float], shards: int) -> list[int]:
    """Return for each of several things in a row, of positive cost, its shard from 1.

    Each goes to the shard in whose equal part of the row its middle lies: no shard costs more than
    its equal part and the costliest thing.
    """
    total = sum(costs)
    ends = accumulate(costs)
    middles = ((end - cost / 2) / total for end, cost in zip(ends, costs, strict=True))
    return [min(int(middle * shards), shards - 1) + 1 for middle in middles]


class _Costs:
    """Costs of cases, in tokens of a forward pass."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._paces: dict[tuple[str, bool], tuple[Pace, frozenset[str]]] = {}

    def of(self, study: Study, case: Case, budget: Budget) -> float:
        writes = study.prompt is not None
        if (case.model, writes) not in self._paces:
            layers = spec_of_case(self._settings, case.model).layers
            products = frozenset(layer.name for layer in layers if layer.kind == "matmul")
            self._paces[case.model, writes] = nominal_pace(layers, writes=writes), products
        pace, products = self._paces[case.model, writes]
        chip = pace.seconds(
            case,
            case.layers,
            replayed=self._settings.replay and not writes,
            share=len(products.intersection(case.layers)) / max(1, len(products)),
            tokens=(_WRITTEN if writes else _READ) * (budget.examples or _ALL),
            propagation=study.propagation,
        )
        return chip * self._settings.chips_of(case, budget)
