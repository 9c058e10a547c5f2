"""Predict the loss of a plan from the losses of single layers.

Losses of layers add up while they are small, and no loss exceeds that of guessing. The quantity
that adds up here is therefore the strain a = -ln A*, where A* is the share left of the score
between guessing and digital. For small losses it is the loss over its range, and a sum of strains
always stays below the loss of guessing:

    a(plan) = slope * (sum of the layers' own a + sum of what pairs add)

The slope and the spread about it are fitted to measured plans.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, variance
from typing import NamedTuple, TypeAlias, TypeVar

from scipy import stats

from analog_bench.gate.significance import CONFIDENCE, satterthwaite
from analog_bench.planning.plan_record import Assignment, How

ALONE, WITH_PAIRS = "sum of layers alone", "layers and pairs"
ALONG, BY_ALPHA = "zero-shot, along the error", "zero-shot, error x alpha"
K = TypeVar("K")
MeasuredPlan: TypeAlias = "tuple[Assignment, tuple[float, ...]]"
"""A plan and its loss per chip, with the same chips for all plans; one loss if it draws nothing."""

_LEAST_LEFT = 0.01
"""Smallest A* that is told apart: closer to guessing, the logarithm would be noise."""


@dataclass(frozen=True)
class Scale:
    """The scale on which losses add up; `reach` is the loss of guessing, above 0."""

    reach: float

    def strain(self, loss: float) -> float:
        """Return -ln A* of a loss; below 0 for a gain."""
        return -math.log(max(_LEAST_LEFT, 1 - loss / self.reach))

    def loss(self, strain: float) -> float:
        """Return the loss of a strain."""
        return self.reach * -math.expm1(-strain)


@dataclass(frozen=True)
class Strains:
    """Contributions of single layers, and what pairs of layers on tiles add to them.

    Attributes:
        own: By layer and its treatment; a layer that stays unchanged contributes nothing.
        pairs: By pairs of layers, in the order of computation.
    """

    own: Mapping[tuple[str, How], float]
    pairs: Mapping[tuple[str, str], float]

    def total(self, assignment: Assignment) -> float:
        """Return the sum of a plan's contributions."""
        own = sum(self.own.get(choice, 0.0) for choice in assignment.items())
        return own + sum(
            value
            for pair, value in self.pairs.items()
            if all(assignment[layer] == "analog" for layer in pair)
        )


@dataclass(frozen=True)
class LossPredictor:
    """Predicts the losses of plans.

    The spread of a plan's strain about the line has a variance in proportion to the total, as sums
    of independent contributions have; below the smallest measured total it stays constant. All
    plans were measured on the same chips, and some chips lose more than others throughout. So each
    chip has a slope of its own, and fresh chips will have other slopes.

    Attributes:
        scale: The scale on which losses add up.
        strains: The contributions that add up.
        slope: Strain per unit of the total.
        spread: Standard deviation about the line at a total of 1; None with fewer than two plans.
        totals: The totals of the plans that it was fitted to.
        chip_slopes: The slope of each chip alone.
    """

    scale: Scale
    strains: Strains
    slope: float
    spread: float | None
    totals: tuple[float, ...]
    chip_slopes: tuple[float, ...]

    def loss(self, assignment: Assignment) -> float:
        """Return the expected loss of a plan."""
        return self.scale.loss(self.slope * self.strains.total(assignment))

    def interval(self, assignment: Assignment, chips: int) -> tuple[float, float] | None:
        """Return the 95 % prediction interval of a plan's mean loss on fresh chips.

        This is Student's prediction interval about a line through the origin whose variance grows
        with x, s² (x + x² / sum of x). Fresh chips add x² v (1/n + 1/`chips`), with v the variance
        of the slopes of the n fitted chips; INT8 is the same on all chips. The degrees of freedom
        are Satterthwaite's. None without a spread.
        """
        if self.spread is None:
            return None
        x, count = self.strains.total(assignment), len(self.chip_slopes)
        about = self.spread**2 * (max(x, min(self.totals)) + x**2 / sum(self.totals))
        between = 0.0
        if count > 1 and "analog" in assignment.values():
            between = x**2 * variance(self.chip_slopes) * (1 / count + 1 / chips)
        reach = 0.0
        if about + between > 0:
            freedom = satterthwaite((about, len(self.totals) - 1), (between, count - 1))
            quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
            reach = quantile * math.sqrt(about + between)
        middle = self.slope * x
        return self.scale.loss(middle - reach), self.scale.loss(middle + reach)

    def misfit(self, measured: Sequence[MeasuredPlan]) -> float:
        """Return the sum of squared differences between measured and predicted strains."""
        return sum(
            (self.scale.strain(fmean(losses)) - self.slope * self.strains.total(plan)) ** 2
            for plan, losses in measured
        )

    def room(self, loss: float) -> float:
        """Return the largest total whose expected loss does not exceed a loss."""
        return self.scale.strain(loss) / self.slope


def strains_of(
    scale: Scale,
    alone: Mapping[tuple[str, How], Sequence[float]],
    together: Mapping[tuple[str, str], Sequence[float]] | None = None,
) -> Strains:
    """Return contributions from losses of single layers, one per chip, and of pairs on tiles.

    The smallest of several means over few chips is mostly luck, and choosing the cheapest layers
    would choose the lucky ones. Contributions are therefore expected values, given that none is a
    gain (see `expected`).
    """
    by_chip = {choice: [scale.strain(loss) for loss in losses] for choice, losses in alone.items()}
    drawn = {choice: values for choice, values in by_chip.items() if len(values) > 1}
    own = {choice: max(0.0, fmean(values)) for choice, values in by_chip.items()} | expected(drawn)
    pairs = {
        (one, other): scale.strain(fmean(chips)) - own[one, "analog"] - own[other, "analog"]
        for (one, other), chips in (together or {}).items()
    }
    return Strains(own, pairs)


def expected(measured: Mapping[K, Sequence[float]]) -> dict[K, float]:
    """Return the expected values of quantities that are not below 0, from measurements of each.

    The prior is exponential, with the mean m of all means. A mean over n chips is normal about the
    true value, with the variance v of its chips over n, or the median variance if that is larger.
    The true value is then normal about mean - v / (n m), truncated below 0 (empirical Bayes).
    """
    means = {name: fmean(values) for name, values in measured.items()}
    prior = fmean(means.values()) if means else 0.0
    if prior <= 0:
        return dict.fromkeys(means, 0.0)
    variances = {name: variance(values) for name, values in measured.items()}
    usual = median(variances.values())
    found = {}
    for name, values in measured.items():
        error = math.sqrt(max(variances[name], usual) / len(values))
        if error == 0:
            found[name] = max(0.0, means[name])
            continue
        centre = means[name] - error**2 / prior
        found[name] = float(stats.truncnorm.mean(-centre / error, math.inf, centre, error))
    return found


def fit(scale: Scale, strains: Strains, measured: Sequence[MeasuredPlan]) -> LossPredictor:
    """Fit the slope, and the spread about it, to plans and their losses on each chip.

    The best line through the origin for variances that grow with x is the ratio of the sums
    (Cochran, "Sampling Techniques", 1977, chapter 6). The slope is 1 if no plan has any strain, or
    if the ratio is not above 0.
    """
    totals = [strains.total(plan) for plan, _ in measured]
    points = [(x, losses) for x, (_, losses) in zip(totals, measured, strict=True) if x > 0]
    whole = sum(x for x, _ in points)
    means = [(x, scale.strain(fmean(losses))) for x, losses in points]
    slope = sum(y for _, y in means) / whole if points else 1.0
    if slope <= 0:
        slope = 1.0
    spread = None
    if len(points) > 1:
        squares = sum((y - slope * x) ** 2 / x for x, y in means)
        spread = math.sqrt(squares / (len(points) - 1))
    # A plan that draws nothing has one loss for all chips.
    chips = max((len(losses) for _, losses in points), default=0)
    table = [losses * chips if len(losses) == 1 else losses for _, losses in points]
    slopes = tuple(sum(map(scale.strain, losses)) / whole for losses in zip(*table, strict=True))
    return LossPredictor(scale, strains, slope, spread, tuple(x for x, _ in points), slopes)


class Fitted(NamedTuple):
    """Predictors by name, the simplest first, fitted to the same plans; `used` fits them best.

    With few examples, losses of single layers may be luck, which zero-shot estimates do not share.
    """

    predictors: Mapping[str, LossPredictor]
    used: str

    @property
    def predictor(self) -> LossPredictor:
        """The predictor used to choose plans."""
        return self.predictors[self.used]


def fit_all(
    scale: Scale, strains: Mapping[str, Strains], measured: Sequence[MeasuredPlan]
) -> Fitted:
    """Fit predictors by name; on a tie, as without any plans, the last is used."""
    found = {name: fit(scale, one, measured) for name, one in strains.items()}
    return Fitted(found, min(reversed(found), key=lambda name: found[name].misfit(measured)))
