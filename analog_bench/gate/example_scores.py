"""What a result holds of single examples, and statistics of chips with both uncertainties."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from analog_bench.gate.drift_band import Array
from analog_bench.gate.pigeonhole_bootstrap import Resamples, half_width, resample
from analog_bench.gate.precision import FIXED, Certainty
from analog_bench.gate.significance import Interval, mean_interval
from analog_bench.records import WEIGHTS_OF_EXAMPLES, Measurement, Metric, Result

# Stored scores and means that are worked out again differ by rounding, and by no more.
_ROUNDING = 1e-6

Statistic: TypeAlias = Callable[[Resamples], "Array | None"]
"""Resamples to a statistic of each chip on each draw's examples, shape (draws, chips).

None where some draw has none.
"""


@dataclass(frozen=True, eq=False)
class ExampleScores:
    """One metric on single examples: that of each chip, and that of the digital model.

    Attributes:
        chips: Index of each chip.
        scores: Of chips, shape (chips, examples); their logarithm where the mean is geometric.
        digital: Likewise, shape (examples,); None where it is not stored.
        weights: Of examples in the mean, shape (examples,).
        geometric: Whether the score is the geometric mean, as a perplexity is.
    """

    chips: tuple[int, ...]
    scores: Array
    digital: Array | None
    weights: Array
    geometric: bool

    @property
    def examples(self) -> int:
        """Number of examples."""
        return len(self.weights)

    def of_chips(self, resamples: Resamples) -> Array:
        """Return the score of each chip on each draw's examples, shape (draws, chips)."""
        return self._means(resamples, self.scores)

    def of_digital(self, resamples: Resamples) -> Array | None:
        """Return the digital model's score on each draw's examples, shape (draws, 1)."""
        return None if self.digital is None else self._means(resamples, self.digital[None])

    def same_examples(self, other: ExampleScores) -> bool:
        """Return whether other scores can be of the very same examples, each of one weight."""
        return np.array_equal(self.weights, other.weights)

    def only(self, chips: Sequence[int]) -> ExampleScores:
        """Return the scores of these chips alone, in this order."""
        rows = [self.chips.index(chip) for chip in chips]
        return replace(self, chips=tuple(chips), scores=self.scores[rows])

    def _means(self, resamples: Resamples, scores: Array) -> Array:
        means = resamples.means(scores, self.weights)
        return np.exp(means) if self.geometric else means


def example_scores(result: Result, metric: str) -> ExampleScores | None:
    """Return what a result holds of single examples, of its initial chips.

    None where it holds nothing of them, or where the metric is of the whole set. A metric is taken
    for a mean over examples where the mean, weighted by the examples' stored weights (tokens, of a
    block of text) where there are any, is the stored score on every chip: the arithmetic mean, or
    else the geometric one. So nothing here knows a metric by name, and no interval is shown of a
    score that is worked out in another way, such as a Matthews correlation.
    """
    # By index, so that the order of the chips does not matter, not even to rounding.
    chips = sorted(result.initial_chips, key=lambda chip: chip.chip)
    rows = [chip.per_example.get(metric, ()) for chip in chips]
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
        return None
    scores = np.array(rows, dtype=np.float64)
    weights = _weights(chips, scores.shape[1])
    stored = np.array([chip.scores.get(metric, math.nan) for chip in chips])
    if weights is None:
        return None
    digital: Array | None = np.array(result.digital_per_example.get(metric, ()), dtype=np.float64)
    if digital is None or digital.shape != weights.shape:
        digital = None
    of = ExampleScores(tuple(c.chip for c in chips), scores, digital, weights, geometric=False)
    if np.allclose(scores @ weights / weights.sum(), stored, rtol=_ROUNDING, atol=_ROUNDING):
        return of
    known = [scores] if digital is None else [scores, digital]
    if any((numbers <= 0.0).any() for numbers in known):
        return None
    logs = np.log(scores)
    with np.errstate(over="ignore"):
        means = np.exp(logs @ weights / weights.sum())
    if not np.allclose(means, stored, rtol=_ROUNDING, atol=0.0):
        return None
    return replace(
        of, scores=logs, digital=None if digital is None else np.log(digital), geometric=True
    )


def interval(
    per_chip: Mapping[int, float],
    of: ExampleScores | None,
    seed: int,
    statistic: Statistic | None = None,
    certainty: Certainty = FIXED,
) -> Interval | None:
    """Return the mean of a statistic over chips, with both its intervals; None without chips.

    That over chips is Student's; that over chips and examples is `half_width`'s, and None without
    scores of single examples. The statistic is the score itself by default; its chips are in
    ascending order.
    """
    values = [per_chip[chip] for chip in sorted(per_chip)]
    if not values:
        return None
    over_chips = mean_interval(values, *certainty)
    if of is None or over_chips.half_width is None:
        return over_chips
    resamples = resample(len(values), of.examples, seed)
    drawn = None if resamples is None else (statistic or of.of_chips)(resamples)
    if resamples is None or drawn is None:
        return over_chips
    both = half_width(values, drawn, resamples, certainty.level)
    # The bootstrap knows nothing of steps.
    return replace(over_chips, with_examples=both and max(both, over_chips.half_width))


def drawn_losses(result: Result, metric: Metric, chips: Sequence[int]) -> Array | None:
    """Return the mean loss of these chips in draws of chips and examples, shape (draws,).

    But for a number that is the same for all results with the same examples: what the digital model
    scores on a draw's examples makes no difference to the order of layers. None without scores of
    single examples, or with too few.
    """
    of = example_scores(result, metric.name)
    resamples = None if of is None else resample(len(chips), of.examples, result.seed)
    if of is None or resamples is None:
        return None
    return metric.loss(1.0, 0.0) * resamples.over_chips(of.only(sorted(chips)).of_chips(resamples))


def _weights(chips: Sequence[Measurement], examples: int) -> Array | None:
    """Return the weights of the examples; None where they do not fit the scores."""
    stored = {chip.per_example.get(WEIGHTS_OF_EXAMPLES, ()) for chip in chips}
    if len(stored) > 1:
        return None
    weights = np.array(stored.pop() or np.ones(examples), dtype=np.float64)
    fits = weights.shape == (examples,) and (weights >= 0.0).all() and weights.sum() > 0.0
    return weights if fits else None
