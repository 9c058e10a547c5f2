"""What each term of a hardware preset costs, from results that switch on one term after another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from analog_bench.gate.robustness_scores import Conditions, conditions_of
from analog_bench.gate.significance import FEWEST_CHIPS, Interval, mean_interval
from analog_bench.records import Metric, Result

_TERMS = ",terms="


@dataclass(frozen=True)
class Step:
    """One more term of a preset, with one kind of weights.

    Attributes:
        result: The measurement with this term and all before it.
        loss: Loss against digital as defined by `Metric.loss`, mean over chips.
        added: The part of the loss that this term adds: the mean over chips of the difference from
            the previous step on the same chip. None if the steps were not measured on the same
            chips.
    """

    result: Result
    loss: Interval
    added: Interval | None


@dataclass(frozen=True)
class Waterfall:
    """Steps from digital to hardware, each with one or more terms in addition to the earlier ones.

    Attributes:
        hardware: Name of the preset.
        terms: The terms that each step adds, joined by `+`.
        steps: Variant to its steps; None for a step that was not measured. Without input ranges
            `calibrated` is the same as `direct`, and the results of `direct` are used for it.
    """

    hardware: str
    terms: tuple[str, ...]
    steps: Mapping[str, tuple[Step | None, ...]]

    @property
    def measured(self) -> tuple[Result, ...]:
        """The results of all steps, each once."""
        results = (step.result for own in self.steps.values() for step in own if step)
        return tuple({result.identity: result for result in results}.values())

    @property
    def stands_in(self) -> bool:
        """Whether results of direct weights are used for another variant."""
        return any(s and s.result.variant != v for v, own in self.steps.items() for s in own)


def terms_in(result: Result) -> tuple[str, ...]:
    """Return the terms of a preset that a result has switched on alone; empty if it has all."""
    preset, given, terms = result.noise.rpartition(_TERMS)
    return tuple(terms.split("+")) if given and preset.startswith("preset:") else ()


def waterfalls(results: Iterable[Result], metric: Metric) -> list[Waterfall]:
    """Find results that differ only in the terms of a preset, each with more terms than the last.

    The results belong to one study. Apart from the weights they agree in everything else. Terms
    that do not form such a chain, for example because two steps have one each, give no waterfall.

    Raises:
        ValueError: Two results belong to the same case.
    """
    groups: dict[tuple[Conditions, float], dict[tuple[str, ...], dict[str, Result]]] = {}
    for result in results:
        terms = terms_in(result)
        if terms and result.losses(metric):
            preset = result.noise.rpartition(_TERMS)[0].removeprefix("preset:name=")
            same = replace(conditions_of(result), noise=preset, variant="", weights="")
            steps = groups.setdefault((same, result.drift_s), {}).setdefault(terms, {})
            if result.variant in steps:
                raise ValueError(f"{result.case_id} is among the results twice")
            steps[result.variant] = result
    return [
        _waterfall(
            conditions.noise, dict(sorted(steps.items(), key=lambda one: len(one[0]))), metric
        )
        for (conditions, _), steps in groups.items()
        if len(steps) > 1
        and all(set(less) < set(more) for less, more in pairwise(sorted(steps, key=len)))
    ]


def _waterfall(
    hardware: str, steps: Mapping[tuple[str, ...], Mapping[str, Result]], metric: Metric
) -> Waterfall:
    chain = list(steps)
    added = [chain[0], *(tuple(t for t in more if t not in less) for less, more in pairwise(chain))]
    variants = dict.fromkeys(variant for own in steps.values() for variant in own)
    of = {
        variant: [
            own.get("direct" if variant == "calibrated" and "input_range" not in terms else variant)
            for terms, own in steps.items()
        ]
        for variant in variants
    }
    return Waterfall(
        hardware=hardware,
        terms=tuple("+".join(names) for names in added),
        steps={variant: _steps(own, metric) for variant, own in of.items()},
    )


def _steps(results: Sequence[Result | None], metric: Metric) -> tuple[Step | None, ...]:
    losses = [None if result is None else _losses(result, metric) for result in results]
    # The digital model is the same on every chip.
    before = [dict.fromkeys(losses[0] or (), 0.0), *losses[:-1]]
    return tuple(
        None
        if result is None or own is None
        else Step(result, mean_interval(list(own.values())), _difference(own, last))
        for result, own, last in zip(results, losses, before, strict=True)
    )


def _losses(result: Result, metric: Metric) -> dict[int, float]:
    chips = (chip.chip for chip in result.initial_chips)
    return dict(zip(chips, result.losses(metric), strict=True))


def _difference(now: Mapping[int, float], before: Mapping[int, float] | None) -> Interval | None:
    if before is None:
        return None
    both = [chip for chip in now if chip in before]
    # Chips may have been added to one of the two results.
    if before.keys() != now.keys() and len(both) < FEWEST_CHIPS:
        return None
    return mean_interval([now[chip] - before[chip] for chip in both])
