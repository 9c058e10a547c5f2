"""How many chips a case needs for the requested precision, and the interval it then has.

Chips are added, examples are not. The interval is over chips on the examples of the run. So are
verdicts and the order of layers, which need the same examples in all cases of a study on a model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from analog_bench.gate.chip_change import score_step
from analog_bench.gate.significance import CONFIDENCE, mean_interval
from analog_bench.precision_target import (
    FEWEST_CHIPS_TO_REACH_IT,
    PILOT_CHIPS,
    PrecisionTarget,
)
from analog_bench.records import Metric, Result

ADJUSTED = 0.97
"""Level of Student's interval if its own width decided the number of chips.

A small spread makes it more likely that the interval was narrow enough to stop. At 97 %, the
interval covers the true mean in 95 to 97 % of cases with normal scores (docs/method.md).
"""
_GROWTH = 3


class Certainty(NamedTuple):
    """The settings of an interval of a result's mean over chips.

    Attributes:
        level: Nominal level of Student's distribution at which the interval covers 95 %.
        step: How far one example moves a chip's score; 0 if nothing is added for steps.
    """

    level: float = CONFIDENCE
    step: float = 0.0


FIXED = Certainty()
"""The settings for a result whose number of chips was fixed beforehand."""


def certainty_of(result: Result, metric: Metric) -> Certainty:
    """Return the settings of a result's intervals in a metric."""
    if result.target is None:
        return FIXED
    examples = max((len(c.per_example.get(metric.name, ())) for c in result.chips), default=0)
    return Certainty(ADJUSTED, score_step(metric, examples))


def chips_needed(
    losses: Sequence[float],
    target: PrecisionTarget,
    margin: float,
    most: int,
    step: float = 0.0,
) -> int:
    """Return how many chips a case should have; more than there are losses means: go on.

    Four pilot chips are looked at first, and then as many as the last look asked for. n chips with
    a half width h, where d is enough, ask for ⌈n (h / d)²⌉ chips, at least 5 and at most 3 n or
    `most`. A look that asks for no more is the last, so a case is looked at three or four times on
    the way to 40 chips. The looks follow from the losses alone: the run may be stopped between
    them, resumed or sharded.

    This is Stein's two-stage procedure ("A two-sample test for a linear hypothesis whose power is
    independent of the variance", Ann. Math. Stat. 16, 1945) in several stages (Hall, "Asymptotic
    theory of triple sampling for sequential estimation of a mean", Ann. Stat. 9, 1981). Its two
    stages from four pilot chips would need twice as many. h is Student's at the level `ADJUSTED`,
    plus what scores that move by `step` may hide (`significance.step_error`).

    Args:
        losses: Losses of chips 0, 1, ... in this order, in the unit of the margin.
        target: The requested precision.
        margin: The change that matters.
        most: Largest number of chips.
        step: How far one example moves a chip's score.
    """
    chips = min(PILOT_CHIPS, most)
    while chips <= len(losses):
        known = losses[:chips]
        half = mean_interval(known, ADJUSTED, step).half_width
        enough = target.half_width(fmean(known), margin)
        if chips == most or half is None or not enough:
            return most
        wanted = math.ceil(min(chips * (half / enough) ** 2, _GROWTH * chips))
        wanted = min(max(wanted, FEWEST_CHIPS_TO_REACH_IT), most)
        if wanted <= chips:
            return chips
        chips = wanted
    return chips


def chips_expected(
    losses: Sequence[float],
    target: PrecisionTarget,
    margin: float,
    most: int,
    step: float = 0.0,
) -> int:
    """Estimate how many chips a case will finally have if further chips are like these."""
    chips = chips_needed(losses, target, margin, most, step)
    known = mean_interval(losses, ADJUSTED, step)
    enough = target.half_width(known.centre, margin)
    if chips <= len(losses) or known.half_width is None or not enough:
        return chips
    return min(max(chips, math.ceil(len(losses) * (known.half_width / enough) ** 2)), most)


def reached(result: Result, metric: Metric) -> bool:
    """Return whether a result's mean is as precise as requested; True if nothing was requested."""
    losses = result.losses(metric)
    if result.target is None or not losses:
        return True
    half = mean_interval(losses, *certainty_of(result, metric)).half_width
    return half is not None and half <= result.target.half_width(fmean(losses), metric.margin)
