"""How well unmeasured cells are ranked from measured ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import GroupShuffleSplit

from analog_bench.errors import DataError, UsageError
from analog_bench.planning.analognas_data import CellScores
from analog_bench.planning.nas_cells import (
    digits,
    graph_features,
    one_hot,
    path_counts,
)
from analog_bench.planning.surrogate import Array, FeatureGroup, fit_surrogate, normal_scores
from analog_bench.seeds import derive_seed

Indices = NDArray[np.intp]
Groups = Sequence[FeatureGroup]
Encoding = Callable[[CellScores], tuple[FeatureGroup, ...]]
Learner = Callable[[Groups, Array, Groups], Array]
"""Function from features and measurements of known candidates to predictions for others.

The arguments are the features of the known candidates, their measurements, and the features of the
others.
"""

TARGETS = ("one_day", "avm")
"""Attributes of `CellScores` to rank by."""
CHOSEN = 10
"""Number of top-ranked candidates that the regret considers."""
DIGITAL_ALONE = "digital accuracy alone"


def paths_and_graph(scores: CellScores) -> tuple[FeatureGroup, ...]:
    """Return the default features: counts over the graph and counts of its paths."""
    return (
        FeatureGroup("graph", graph_features(scores.cells)),
        FeatureGroup("paths", path_counts(scores.cells), standardise=False),
    )


def with_digital(scores: CellScores) -> tuple[FeatureGroup, ...]:
    """Return the default features and the digital accuracy as its normal score among all cells."""
    digital = normal_scores(scores.digital)[:, np.newaxis]
    return *paths_and_graph(scores), FeatureGroup("digital accuracy", digital)


def _one_hot(scores: CellScores) -> tuple[FeatureGroup, ...]:
    return (FeatureGroup("one-hot", one_hot(scores.cells)),)


def _digits(scores: CellScores) -> tuple[FeatureGroup, ...]:
    return (FeatureGroup("digits", digits(scores.cells)),)


def _by_surrogate(known: Groups, measured: Array, others: Groups) -> Array:
    return fit_surrogate(known, measured).mean(others)


def _by_boosted_trees(known: Groups, measured: Array, others: Groups) -> Array:
    # Gradient boosting as in AnalogNAS, by scikit-learn instead of XGBoost. Digits that name
    # operations have no distances for a Gaussian process.
    trees = GradientBoostingRegressor(random_state=0)
    trees.fit(np.hstack([one.values for one in known]), measured)
    predicted: Array = trees.predict(np.hstack([one.values for one in others]))
    return predicted


ENCODINGS: Mapping[str, tuple[Encoding, Learner]] = {
    "paths and graph": (paths_and_graph, _by_surrogate),
    "paths, graph and digital accuracy": (with_digital, _by_surrogate),
    "one-hot": (_one_hot, _by_surrogate),
    "digits, boosted trees (AnalogNAS)": (_digits, _by_boosted_trees),
}
"""Ways to rank cells, by name: the features, and the method that learns from them."""


@dataclass(frozen=True)
class RankingScore:
    """Scores of one encoding, one target and one number of measured cells; one value per repeat.

    Attributes:
        encoding: One of `ENCODINGS`, or `DIGITAL_ALONE`.
        target: One of `TARGETS`.
        measured: Number of cells that the surrogate was fitted to; 0 if nothing was fitted.
        tau: Kendall's τ-b between prediction and measurement of held-out cells.
        regret: How far the best of the 10 top-ranked held-out cells is below the best of all
            held-out ones, in percent of accuracy.
    """

    encoding: str
    target: str
    measured: int
    tau: tuple[float, ...]
    regret: tuple[float, ...]


def split_by_class(classes: Indices, repeats: int, seed: int) -> list[tuple[Indices, Indices]]:
    """Return, for each repeat, the cells that may be measured and those that are held out.

    Half of the classes are held out as a whole: a cell equal to a measured one would be a leak.

    Raises:
        DataError: There are fewer than two classes.
    """
    if len(np.unique(classes)) < 2:
        raise DataError("all cells compute the same, or there are none: nothing to hold out")
    state = derive_seed(seed, "held-out classes") % 2**32
    splits = GroupShuffleSplit(repeats, test_size=0.5, random_state=state)
    return list(splits.split(classes, groups=classes))


def rank_agreement(predicted: Array, actual: Array) -> float:
    """Return Kendall's τ-b; 0 if all predictions are equal and so give no order."""
    statistic = float(kendalltau(predicted, actual).statistic)
    return 0.0 if np.isnan(statistic) else statistic


def regret(predicted: Array, actual: Array) -> float:
    """Return how far the best of the 10 top-ranked candidates is below the best of all."""
    first = np.argsort(-predicted, kind="stable")[:CHOSEN]
    return float(actual.max() - actual[first].max())


def ceiling(values: Array, classes: Indices, repeats: int, seed: int) -> tuple[float, ...]:
    """Return Kendall's τ between two cells that compute the same, over all classes with two cells.

    This is how well one measurement predicts another. A surrogate that predicts what a whole class
    has in common can exceed it, because only one side of its τ carries measurement noise.

    Raises:
        DataError: Fewer than two classes have two cells.
    """
    members = [np.flatnonzero(classes == one) for one in np.unique(classes)]
    several = [cells for cells in members if len(cells) > 1]
    if len(several) < 2:
        raise DataError("no two classes have two cells each: there is no ceiling to work out")
    found = []
    for repeat in range(repeats):
        draw = np.random.default_rng(derive_seed(seed, "equal cells", repeat))
        pairs = np.array([draw.choice(cells, 2, replace=False) for cells in several])
        found.append(rank_agreement(*values[pairs].T))
    return tuple(found)


def score_rankings(
    scores: CellScores, classes: Indices, counts: Sequence[int], repeats: int, seed: int
) -> Iterator[RankingScore]:
    """Yield the score of every encoding, for each target and number of measured cells.

    All encodings see the same cells, and a smaller number takes the first of a larger one. Digital
    accuracy alone, which needs no analog measurement, comes first.

    Raises:
        UsageError: Half of the classes have fewer cells than are to be measured.
    """
    splits = split_by_class(classes, repeats, seed)
    fewest = min(len(pool) for pool, _ in splits)
    if max(counts) > fewest:
        raise UsageError(
            f"{max(counts)} cells cannot be measured: half of the classes have {fewest}; take fewer"
        )
    drawn = []
    for repeat, (pool, held_out) in enumerate(splits):
        draw = np.random.default_rng(derive_seed(seed, "measured cells", repeat))
        drawn.append((draw.permutation(pool), held_out))
    encoded = {name: (encode(scores), learn) for name, (encode, learn) in ENCODINGS.items()}
    for target in TARGETS:
        actual = getattr(scores, target)
        sides = [(scores.digital[held_out], actual[held_out]) for _, held_out in splits]
        yield _score(DIGITAL_ALONE, target, 0, sides)
        for count in counts:
            for name, (groups, learn) in encoded.items():
                sides = []
                for order, held_out in drawn:
                    known, others = (
                        [one.of(cells) for one in groups] for cells in (order[:count], held_out)
                    )
                    predicted = learn(known, actual[order[:count]], others)
                    sides.append((predicted, actual[held_out]))
                yield _score(name, target, count, sides)


def _score(
    encoding: str, target: str, measured: int, sides: Sequence[tuple[Array, Array]]
) -> RankingScore:
    tau = tuple(rank_agreement(*side) for side in sides)
    return RankingScore(encoding, target, measured, tau, tuple(regret(*side) for side in sides))
