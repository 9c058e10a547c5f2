"""A study: what is varied, over which models, and how much of it a budget affords."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, get_args

from msgspec import structs

from analog_bench.case import Variant
from analog_bench.errors import UsageError, did_you_mean
from analog_bench.noise import Noise, check_noise
from analog_bench.precision_target import FEWEST_CHIPS_TO_REACH_IT, check_target
from analog_bench.precision_target import PrecisionTarget as PrecisionTarget  # for studies
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Margin, Metric
from analog_bench.value_checks import (
    amount,
    instance,
    mapping,
    one_of,
    set_checked,
    several,
    text,
    whole,
)
from analog_bench.zoo.model_specs import SHORT_NAMES

BudgetName = Literal["smoke", "nightly", "full"]
BUDGETS: tuple[BudgetName, ...] = get_args(BudgetName)
Grouping = Literal["each", "each_block", "products", "blocks", "all"]
MOST_CHIPS = FIRST_CONFIRMATION_CHIP
"""Chips a case at most: beyond these, the indices are those of confirmation chips."""
MOST_TEXTS = 10_000
"""Texts a chip writes at most."""

_VARIANT = partial(one_of, known=get_args(Variant))
_GROUPING = partial(one_of, known=get_args(Grouping))
_BUDGET = partial(one_of, known=BUDGETS)
_SECONDS = partial(amount, unit="a number of seconds")


@dataclass(frozen=True)
class Budget:
    """How much of a study is run: how thoroughly, and how much of its grid.

    Attributes:
        chips: Chips a case; at most, where there is a precision to reach.
        examples: Examples of the data; all where None.
        noises: The noises it affords; those of the study where empty.
        drift_s: The drift times it affords, in seconds; those of the study where empty.
        layers: Shell-style patterns of the layers it affords; all where empty.
        grouping: How layers make cases; as the study says where empty.
        precision: How well each case is to be known: chips are added until it is. None for a fixed
            number of chips.
        per_model: Models that have a budget of their own. What such a budget leaves empty is as in
            this one.

    Raises:
        UsageError: A value that cannot be.
    """

    chips: int
    examples: int | None
    noises: tuple[Noise, ...] = ()
    drift_s: tuple[float, ...] = ()
    layers: tuple[str, ...] = ()
    grouping: tuple[Grouping, ...] = ()
    precision: PrecisionTarget | None = None
    per_model: Mapping[str, Budget] = field(default_factory=dict)

    def __post_init__(self) -> None:
        set_checked(
            self,
            chips=whole("Budget: chips", self.chips, 1, MOST_CHIPS),
            examples=None if self.examples is None else whole("Budget: examples", self.examples, 1),
            noises=several("Budget: noises", self.noises, check_noise, least=0),
            drift_s=several("Budget: drift_s", self.drift_s, _SECONDS, least=0),
            layers=several("Budget: layers", self.layers, text, least=0),
            grouping=several("Budget: grouping", self.grouping, _GROUPING, least=0),
            precision=None
            if self.precision is None
            else check_target("Budget: precision", self.precision),
            per_model=mapping("Budget: per_model", self.per_model, text, instance(Budget)),
        )
        if self.precision is not None and self.chips < FEWEST_CHIPS_TO_REACH_IT:
            raise UsageError(
                f"Budget: a precision takes {FEWEST_CHIPS_TO_REACH_IT} chips at least, found "
                f"{self.chips}; allow more, or leave the precision out"
            )
        for model, own in self.per_model.items():
            if own.per_model:
                raise UsageError(
                    f"Budget: per_model[{model!r}] has a per_model again; leave it out"
                )

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
            precision=own.precision or self.precision,
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
        layers: `each` makes a case of every layer alone, `each_block` one of the matrix
            multiplications in each of the transformer's blocks, `products` one of those in all of
            its blocks, `blocks` one of all layers there, `all` one of all that the noise can act
            on; or several.
        variants: What is put on tiles; see `Case`.
        tiles: Noise to the simulator it is measured on, where that is not the usual one.
        version: Raised when the meaning of its cases changes; old baselines then are stale.
        margins: Metric name to a margin that differs from the metric's own here, and why.
        prompt: What language models write on from, in a study of generation: an example then is a
            text. None where models read the run's data.
        propagation: Whether results also say how noise travels from block to block.
        takes_plans: Whether `--plan` puts the plans of its files in place of the study's own cases;
            other studies have no cases then.

    Raises:
        UsageError: A value that cannot be.
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
    propagation: bool = False
    takes_plans: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and re.fullmatch(r"\w[\w.-]*", self.name)):
            # It becomes part of file names, keywords and ids.
            raise UsageError(
                f"Study: the name must be of letters, digits, _, - and ., found {self.name!r}"
            )
        at = f"Study {self.name}:"
        alone = isinstance(self.layers, str)
        set_checked(
            self,
            question=text(f"{at} question", self.question),
            models=several(f"{at} models", self.models, text),
            noises=several(f"{at} noises", self.noises, check_noise),
            budgets=mapping(f"{at} budgets", self.budgets, _BUDGET, instance(Budget)),
            drift_s=several(f"{at} drift_s", self.drift_s, _SECONDS),
            layers=(_GROUPING if alone else partial(several, each=_GROUPING))(
                f"{at} layers", self.layers
            ),
            variants=several(f"{at} variants", self.variants, _VARIANT),
            tiles=mapping(f"{at} tiles", self.tiles, check_noise, text),
            version=whole(f"{at} version", self.version, 1),
            margins=mapping(f"{at} margins", self.margins, text, instance(Margin)),
            prompt=None if self.prompt is None else text(f"{at} prompt", self.prompt),
            propagation=instance(bool)(f"{at} propagation", self.propagation),
            takes_plans=instance(bool)(f"{at} takes_plans", self.takes_plans),
        )
        if self.propagation and self.prompt is not None:
            raise UsageError(
                f"{at} propagation needs a clean model that reads the same tokens, and with a "
                "prompt each writes its own; leave out one of them"
            )
        if not self.budgets:
            raise UsageError(f"{at} budgets must not be empty; {did_you_mean('', BUDGETS)}")
        listed = {*self.noises, *(n for budget in self.budgets.values() for n in budget.noises)}
        for noise in self.tiles.keys() - listed:
            raise UsageError(f"{at} tiles name {noise}, which is none of its noises")
        known = {*self.models, *SHORT_NAMES}
        for budget in self.budgets.values():
            for model in budget.per_model.keys() - known:
                if "/" not in model:
                    raise UsageError(
                        f"{at} a budget's per_model names {model!r}; {did_you_mean(model, known)}"
                    )

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
