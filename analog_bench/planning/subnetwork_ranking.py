"""How well unmeasured sub-networks are ranked from measured ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold

from analog_bench.errors import UsageError
from analog_bench.planning.plan_front import unbeaten
from analog_bench.planning.predictor_scores import ceiling, tau_interval
from analog_bench.planning.subnetwork_record import MeasuredSubNetwork
from analog_bench.planning.surrogate import Array, FeatureGroup, fit_surrogate, normal_scores

FOLDS = 5
FEWEST = 2 * FOLDS
"""Fewest sub-networks with a meaningful order."""
Measured = Sequence[MeasuredSubNetwork]

TARGETS: Mapping[str, Callable[[MeasuredSubNetwork], tuple[float, ...]]] = {
    "one_day": lambda one: one.one_day_by_chip,
    "avm": lambda one: one.avm_by_chip,
}
"""Values that sub-networks are ranked by, one per chip; more is better."""
_ALONE: Mapping[str, Callable[[MeasuredSubNetwork], float]] = {
    "parameters": lambda one: one.parameters,
    "energy": lambda one: one.pj,
    "digital F1": lambda one: one.digital,
}


@dataclass(frozen=True)
class RankedBy:
    """One way of ranking sub-networks by one target.

    Attributes:
        name: What they are ranked by.
        target: One of `TARGETS`.
        tau: Kendall's τ-b between prediction and measurement.
        low: Lower end of its 95 % interval over sub-networks.
        high: Upper end.
    """

    name: str
    target: str
    tau: float
    low: float
    high: float


def structure(measured: Measured) -> tuple[FeatureGroup, ...]:
    """Return the default features: sizes, and the feed-forwards of each block."""
    parts = [one.part for one in measured]
    sizes = [
        [len(p.blocks), sum(p.feed_forwards), p.heads, p.width, float(np.log(one.parameters))]
        for p, one in zip(parts, measured, strict=True)
    ]
    blocks = [[*p.feed_forwards, *map(bool, p.feed_forwards)] for p in parts]
    return (
        FeatureGroup("sizes", np.array(sizes, dtype=float)),
        FeatureGroup("blocks", np.array(blocks, dtype=float)),
    )


def with_digital(measured: Measured) -> tuple[FeatureGroup, ...]:
    """Return the default features and the digital score as its normal score among all."""
    digital = normal_scores(np.array([one.digital for one in measured]))[:, np.newaxis]
    return *structure(measured), FeatureGroup("digital score", digital)


def rank_subnetworks(measured: Measured, seed: int) -> tuple[RankedBy, ...]:
    """Return the score of each way of ranking, per target; the last is the ceiling, if known.

    A surrogate predicts every sub-network from the others alone: from four fifths of them, five
    times. Single quantities are not fitted to anything. The ceiling is τ between halves of the
    chips.

    Raises:
        UsageError: There are too few sub-networks.
    """
    if len(measured) < FEWEST:
        raise UsageError(
            f"{len(measured)} sub-networks have no order worth the name; measure {FEWEST}"
        )
    found = []
    for target, values_of in TARGETS.items():
        by_chip = [values_of(one) for one in measured]
        actual = np.array([np.mean(values) for values in by_chip])
        predicted = {
            name: np.array([value(one) for one in measured]) for name, value in _ALONE.items()
        }
        predicted["surrogate"] = _held_out(structure(measured), actual, seed)
        predicted["surrogate, with digital F1"] = _held_out(with_digital(measured), actual, seed)
        for name, values in predicted.items():
            tau = tau_interval(values.tolist(), actual.tolist(), seed=seed)
            found.append(RankedBy(name, target, *tau))
        most = ceiling(by_chip, seed=seed)
        if most is not None:
            found.append(RankedBy("halves of the chips", target, *most))
    return tuple(found)


def front(measured: Measured) -> tuple[int, ...]:
    """Return the indices of the Pareto front of one-day score and energy, least energy first."""
    numbers = range(len(measured))
    return tuple(unbeaten(numbers, lambda n: measured[n].pj, lambda n: -measured[n].one_day))


def _held_out(groups: Sequence[FeatureGroup], actual: Array, seed: int) -> Array:
    """Return each one's predicted value, in the target's units, from the other folds."""
    predicted = np.empty(len(actual))
    for known, others in KFold(FOLDS, shuffle=True, random_state=seed % 2**32).split(actual):
        surrogate = fit_surrogate([one.of(known) for one in groups], actual[known])
        # Back in the target's units, because normal scores are relative to each fold's own values.
        scores = surrogate.mean([one.of(others) for one in groups])
        predicted[others] = surrogate.in_units(scores)
    return predicted
