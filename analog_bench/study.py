"""A study: what is varied, over which models, and how much of it a budget affords."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from analog_bench.case import Case, Variant
from analog_bench.errors import UsageError, did_you_mean
from analog_bench.noise import Noise, Tile
from analog_bench.result import SECOND_LOOK, Margin, Metric

BudgetName = Literal["smoke", "nightly", "full"]
BUDGETS: tuple[BudgetName, ...] = ("smoke", "nightly", "full")


@dataclass(frozen=True)
class Budget:
    """How much of a study is run.

    Attributes:
        chips: Chips a case.
        examples: Examples of the data; all where None.
    """

    chips: int
    examples: int | None

    @property
    def first_look(self) -> range:
        """Indices of the chips that every case is measured on."""
        return range(self.chips)

    @property
    def second_look(self) -> range:
        """Indices of the fresh chips that a suspicious case is measured on, twice as many."""
        return range(SECOND_LOOK, SECOND_LOOK + 2 * self.chips)


@dataclass(frozen=True)
class Study:
    """A grid of cases over one question.

    Attributes:
        name: Name in ids, keywords and baselines.
        question: What it answers, in one sentence, for tables.
        models: Names of models in the zoo.
        noises: The noises compared.
        budgets: What each budget affords.
        drift_s: Drift times in seconds, for noises that drift.
        layers: `each` makes a case of every layer alone, `all` one case of all that fit.
        variants: Which weights: `direct`, `hwa`.
        version: Raised when the meaning of its cases changes; old baselines then are stale.
        margins: Metric name to a margin that differs from the metric's own here, and why.
    """

    name: str
    question: str
    models: tuple[str, ...]
    noises: tuple[Noise, ...]
    budgets: Mapping[BudgetName, Budget]
    drift_s: tuple[float, ...] = (0.0,)
    layers: Literal["each", "all"] = "each"
    variants: tuple[Variant, ...] = ("direct",)
    version: int = 1
    margins: Mapping[str, Margin] = field(default_factory=dict)

    def judged(self, metric: Metric) -> Metric:
        """Return the metric with the margin that counts in this study."""
        own = self.margins.get(metric.name)
        return metric if own is None else replace(metric, margin=own.value)


class LayerName(Protocol):
    """A layer as far as it can be known without building the model."""

    @property
    def name(self) -> str:
        """Public name, such as `encoder.layer.0.output.dense`."""

    @property
    def kind(self) -> str:
        """`embedding`, `norm` or `matmul`."""


@dataclass(frozen=True)
class Choice:
    """What a user picked; None or empty leaves the study's own.

    Attributes:
        models: Names of models.
        layers: Shell-style patterns of layer names.
        noises: Noises.
        drift_s: Drift times, seconds.
        tile: Tile engine.
        hardware: Hardware preset that tiles start from.
    """

    models: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    noises: tuple[Noise, ...] = ()
    drift_s: tuple[float, ...] = ()
    tile: Tile = "torch"
    hardware: str = "ideal"


def list_cases(
    study: Study, choice: Choice, layers_of: Mapping[str, Sequence[LayerName]]
) -> list[Case]:
    """List a study's cases in the order in which they are cheapest: model, depth, noise, time.

    Args:
        study: The study.
        choice: The user's options.
        layers_of: Layers of each model, in the order of computation.

    Returns:
        The cases. Layers that a noise cannot act on (a tile noise on a norm) make none.

    Raises:
        UsageError: A layer pattern that fits no layer of any model.
    """
    noises = choice.noises or study.noises
    drifts = choice.drift_s or study.drift_s
    cases = []
    for model in layers_of:
        picked = _matching(layers_of[model], choice.layers)
        for group in _groups(study, picked, noises):
            for noise, layers in group:
                for drift_s in drifts if noise.DRIFTS else drifts[:1]:
                    for variant in study.variants:
                        cases.append(
                            Case(
                                study=study.name,
                                model=model,
                                layers=layers,
                                noise=noise,
                                drift_s=drift_s if noise.DRIFTS else 0.0,
                                tile=choice.tile,
                                hardware=choice.hardware if noise.WHERE == "tile" else "ideal",
                                variant=variant,
                                group=layers[0] if study.layers == "each" else "all",
                                version=study.version,
                            )
                        )
    if choice.layers and not any(_matching(layers_of[m], choice.layers) for m in layers_of):
        known = sorted({layer.name for names in layers_of.values() for layer in names})
        pattern = choice.layers[0]
        raise UsageError(
            f"--layer {pattern!r} fits no layer of {', '.join(layers_of)}; "
            f"{did_you_mean(pattern, known)}"
        )
    return cases


def acts_on(noise: Noise, layer: LayerName) -> bool:
    """Return whether a noise can act on a layer: only matrix multiplications go on tiles."""
    return noise.WHERE != "tile" or layer.kind == "matmul"


def _groups(
    study: Study, picked: Sequence[LayerName], noises: Iterable[Noise]
) -> list[list[tuple[Noise, tuple[str, ...]]]]:
    if study.layers == "each":
        return [[(n, (layer.name,)) for n in noises if acts_on(n, layer)] for layer in picked]
    fitting = [(n, tuple(layer.name for layer in picked if acts_on(n, layer))) for n in noises]
    return [[(noise, layers) for noise, layers in fitting if layers]]


def _matching(layers: Sequence[LayerName], patterns: Sequence[str]) -> list[LayerName]:
    if not patterns:
        return list(layers)
    return [
        layer
        for layer in layers
        if any(fnmatch.fnmatchcase(layer.name, pattern) for pattern in patterns)
    ]
