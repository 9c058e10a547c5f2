"""What a plan loses, predicted from what single layers lose.

Losses of layers add up while they are small, and no loss exceeds that of guessing. So what adds up
here is the strain a = -ln A*, A* being what is left of the score between guessing and digital: for
small losses it is the loss over its range, and whatever is added up, the loss stays below guessing.

    a(plan) = slope * (sum of the layers' own a + sum of what pairs add)

The slope and the spread about it come from plans that were measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, variance
from typing import NamedTuple, TypeAlias, TypeVar

from scipy import stats

from analog_bench.gate.significance import CONFIDENCE
from analog_bench.planning.plan_record import Assignment, How

ALONE, WITH_PAIRS = "sum of layers alone", "layers and pairs"
ALONG, BY_ALPHA = "zero-shot, along the error", "zero-shot, error x alpha"
K = TypeVar("K")
MeasuredPlan: TypeAlias = "tuple[Assignment, tuple[float, ...]]"
"""A plan and its loss on each chip, the same chips for all plans; one loss if it draws nothing."""

_LEAST_LEFT = 0.01
"""A score closer to guessing is no more worth than this: its logarithm would be noise."""


@dataclass(frozen=True)
class Scale:
    """The scale on which losses add up; `reach` is the loss of guessing, above 0."""

    reach: float

    def strain(self, loss: float) -> float:
        """Return -ln A* of a loss; below 0 where it is a gain."""
        return -math.log(max(_LEAST_LEFT, 1 - loss / self.reach))

    def loss(self, strain: float) -> float:
        """Return the loss of a strain."""
        return self.reach * -math.expm1(-strain)


@dataclass(frozen=True)
class Strains:
    """What single layers contribute, and pairs of layers on tiles beyond these.

    Attributes:
        own: By layer, and what becomes of it; a layer that stays as it is contributes nothing.
        pairs: By two layers, in the order of computation.
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
    """Predicts losses of plans.

    The spread of a plan's strain about the line has a variance in proportion to the total, as sums
    of independent contributions have; below the least total that was measured it stays as there.
    All plans were measured on the same chips, of which some lose more than others throughout, so
    each chip has a line of its own, and other chips have others.

    Attributes:
        scale: Where losses add up.
        strains: What adds up.
        slope: What a unit of the total makes.
        spread: Standard deviation about the line at a total of 1; None of fewer than two plans.
        totals: Those of the plans that it was fitted to.
        chip_slopes: The slope of each chip alone.
    """

    scale: Scale
    strains: Strains
    slope: float
    spread: float | None
    totals: tuple[float, ...]
    chip_slopes: tuple[float, ...]

    def loss(self, assignment: Assignment) -> float:
        """Return the loss to expect of a plan."""
        return self.scale.loss(self.slope * self.strains.total(assignment))

    def interval(self, assignment: Assignment, chips: int) -> tuple[float, float] | None:
        """Return where a plan's mean loss on fresh chips should lie in 95 of 100 cases.

        Student's prediction interval about a line through the origin whose variance grows with x,
        s² (x + x² / sum of x). Fresh chips add x² v (1/n + 1/`chips`), with v the variance of the
        slopes of the n fitted chips; INT8 is the same on all. Degrees of freedom: Satterthwaite.
        """
        if self.spread is None:
            return None
        x, count = self.strains.total(assignment), len(self.chip_slopes)
        about = self.spread**2 * (max(x, min(self.totals)) + x**2 / sum(self.totals))
        between = 0.0
        if count > 1 and "analog" in assignment.values():
            between = x**2 * variance(self.chip_slopes) * (1 / count + 1 / chips)
        parts = [(about, len(self.totals) - 1), (between, count - 1)]
        terms = sum(part**2 / freedom for part, freedom in parts if part > 0)
        freedom = (about + between) ** 2 / terms if terms > 0 else 1.0
        reach = math.sqrt(about + between) * float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
        middle = self.slope * x
        return self.scale.loss(middle - reach), self.scale.loss(middle + reach)

    def misfit(self, measured: Sequence[MeasuredPlan]) -> float:
        """Return by how much plans lose more or less than predicted: a sum of squared strains."""
        return sum(
            (self.scale.strain(fmean(losses)) - self.slope * self.strains.total(plan)) ** 2
            for plan, losses in measured
        )

    def room(self, loss: float) -> float:
        """Return the largest total at which no more than a loss is to be expected."""
        return self.scale.strain(loss) / self.slope


def strains_of(
    scale: Scale,
    alone: Mapping[tuple[str, How], Sequence[float]],
    together: Mapping[tuple[str, str], Sequence[float]] | None = None,
) -> Strains:
    """Return contributions from the losses of layers alone, one a chip, and of pairs on tiles.

    Of what is measured on few chips, the least is mostly luck, and a choice of the cheapest layers
    would choose the lucky ones. So contributions are what is to be expected of them, given that
    none is a gain: see `expected`.
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
    """Return what is to be expected of values that are not below 0, from measurements of each.

    The prior is exponential with the mean of all means, m; a mean over n chips is normal about the
    value, with the variance v of its chips over n, or the median layer's where that is more. Then
    the value is normal about mean - v / (n m), cut off below 0 (empirical Bayes).
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

    The best line through the origin where variances grow with x is the ratio of the sums (Cochran,
    "Sampling Techniques", 1977, chapter 6). Without a plan that has any strain it is 1.
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
    # What draws nothing has one loss for all chips.
    chips = max((len(losses) for _, losses in points), default=0)
    table = [losses * chips if len(losses) == 1 else losses for _, losses in points]
    slopes = tuple(sum(map(scale.strain, losses)) / whole for losses in zip(*table, strict=True))
    return LossPredictor(scale, strains, slope, spread, tuple(x for x, _ in points), slopes)


class Fitted(NamedTuple):
    """Predictors by name, the simplest first, all fitted to the same plans; `used` fits them best.

    What few examples tell of single layers may be luck, which zero-shot estimates do not share.
    """

    predictors: Mapping[str, LossPredictor]
    used: str

    @property
    def predictor(self) -> LossPredictor:
        """The predictor that plans are chosen by."""
        return self.predictors[self.used]


def fit_all(
    scale: Scale, strains: Mapping[str, Strains], measured: Sequence[MeasuredPlan]
) -> Fitted:
    """Fit predictors by name; of those that fit alike, as all do to no plans, the last is used."""
    found = {name: fit(scale, one, measured) for name, one in strains.items()}
    return Fitted(found, min(reversed(found), key=lambda name: found[name].misfit(measured)))
