"""Where a row of runs changed: the run from which on the scores are others.

The same chip comes back every night, so a hundred nights of three chips are three chips: readings
of one chip are averaged over the runs of a side before anything is tested.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analog_bench.gate.decision import LEVEL
from analog_bench.gate.look import RESOLUTION
from analog_bench.gate.multiplicity import benjamini_hochberg
from analog_bench.gate.significance import Effect, p_above, p_below, paired_effect, welch_effect

Readings: TypeAlias = Sequence[Mapping[Hashable, float]]
"""One record a run, in order: what tells a chip from all others to its score; finite, not empty."""

_Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """The runs of one case, or of one robustness score, in order.

    Attributes:
        readings: Chip to score, run by run.
        margin: The change that matters, in the unit of the scores.
        draws: Whether anything in it is random; where not, one chip says all there is to say.
    """

    readings: Readings
    margin: float
    draws: bool = True


@dataclass(frozen=True)
class Step:
    """A change that stays.

    Attributes:
        at: Position of the first run after it.
        effect: Mean after − mean before, in the unit of the scores, over the runs up to the
            neighbouring steps.
        paired: Whether chip was compared with the same chip.
        p: Two-sided p-value, corrected for the places it could have been at, and for the rows
            that were searched.
    """

    at: int
    effect: Effect
    paired: bool
    p: float


def find_steps(rows: Sequence[Row]) -> list[tuple[Step, ...]]:
    """Find the steps in rows that are read together, such as all cases of a study on a model.

    Row by row, by binary segmentation (Scott and Knott, "A cluster analysis method for grouping
    means in the analysis of variance", Biometrics 30, 1974): of all places between two runs that
    one is taken where n₁n₂/(n₁+n₂) · change² is largest, which is the likelihood ratio of one
    change in the mean of n₁ and n₂ readings (Sen and Srivastava, "On tests for detecting change in
    mean", Ann. Stat. 3, 1975). If it is a step, both sides are searched in the same way.

    A change is taken chip by chip where the chips of one side are all among those of the other
    (Student), else between the chips of either side (Welch). It is a step where it is beyond the
    margin and its two-sided p is at most 5 %: times the number of places (Bonferroni), and after
    Benjamini-Hochberg among the rows. Where all runs of a side are repeats of the very same
    scores, nothing but the step could have suggested the place, and there is one place.

    Args:
        rows: The rows.

    Returns:
        The steps of each row, in the order of its runs.
    """
    found = [_segments(row) for row in rows]
    # A row without a step was searched, too: it counts.
    tested = [step.p for steps in found for step in steps]
    corrected = iter(benjamini_hochberg(tested))
    steps = [[replace(step, p=next(corrected)) for step in steps] for steps in found]
    return [
        tuple(step for step in own if _holds(step, row))
        for own, row in zip(steps, rows, strict=True)
    ]


def _segments(row: Row) -> list[Step]:
    """Return the steps of one row, or the likeliest one where there is none."""
    scores = _scores(row.readings)
    places = sorted(_search(scores, row, 0, len(row.readings)))
    while True:
        ends = [0, *places, len(row.readings)]
        steps = [
            _step(scores, row, low, at, high)
            for low, at, high in zip(ends, places, ends[2:], strict=False)
        ]
        weak = [step for step in steps if not _holds(step, row)]
        if not weak or len(places) == 1:
            return steps
        # Between its neighbours it is no step any more: the others are taken without it.
        places.remove(max(weak, key=lambda step: step.p).at)


def _search(scores: _Array, row: Row, low: int, high: int) -> Iterator[int]:
    at = _likeliest(scores[:, low:high])
    if at is None:
        return
    is_step = _holds(_step(scores, row, low, low + at, high), row)
    if is_step or (low, high) == (0, scores.shape[1]):
        yield low + at
    if is_step:
        yield from _search(scores, row, low, low + at)
        yield from _search(scores, row, low + at, high)


def _likeliest(scores: _Array) -> int | None:
    """Return the place with the largest likelihood ratio; None where there is no place."""
    runs = scores.shape[1]
    if runs < 2:
        return None
    there = ~np.isnan(scores)
    counts = np.cumsum(there, axis=1)
    sums = np.cumsum(np.where(there, scores, 0.0), axis=1)
    before, after = counts[:, :-1], counts[:, -1:] - counts[:, :-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        old = sums[:, :-1] / before
        new = (sums[:, -1:] - sums[:, :-1]) / after
        was, is_ = before > 0, after > 0
        shared = was & is_
        paired = shared.sum(0) >= np.minimum(was.sum(0), is_.sum(0))
        change = np.where(
            paired,
            np.where(shared, new - old, 0.0).sum(0) / shared.sum(0),
            np.where(is_, new, 0.0).sum(0) / is_.sum(0)
            - np.where(was, old, 0.0).sum(0) / was.sum(0),
        )
    n1, n2 = before.sum(0), after.sum(0)
    return int(np.argmax(n1 * n2 / (n1 + n2) * change**2)) + 1


def _step(scores: _Array, row: Row, low: int, at: int, high: int) -> Step:
    old, new = _means(scores[:, low:at]), _means(scores[:, at:high])
    shared = sorted(old.keys() & new.keys())
    paired = len(shared) >= min(len(old), len(new))
    if paired:
        differences = [new[chip] - old[chip] for chip in shared]
        # Sums of the same scores in another order differ in their last digits.
        effect = paired_effect([0.0 if abs(d) <= RESOLUTION else d for d in differences])
    else:
        effect = welch_effect(list(new.values()), list(old.values()))
    if effect.standard_error is None and not row.draws:
        effect = Effect(effect.change, 0.0, math.inf)
    p = min(1.0, 2.0 * min(p_below(effect, 0.0), p_above(effect, 0.0)))
    repeats = _repeats(scores[:, low:at]) and _repeats(scores[:, at:high])
    return Step(at, effect, paired, p if repeats else min(1.0, p * (high - low - 1)))


def _holds(step: Step, row: Row) -> bool:
    return step.p <= LEVEL and abs(step.effect.change) > max(row.margin, RESOLUTION)


def _scores(readings: Readings) -> _Array:
    """Return the scores with NaN where a chip was not measured; shape (chips, runs)."""
    chips = list(dict.fromkeys(chip for run in readings for chip in run))
    return np.array(
        [[run.get(chip, math.nan) for run in readings] for chip in chips], dtype=np.float64
    ).reshape(len(chips), len(readings))


def _means(scores: _Array) -> dict[int, float]:
    """Return the chips that were measured with their means over the runs."""
    there = ~np.isnan(scores)
    return {
        chip: math.fsum(scores[chip, there[chip]]) / int(there[chip].sum())
        for chip in range(len(scores))
        if there[chip].any()
    }


def _repeats(scores: _Array) -> bool:
    """Return whether all runs have the same chips with the same scores."""
    return bool(np.all(np.isnan(scores) == np.isnan(scores[:, :1]))) and not bool(
        np.any(np.abs(scores - scores[:, :1]) > RESOLUTION)
    )
