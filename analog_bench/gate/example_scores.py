"""Per-example scores of a result, and statistics of chips with both uncertainties."""

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

# Stored scores and recomputed means differ only by rounding.
_ROUNDING = 1e-6

Statistic: TypeAlias = Callable[[Resamples], "Array | None"]
"""Function from resamples to a statistic of each chip on each draw's examples.

The result has shape (draws, chips). It is None if the statistic is undefined in some draw.
"""


@dataclass(frozen=True, eq=False)
class ExampleScores:
    """One metric on single examples, for each chip and for the digital model.

    Attributes:
        chips: Index of each chip.
        scores: Scores of shape (chips, examples), as logarithms if the mean is geometric.
        digital: The same for the digital model, shape (examples,); None if not stored.
        weights: Weights of the examples in the mean, shape (examples,).
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
        """Return whether the other scores have equal weights, as scores of the same examples do."""
        return np.array_equal(self.weights, other.weights)

    def only(self, chips: Sequence[int]) -> ExampleScores:
        """Return the scores of only these chips, in this order."""
        rows = [self.chips.index(chip) for chip in chips]
        return replace(self, chips=tuple(chips), scores=self.scores[rows])

    def _means(self, resamples: Resamples, scores: Array) -> Array:
        means = resamples.means(scores, self.weights)
        return np.exp(means) if self.geometric else means


def example_scores(result: Result, metric: str) -> ExampleScores | None:
    """Return a metric's per-example scores of a result's initial chips.

    A metric counts as a mean over examples if that mean equals the stored score on every chip. Both
    the arithmetic and the geometric mean are tried, weighted by the stored weights of the examples
    (such as the tokens of a text block) where there are any. No metric is known by name here, and a
    score computed in another way, such as a Matthews correlation, gets no interval.

    Returns:
        The scores; None if the result holds none, or if the metric is not a mean over examples.
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
    """Return the mean of a statistic over chips, with both intervals; None without chips.

    The interval over chips is Student's. The interval over chips and examples is that of
    `half_width`, and None without per-example scores. The statistic is the score itself by default;
    its chips are in ascending order.
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
    # The bootstrap does not account for steps.
    return replace(over_chips, with_examples=both and max(both, over_chips.half_width))


def drawn_losses(result: Result, metric: Metric, chips: Sequence[int]) -> Array | None:
    """Return the mean loss of these chips in draws of chips and examples, shape (draws,).

    The losses are offset by a number that all results with the same examples share: the digital
    model's score on a draw's examples does not affect the order of layers. None if there are no
    per-example scores, or too few chips or examples.
    """
    of = example_scores(result, metric.name)
    resamples = None if of is None else resample(len(chips), of.examples, result.seed)
    if of is None or resamples is None:
        return None
    return metric.loss(1.0, 0.0) * resamples.over_chips(of.only(sorted(chips)).of_chips(resamples))


def _weights(chips: Sequence[Measurement], examples: int) -> Array | None:
    """Return the weights of the examples; None if they do not fit the scores."""
    stored = {chip.per_example.get(WEIGHTS_OF_EXAMPLES, ()) for chip in chips}
    if len(stored) > 1:
        return None
    weights = np.array(stored.pop() or np.ones(examples), dtype=np.float64)
    fits = weights.shape == (examples,) and (weights >= 0.0).all() and weights.sum() > 0.0
    return weights if fits else None
