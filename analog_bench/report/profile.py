"""A study's rows: what each case lost, which lost most, and how sure that order is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from analog_bench.gate.interval import Interval, mean_interval
from analog_bench.gate.ranking import (
    RankCorrelation,
    Ranking,
    rank_layers,
    spearman_with_interval,
)
from analog_bench.gate.robustness import Conditions, conditions_of, robustness_of
from analog_bench.records import LayerFacts, Metric, Result
from analog_bench.report.contents import is_single

WORST_AT_MOST = 5
RANKINGS_AT_MOST = 2
FEWEST = 4
"""Layers below which they are not compared."""


@dataclass(frozen=True)
class Row:
    """One case as a table shows it.

    Attributes:
        result: The record.
        scores: Metric name to mean over chips with its 95 % interval; empty unless measured.
        drops: Metric name to what was lost against digital: positive is worse, whatever the
            metric's direction.
        a_star: A* of the first metric, mean over chips; None where what guessing scores is not
            known.
    """

    result: Result
    scores: Mapping[str, Interval]
    drops: Mapping[str, float]
    a_star: Interval | None

    @property
    def relative_spread(self) -> float | None:
        """Largest weight in standard deviations; None where the weights are unknown or equal."""
        facts = self.result.facts
        return None if facts is None else facts.reach


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of a layer's drop with how its weights spread.

    Attributes:
        with_std: With the standard deviation of the weights; None where a side is constant.
        with_relative: With their largest magnitude over the standard deviation; None likewise.
        layers: Number of layers it is taken over.
        variant: Whose weights: `direct` or `hwa`.
    """

    with_std: RankCorrelation | None
    with_relative: RankCorrelation | None
    layers: int
    variant: str


@dataclass(frozen=True)
class LayerLoss:
    """One layer by itself, with what it loses on the mean.

    Attributes:
        layer: Its name.
        facts: What is known of it.
        reach: Its largest weight in standard deviations.
        loss: Mean over the conditions it was measured under; positive is worse.
        result: One of its results.
    """

    layer: str
    facts: LayerFacts
    reach: float
    loss: float
    result: Result


@dataclass(frozen=True)
class ConditionRanking:
    """The order of the layers under one noise, at one time.

    Attributes:
        result: One of its results: the others differ from it in nothing but the layer.
        ranking: The layers, the one that loses most first.
    """

    result: Result
    ranking: Ranking


def profile(results: Sequence[Result], metrics: Sequence[Metric]) -> list[Row]:
    """Return the rows of a study's table, by depth, then group, noise and drift time.

    Args:
        results: One record a case.
        metrics: What to show, the main one first; those a result lacks are left out of its row.

    Returns:
        One row a result; those whose depth is unknown come last.
    """
    return [_row(result, metrics) for result in sorted(results, key=_place)]


def worst(rows: Sequence[Row], metric: Metric) -> list[Row]:
    """Return the rows that lost most: at most 5, and only where the drop exceeds the margin."""
    lost = [row for row in rows if row.drops.get(metric.name, 0.0) > metric.margin]
    return sorted(lost, key=lambda row: -row.drops[metric.name])[:WORST_AT_MOST]


def rankings(rows: Sequence[Row], metric: Metric) -> list[ConditionRanking]:
    """Rank the layers by what they lost, under each condition that has several on several chips.

    Args:
        rows: The rows of a study.
        metric: The metric whose drop is taken.

    Returns:
        One a condition, in the order of the rows; none at all for more than `RANKINGS_AT_MOST`
        conditions, and none where a layer has several rows under one, or every chip ranks all
        layers equal.
    """
    conditions: dict[tuple[Conditions, float], list[Row]] = {}
    for row in rows:
        if metric.name in row.drops:
            key = replace(conditions_of(row.result), group=""), row.result.drift_s
            conditions.setdefault(key, []).append(row)
    ranked = []
    for members in conditions.values():
        drops = {row.result.group: _chip_drops(row.result, metric) for row in members}
        chips = set.intersection(*(set(row) for row in drops.values()))
        if 2 <= len(drops) == len(members) and len(chips) >= 2:
            ranked.append((members[0].result, drops))
    if len(ranked) > RANKINGS_AT_MOST:
        return []
    found = [
        ConditionRanking(result, rank_layers(drops, seed=result.seed)) for result, drops in ranked
    ]
    return [one for one in found if one.ranking.concordance is not None]


def spread_correlation(rows: Sequence[Row], metric: Metric) -> Correlation | None:
    """Correlate the drop with the spread of the weights, over layers as `layer_losses` has them.

    See `spearman_with_interval`.

    Args:
        rows: The rows of a study.
        metric: The metric whose drop is taken.

    Returns:
        The correlation; None with fewer than four layers whose weights are known and not all equal.
    """
    layers = layer_losses(
        (row.result, row.drops[metric.name]) for row in rows if metric.name in row.drops
    )
    if not layers:
        return None
    drops = [layer.loss for layer in layers]
    return Correlation(
        with_std=spearman_with_interval([layer.facts.weight_std for layer in layers], drops),
        with_relative=spearman_with_interval([layer.reach for layer in layers], drops),
        layers=len(layers),
        variant=layers[0].result.variant,
    )


def layer_losses(measured: Iterable[tuple[Result, float]]) -> list[LayerLoss]:
    """Return what layers that were measured by themselves lose on the mean, the worst first.

    Weights of hardware-aware training spread otherwise and lose less: layers with digital weights
    alone are compared where there are any. A layer measured under several conditions counts once,
    with its mean loss.

    Args:
        measured: Results of one study with their losses.

    Returns:
        The layers whose weights are known and not all equal, all of one variant; none where there
        are fewer than `FEWEST`.
    """
    variants: dict[str, dict[str, list[LayerLoss]]] = {}
    for result, loss in measured:
        facts = result.facts
        if is_single(result) and facts is not None and facts.reach is not None:
            one = LayerLoss(result.group, facts, facts.reach, loss, result)
            variants.setdefault(result.variant, {}).setdefault(one.layer, []).append(one)
    if not variants:
        return []
    found = variants[min(variants, key=lambda variant: (variant != "direct", variant))]
    if len(found) < FEWEST:
        return []
    losses = [replace(same[0], loss=fmean(one.loss for one in same)) for same in found.values()]
    return sorted(losses, key=lambda one: (-one.loss, one.facts.depth))


def _row(result: Result, metrics: Sequence[Metric]) -> Row:
    scores: dict[str, Interval] = {}
    drops: dict[str, float] = {}
    if result.status == "measured" and result.initial_chips:
        for metric in metrics:
            name = metric.name
            if all(name in chip.scores for chip in result.initial_chips):
                scores[name] = mean_interval([chip.scores[name] for chip in result.initial_chips])
                if name in result.digital:
                    drops[name] = metric.loss(scores[name].centre, result.digital[name])
    placed = robustness_of([result], metrics[0])
    return Row(result, scores, drops, placed[0].a_star.get(result.drift_s) if placed else None)


def _chip_drops(result: Result, metric: Metric) -> dict[int, float]:
    drops = zip(result.initial_chips, result.losses(metric), strict=True)
    return {chip.chip: drop for chip, drop in drops if math.isfinite(drop)}


def _place(result: Result) -> tuple[bool, int, str, str, float, str]:
    facts = result.facts
    depth = facts.depth if facts else 0
    return facts is None, depth, result.group, result.noise, result.drift_s, result.case_id
