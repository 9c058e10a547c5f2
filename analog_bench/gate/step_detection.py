"""Find where a series of runs changed: the run from which on the scores differ.

The same chips come back every night, so a hundred nights of three chips are three chips. The
readings of a chip are averaged over the runs on each side before anything is tested.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analog_bench.gate.chip_change import RESOLUTION, without_rounding
from analog_bench.gate.decision_rule import LEVEL
from analog_bench.gate.significance import Effect, benjamini_hochberg, p_below, paired_effect

Readings: TypeAlias = Sequence[Mapping[Hashable, float]]
"""One mapping per run, in order: identity of a chip to its finite score; not empty."""

_Array: TypeAlias = NDArray[np.float64]
_Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Row:
    """The runs of one case, or of one robustness score, in order.

    `margin` is the change that matters, in the unit of the scores. `draws` is False if nothing is
    random, so that one chip is enough.
    """

    readings: Readings
    margin: float
    draws: bool = True


@dataclass(frozen=True)
class Step:
    """A lasting change.

    Attributes:
        at: Position of the first run after it.
        effect: Mean after − mean before, in the unit of the scores, over the runs up to the
            neighbouring steps.
        paired: Whether the change is taken chip by chip.
        p: Two-sided p-value, corrected for the number of possible places and for the number of rows
            searched.
    """

    at: int
    effect: Effect
    paired: bool
    p: float


def find_steps(rows: Sequence[Row]) -> list[tuple[Step, ...]]:
    """Find the steps in rows that are read together, such as all cases of a study on a model.

    Each row is searched by binary segmentation (Scott and Knott, "A cluster analysis method for
    grouping means in the analysis of variance", Biometrics 30, 1974). Of all places between two
    runs, the one with the largest n₁n₂/(n₁+n₂) · change² is taken, the likelihood ratio of one
    change in the mean of n₁ and n₂ readings (Sen and Srivastava, "On tests for detecting change in
    mean", Ann. Stat. 3, 1975). If it is a step, both sides are searched in the same way.

    Where scores that repeat give way to others that repeat, the place is obvious and is added
    without a search, because two such steps that cancel would hide each other. Then the weakest
    place is removed, again and again, until all that remain are steps between their neighbours.

    A change is taken chip by chip if the chips of one side are all among those of the other
    (Student's test of differences), else between the chips of either side (Student's test of two
    samples with a common variance). It is a step if it is beyond the margin and its two-sided p is
    at most 5 % after two corrections: multiplied by the row's number of places (Bonferroni), then
    Benjamini-Hochberg among the rows. There is no place between two runs with identical scores, so
    a row that changes once is corrected for one.
    """
    candidates = [_segments(row) for row in rows]
    # A row without a step was searched too, so it counts.
    tested = [step.p for steps in candidates for step in steps]
    corrected = iter(benjamini_hochberg(tested))
    return [
        tuple(s for step in steps if _holds(s := replace(step, p=next(corrected)), row))
        for steps, row in zip(candidates, rows, strict=True)
    ]


def _segments(row: Row) -> list[Step]:
    """Return the steps of one row, or the likeliest place if there is none."""
    scores = _scores(row.readings)
    runs = scores.shape[1]
    changes = _changes(scores)
    step_at = functools.cache(functools.partial(_step, scores, row, max(1, int(changes.sum()))))
    searched = _search(scores, changes, row, step_at, 0, runs)
    places = sorted({*searched, *_isolated_changes(changes)})
    while True:
        ends = [0, *places, runs]
        steps = [
            step_at(low, at, high) for low, at, high in zip(ends, places, ends[2:], strict=False)
        ]
        weak = [step for step in steps if not _holds(step, row)]
        if not weak or len(places) == 1:
            return steps
        places.remove(max(weak, key=lambda step: step.p).at)


def _search(
    scores: _Array,
    changes: _Flags,
    row: Row,
    step_at: Callable[[int, int, int], Step],
    low: int,
    high: int,
) -> Iterator[int]:
    if high - low < 2:
        return
    at = low + _likeliest(scores[:, low:high], changes[low : high - 1])
    is_step = _holds(step_at(low, at, high), row)
    if is_step or (low, high) == (0, scores.shape[1]):
        yield at
    if is_step:
        yield from _search(scores, changes, row, step_at, low, at)
        yield from _search(scores, changes, row, step_at, at, high)


def _isolated_changes(changes: _Flags) -> Iterator[int]:
    """Yield the places of a change with repeated scores on both sides."""
    padded = np.pad(changes, 1)
    yield from (np.flatnonzero(changes & ~padded[:-2] & ~padded[2:]) + 1).tolist()


def _likeliest(scores: _Array, changes: _Flags) -> int:
    """Return the place with the largest likelihood ratio among those where anything changed."""
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
    ratio = n1 * n2 / (n1 + n2) * change**2
    return int(np.argmax(np.where(changes, ratio, -1.0))) + 1


def _step(scores: _Array, row: Row, places: int, low: int, at: int, high: int) -> Step:
    old, new = _means(scores[:, low:at]), _means(scores[:, at:high])
    shared = sorted(old.keys() & new.keys())
    paired = len(shared) >= min(len(old), len(new))
    if paired:
        # Sums of the same scores in another order differ in their last digits.
        effect = paired_effect([without_rounding(new[chip] - old[chip]) for chip in shared])
    else:
        effect = _pooled_effect(list(new.values()), list(old.values()))
    if effect.standard_error is None and not row.draws:
        effect = Effect(effect.change, 0.0, math.inf)
    p = 2.0 * p_below(replace(effect, change=-abs(effect.change)), 0.0)
    return Step(at, effect, paired, min(1.0, p * places))


def _pooled_effect(new: Sequence[float], old: Sequence[float]) -> Effect:
    """Estimate a change between different chips, with the spread pooled over both sides.

    Welch's test is not used: at the small p-values that many places and rows require, it is far too
    confident about a side of few chips that happen to be alike.
    """
    after, before = paired_effect(new), paired_effect(old)
    change, freedom = after.change - before.change, after.freedom + before.freedom
    if not freedom:
        return Effect(change, None, freedom)
    squares = sum(
        len(side) * mean.freedom * (mean.standard_error or 0.0) ** 2
        for side, mean in ((new, after), (old, before))
    )
    return Effect(change, math.sqrt(squares / freedom * (1 / len(new) + 1 / len(old))), freedom)


def _holds(step: Step, row: Row) -> bool:
    return step.p <= LEVEL and abs(step.effect.change) > max(row.margin, RESOLUTION)


def _scores(readings: Readings) -> _Array:
    """Return the scores, of shape (chips, runs), with NaN where a chip was not measured."""
    places = {chip: n for n, chip in enumerate(dict.fromkeys(c for run in readings for c in run))}
    scores = np.full((len(places), len(readings)), math.nan)
    for n, run in enumerate(readings):
        for chip, score in run.items():
            scores[places[chip], n] = score
    return scores


def _means(scores: _Array) -> dict[int, float]:
    """Return each measured chip's mean over the runs."""
    there = ~np.isnan(scores)
    return {
        chip: math.fsum(scores[chip, there[chip]]) / int(there[chip].sum())
        for chip in range(len(scores))
        if there[chip].any()
    }


def _changes(scores: _Array) -> _Flags:
    """Return for each run but the first whether its chips or their scores changed."""
    before, after = scores[:, :-1], scores[:, 1:]
    with np.errstate(invalid="ignore"):
        moved = np.abs(after - before) > RESOLUTION
    changed: _Flags = np.any(moved | (np.isnan(before) != np.isnan(after)), axis=0)
    return changed
