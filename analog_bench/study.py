"""A study: what is varied, over which models, and how much of it a budget affords."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from msgspec import structs

from analog_bench.case import Case, Variant
from analog_bench.errors import LayerError, did_you_mean
from analog_bench.noise import Noise
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Margin, Metric
from analog_bench.zoo.model_structure import LayerName

BudgetName = Literal["smoke", "nightly", "full"]
BUDGETS: tuple[BudgetName, ...] = get_args(BudgetName)
Grouping = Literal["each", "blocks", "all"]


@dataclass(frozen=True)
class Budget:
    """How much of a study is run: how thoroughly, and how much of its grid.

    Attributes:
        chips: Chips a case.
        examples: Examples of the data; all where None.
        noises: The noises it affords; those of the study where empty.
        drift_s: The drift times it affords, in seconds; those of the study where empty.
        layers: Shell-style patterns of the layers it affords; all where empty.
        grouping: How layers make cases; as the study says where empty.
        per_model: Models that have a budget of their own. What such a budget leaves empty is as in
            this one.
    """

    chips: int
    examples: int | None
    noises: tuple[Noise, ...] = ()
    drift_s: tuple[float, ...] = ()
    layers: tuple[str, ...] = ()
    grouping: tuple[Grouping, ...] = ()
    per_model: Mapping[str, Budget] = field(default_factory=dict)

    def of(self, model: str) -> Budget:
        """Return the budget of one model, by its name in the study."""
        own = self.per_model.get(model)
        if own is None:
            return self
        return replace(
            own,
            noises=own.noises or self.noises,
            drift_s=own.drift_s or self.drift_s,
            layers=own.layers or self.layers,
            grouping=own.grouping or self.grouping,
        )

    @property
    def initial_chips(self) -> range:
        """Indices of the chips that every case is measured on."""
        return range(self.chips)

    @property
    def confirmation_chips(self) -> range:
        """Indices of the fresh chips that a suspicious case is measured on: twice as many."""
        return range(FIRST_CONFIRMATION_CHIP, FIRST_CONFIRMATION_CHIP + 2 * self.chips)


@dataclass(frozen=True)
class Study:
    """A grid of cases over one question.

    Attributes:
        name: Name in ids, keywords and baselines.
        question: What it answers, in one sentence, for tables.
        models: Names of models in the zoo.
        noises: The noises compared.
        budgets: What each budget affords; under one that is not there, nothing is measured.
        drift_s: Drift times in seconds, for noises that drift. A noise that has values at certain
            times only (`Noise.TIMES`), and not at all of these, is measured at its own.
        layers: `each` makes a case of every layer alone, `blocks` one case of all layers in the
            transformer's blocks, `all` one case of all that the noise can act on; or several.
        variants: Which weights: `direct`, `hwa`.
        tiles: Noise to the simulator it is measured on, where that is not the usual one.
        version: Raised when the meaning of its cases changes; old baselines then are stale.
        margins: Metric name to a margin that differs from the metric's own here, and why.
        prompt: What language models write on from, in a study of generation: an example then is a
            text. None where models read the run's data.
    """

    name: str
    question: str
    models: tuple[str, ...]
    noises: tuple[Noise, ...]
    budgets: Mapping[BudgetName, Budget]
    drift_s: tuple[float, ...] = (0.0,)
    layers: Grouping | tuple[Grouping, ...] = "each"
    variants: tuple[Variant, ...] = ("direct",)
    tiles: Mapping[Noise, str] = field(default_factory=dict)
    version: int = 1
    margins: Mapping[str, Margin] = field(default_factory=dict)
    prompt: str | None = None

    def with_own_margin(self, metric: Metric) -> Metric:
        """Return the metric with the margin that counts in this study."""
        own = self.margins.get(metric.name)
        return metric if own is None else structs.replace(metric, margin=own.value)


@dataclass(frozen=True)
class Choice:
    """What a user picked, in place of what the study says; None or empty leaves the study's own.

    `layers` are shell-style patterns, `hardware` is the preset that tiles start from.
    """

    models: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    noises: tuple[Noise, ...] = ()
    drift_s: tuple[float, ...] = ()
    variants: tuple[Variant, ...] = ()
    tile: str | None = None
    hardware: str = "ideal"
    prompt: str | None = None


def list_cases(
    study: Study,
    choice: Choice,
    layers_of: Mapping[str, Sequence[LayerName]],
    budget: Budget | None = None,
    *,
    usual_tile: str = "",
) -> list[Case]:
    """List a study's cases in their cheapest order: by model, variant, depth, noise, time.

    The budget, if any, narrows the grid where the user chose nothing. Layers that a noise cannot
    act on (a tile noise on a norm) make no case. A model's layers come in the order of computation;
    `usual_tile` is the simulator where neither the study nor the user names one.

    Raises:
        LayerError: A layer pattern that fits no layer of any model.
    """
    cases = []
    for model, layers in layers_of.items():
        afforded = budget.of(model) if budget else Budget(chips=1, examples=None)
        noises = choice.noises or afforded.noises or study.noises
        patterns = choice.layers or afforded.layers
        groupings = afforded.grouping or study.layers
        cells = _cells(
            (groupings,) if isinstance(groupings, str) else groupings, layers, patterns, noises
        )
        for variant in dict.fromkeys(choice.variants or study.variants):
            cases += [
                Case(
                    study=study.name,
                    model=model,
                    layers=names,
                    noise=noise,
                    drift_s=drift_s,
                    tile=choice.tile or study.tiles.get(noise, usual_tile),
                    hardware=choice.hardware if noise.WHERE == "tile" else "ideal",
                    variant=variant,
                    group=group,
                    version=study.version,
                )
                for (names, noise), group in cells.items()
                for drift_s in _times(noise, study, choice, afforded)
            ]
    if choice.layers and not any(_matching(layers_of[m], choice.layers) for m in layers_of):
        known = sorted({layer.name for names in layers_of.values() for layer in names})
        pattern = choice.layers[0]
        raise LayerError(
            f"--layer {pattern!r} fits no layer of {', '.join(layers_of)}; "
            f"{did_you_mean(pattern, known)}"
        )
    return cases


def acts_on(noise: Noise, layer: LayerName) -> bool:
    """Whether a noise can act on a layer: only matrix multiplications go on tiles."""
    return noise.WHERE != "tile" or layer.kind == "matmul"


def _cells(
    groupings: Iterable[Grouping],
    layers: Sequence[LayerName],
    patterns: Sequence[str],
    noises: Sequence[Noise],
) -> dict[tuple[tuple[str, ...], Noise], str]:
    """Return layers with a noise on them, and by what name the layers go."""
    picked = _matching(layers, patterns)
    cells: dict[tuple[tuple[str, ...], Noise], str] = {}
    for grouping in groupings:
        for group, members in _groups(grouping, picked):
            for noise in noises:
                fitting = tuple(layer.name for layer in members if acts_on(noise, layer))
                if not fitting:
                    continue
                if grouping != "each" and len(picked) < len(layers):
                    # Part of a model must not go by the name of the whole: ids would agree.
                    group = f"{grouping}:{','.join(patterns)}"
                # Two groupings may pick the same layers, as where a pattern leaves out the head.
                cells.setdefault((fitting, noise), group)
    return cells


def _groups(
    grouping: Grouping, picked: Sequence[LayerName]
) -> list[tuple[str, Sequence[LayerName]]]:
    if grouping == "each":
        return [(layer.name, [layer]) for layer in picked]
    if grouping == "blocks":
        return [(grouping, [layer for layer in picked if layer.block is not None])]
    return [(grouping, picked)]


def _times(noise: Noise, study: Study, choice: Choice, afforded: Budget) -> Sequence[float]:
    if not noise.DRIFTS:
        return (0.0,)
    listed = choice.drift_s or afforded.drift_s or study.drift_s
    if choice.drift_s or not noise.TIMES or set(listed) <= set(noise.TIMES):
        return listed
    return [time for time in noise.TIMES if time in listed or not afforded.drift_s]


def _matching(layers: Sequence[LayerName], patterns: Sequence[str]) -> list[LayerName]:
    def fits(layer: LayerName) -> bool:
        return any(fnmatch.fnmatchcase(layer.name, pattern) for pattern in patterns)

    return [layer for layer in layers if not patterns or fits(layer)]
