"""Which layers lose most, how sure their order is, and how losses go with the spread of weights.

Where the digital model is not known to be better than guessing, there are none of these: nothing is
known to be lost (`report_contents.unranked` says so).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from analog_bench.gate.example_scores import drawn_losses
from analog_bench.gate.layer_ranking import (
    RankCorrelation,
    Ranking,
    rank_layers,
    spearman_with_interval,
)
from analog_bench.gate.robustness_scores import (
    Conditions,
    a_star,
    conditions_of,
    digital_at_chance,
)
from analog_bench.layer_facts_record import LayerFacts
from analog_bench.records import Identity, Metric, Result
from analog_bench.report import words
from analog_bench.report.report_contents import is_single
from analog_bench.report.score_and_loss import loss, loss_interval

WORST_AT_MOST = 5
RANKINGS_AT_MOST = 2
DESTROYED, HALF_LOST = "✕", "▼"
FEWEST = 4
"""Layers below which they are not compared."""


@dataclass(frozen=True)
class LayerLoss:
    """A layer perturbed by itself, with one of its results.

    `loss` is the mean over the conditions it was measured under; `reach` that of its facts.
    """

    layer: str
    facts: LayerFacts
    reach: float
    loss: float
    result: Result


@dataclass(frozen=True)
class SpreadCorrelation:
    """Spearman's rank correlation of layers' losses with the spread of their weights.

    With their standard deviation, and with the largest magnitude over it; None where a side is
    constant. Over so many layers, all with weights of one variant.
    """

    with_std: RankCorrelation | None
    with_reach: RankCorrelation | None
    layers: int
    variant: str


@dataclass(frozen=True)
class ConditionRanking:
    """The order of the layers under one noise, at one time, and their results."""

    members: tuple[Result, ...]
    ranking: Ranking


def of_facts(spell: Callable[[LayerFacts], str]) -> Callable[[Result], str]:
    """Return how to spell a fact about a result's layers; empty where facts are not known."""
    return lambda result: spell(result.facts) if result.facts else ""


weight_std = of_facts(lambda facts: words.significant(facts.weight_std))
reach = of_facts(lambda facts: words.reach_text(facts.reach))


def by_depth(results: Iterable[Result]) -> list[Result]:
    """Return results by depth, then group, noise and drift time; unknown depths come last."""

    def order(result: Result) -> tuple[bool, int, str, str, float, str]:
        facts = result.facts
        depth = facts.depth if facts else 0
        return facts is None, depth, result.group, result.noise, result.drift_s, result.case_id

    return sorted(results, key=order)


def by_condition(results: Iterable[Result], metric: Metric) -> list[list[Result]]:
    """Return results that have a loss, those that differ in their layers alone together."""
    conditions: dict[tuple[Conditions, float], list[Result]] = {}
    for result in results:
        if loss(result, metric) is not None:
            key = replace(conditions_of(result), group=""), result.drift_s
            conditions.setdefault(key, []).append(result)
    return list(conditions.values())


def kept_share(result: Result, metric: Metric) -> float | None:
    """Return A* of a result's mean; None where what guessing scores is not known."""
    scores, digital = result.scores(metric.name), result.digital.get(metric.name)
    chance = result.chance.get(metric.name)
    if not scores or digital is None or chance is None:
        return None
    return a_star(fmean(scores), digital, chance)


def destroyed(results: Iterable[Result], metric: Metric) -> list[Result]:
    """Return the results that are no better than guessing, where the digital model is."""
    shares = ((result, kept_share(result, metric)) for result in _beyond(results, metric))
    return [result for result, share in shares if share is not None and share <= 0.0]


def marks(results: Sequence[Result], metric: Metric) -> dict[Identity, str]:
    """Return the signs of the results that lost most: groups, since single places mean little.

    `DESTROYED` is no better than guessing, `HALF_LOST` has less than half of what the digital model
    has over guessing. Where guessing's score is not known, the worst have the latter.
    """
    shares = {result.identity: kept_share(result, metric) for result in _beyond(results, metric)}
    if None in shares.values():
        return {result.identity: HALF_LOST for result in worst(results, metric)[:WORST_AT_MOST]}
    return {
        which: DESTROYED if share <= 0.0 else HALF_LOST
        for which, share in shares.items()
        if share is not None and share < 0.5
    }


def worst(results: Sequence[Result], metric: Metric) -> list[Result]:
    """Return what lost more than the margin, most first, but for what is destroyed.

    Which of those loses most says nothing.
    """
    gone = {result.identity for result in destroyed(results, metric)}
    left = (result for result in _beyond(results, metric) if result.identity not in gone)
    return sorted(left, key=lambda result: -(loss(result, metric) or 0.0))


def beyond_margin(results: Iterable[Result], metric: Metric) -> tuple[list[Result], list[Result]]:
    """Return what loses more than the margin by its 95 % interval, and what else may.

    The interval is over chips and examples where these are known. Where chips are too few for one,
    what loses more on the mean may.
    """
    surely, perhaps = [], []
    for result in _rankable(results, metric):
        lost = loss_interval(result, metric)
        if lost is None:
            continue
        half = lost.half_width if lost.with_examples is None else lost.with_examples
        if half is not None and lost.centre - half > metric.margin:
            surely.append(result)
        elif lost.centre + (half or 0.0) > metric.margin:
            perhaps.append(result)
    return surely, perhaps


def rankings(results: Iterable[Result], metric: Metric) -> list[ConditionRanking]:
    """Rank the layers by what they lost, under each condition that has several on several chips.

    One a condition, in the order of the results; none at all for more than `RANKINGS_AT_MOST`, and
    none where a layer has several results under one, or every chip ranks all layers equal.
    """
    ranked = []
    for members in by_condition(_rankable(results, metric), metric):
        drops = {result.group: _chip_losses(result, metric) for result in members}
        chips = set.intersection(*(set(of_layer) for of_layer in drops.values()))
        if 2 <= len(drops) == len(members) and len(chips) >= 2:
            ranked.append((members, drops, sorted(chips)))
    if len(ranked) > RANKINGS_AT_MOST:
        return []
    orders = (
        ConditionRanking(tuple(members), _ranking(members, drops, chips, metric))
        for members, drops, chips in ranked
    )
    return [order for order in orders if order.ranking.concordance is not None]


def layer_losses(results: Iterable[Result], metric: Metric) -> list[LayerLoss]:
    """Return what layers that were perturbed by themselves lose on the mean, the worst first.

    Weights of hardware-aware training spread otherwise and lose less: layers with digital weights
    alone are compared where there are any. A layer measured under several conditions counts once,
    with its mean loss. Layers whose weights are not known or all equal are left out; there are none
    where fewer than `FEWEST` remain.
    """
    variants: dict[str, dict[str, list[LayerLoss]]] = {}
    for result in _rankable(results, metric):
        facts, lost = result.facts, loss(result, metric)
        if is_single(result) and facts and facts.reach is not None and lost is not None:
            one = LayerLoss(result.group, facts, facts.reach, lost, result)
            variants.setdefault(result.variant, {}).setdefault(one.layer, []).append(one)
    if not variants:
        return []
    layers = variants[min(variants, key=lambda variant: (variant != "direct", variant))]
    if len(layers) < FEWEST:
        return []
    losses = [replace(same[0], loss=fmean(one.loss for one in same)) for same in layers.values()]
    return sorted(losses, key=lambda one: (-one.loss, one.facts.depth))


def spread_correlation(results: Iterable[Result], metric: Metric) -> SpreadCorrelation | None:
    """Correlate `layer_losses` with the spread of the weights; None where there are none."""
    layers = layer_losses(results, metric)
    if not layers:
        return None
    losses = [layer.loss for layer in layers]
    return SpreadCorrelation(
        with_std=spearman_with_interval([layer.facts.weight_std for layer in layers], losses),
        with_reach=spearman_with_interval([layer.reach for layer in layers], losses),
        layers=len(layers),
        variant=layers[0].result.variant,
    )


def _rankable(results: Iterable[Result], metric: Metric) -> Iterator[Result]:
    return (result for result in results if not digital_at_chance(result, metric))


def _beyond(results: Iterable[Result], metric: Metric) -> Iterator[Result]:
    rankable = _rankable(results, metric)
    return (result for result in rankable if (loss(result, metric) or 0.0) > metric.margin)


def _ranking(
    members: Sequence[Result],
    drops: Mapping[str, Mapping[int, float]],
    chips: Sequence[int],
    metric: Metric,
) -> Ranking:
    drawn = {result.group: drawn_losses(result, metric, chips) for result in members}
    known = {layer: losses for layer, losses in drawn.items() if losses is not None}
    together = known if len(known) == len(drops) else None
    return rank_layers(drops, seed=members[0].seed, drawn=together)


def _chip_losses(result: Result, metric: Metric) -> dict[int, float]:
    losses = zip(result.initial_chips, result.losses(metric), strict=True)
    return {chip.chip: lost for chip, lost in losses if math.isfinite(lost)}
