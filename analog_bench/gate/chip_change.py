"""Find the chips shared with the baseline and estimate the change they show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

from msgspec import structs

from analog_bench.errors import UsageError
from analog_bench.gate.significance import Effect, paired_effect, welch_effect
from analog_bench.noise import parse_noise
from analog_bench.records import Metric, Result
from analog_bench.simulators.registry import why_unpaired
from analog_bench.spelling import counted
from analog_bench.store.baseline import SCORE_DECIMALS, CaseEntry

# Stored scores are rounded; a smaller difference is none.
RESOLUTION = 10.0**-SCORE_DECIMALS
FINGERPRINT_TOLERANCE = 1e-5
_FINGERPRINT_ZERO = 1e-9

Examples: TypeAlias = Mapping[str, int]
"""Protocol to its number of examples, as far as known."""
UNKNOWN: Examples = MappingProxyType({})

# Scores in points are percentages of the examples.
_POINTS = 100.0


@dataclass(frozen=True)
class ChipChange:
    """One set of chips compared with the baseline's.

    Attributes:
        effect: New score − stored score, mean over chips, in the metric's unit.
        how: Which chips are compared, such as `3 chips, paired`.
        paired: Whether they are the same chips on both sides.
        identical: Whether these are the baseline's own chips, each with its stored score.
    """

    effect: Effect
    how: str
    paired: bool
    identical: bool

    def gain(self, metric: Metric) -> Effect:
        """Return the effect, signed so that up is better."""
        return replace(self.effect, change=metric.gain(self.effect.change))

    def reproduced(self) -> ChipChange:
        """Return the change as known rather than estimated if it is identical."""
        return replace(self, effect=Effect(0.0, 0.0, math.inf)) if self.identical else self


def score_step(metric: Metric, examples: int) -> float:
    """Return how far one example can move a score: 100 / examples for points.

    It is 0 where that is unknown: no number of examples, or a metric in another unit.
    """
    return _POINTS / examples if metric.unit == "points" and examples else 0.0


def initial_change(
    result: Result, entry: CaseEntry, metric: Metric, examples: Examples = UNKNOWN
) -> ChipChange:
    """Compare the initial chips, which every run measures.

    The entry must have the same protocol, case version and weights, and every chip must have a
    score in the metric. The number of examples gives the step size of scores. Where it is unknown
    or does not apply to this metric, the smallest difference between two of the scores is taken.
    """
    return _change(*_initial(result, entry), metric, examples)


def confirmation_change(
    result: Result, entry: CaseEntry, metric: Metric, examples: Examples = UNKNOWN
) -> ChipChange | None:
    """Compare the chips measured to confirm a suspicion; None if there are none.

    A baseline without confirmation chips is compared by its initial chips. Fresh chips cannot be
    paired with those, so they tell less than paired initial chips do: the result is None if the
    initial chips are paired. Otherwise as `initial_change`.
    """
    if not result.confirmation_chips:
        return None
    stored = entry.confirmation_chips
    if not stored:
        if pair_chips(*_initial(result, entry))[0]:
            return None
        stored = entry.initial_chips
    fresh = structs.replace(result, chips=result.confirmation_chips)
    return _change(fresh, structs.replace(entry, chips=stored), metric, examples)


def pair_chips(result: Result, entry: CaseEntry) -> tuple[tuple[int, ...], str]:
    """Match chips by index; return none, and the reason, if the sides are independent samples.

    Chips are paired if the seeds are equal, every index on both sides has the same fingerprint (to
    1e-5 relative), and the side with fewer chips has no others. Empty fingerprints on both sides
    match: nothing is fixed at programming, and what is drawn at each read follows from the seed.
    The C++ tile seeds itself from the clock and is never paired. Neither are two devices, which
    draw different numbers from the same seed.

    A single mismatched chip unpairs all, because leaving it out would hide what changed.
    """
    unpaired = why_unpaired(result.tile)
    if unpaired:
        return (), unpaired
    if result.device != entry.device:
        return (), f"the baseline is of {entry.device}, and this is of {result.device}"
    if result.seed != entry.seed:
        return (), f"the seed was {entry.seed}, now {result.seed}"
    new = {chip.chip: chip.fingerprint for chip in result.chips}
    old = {chip.chip: chip.fingerprint for chip in entry.chips}
    shared = sorted(new.keys() & old.keys())
    if len(shared) < min(len(new), len(old)):
        return (), "other chips were measured"
    differing = [chip for chip in shared if not same_fingerprint(new[chip], old[chip])]
    if differing:
        return (), f"chip {differing[0]} was programmed differently"
    return tuple(shared), ""


def same_fingerprint(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether two fingerprints agree to 1e-5 relative (to 1e-9 absolute near 0)."""
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=FINGERPRINT_TOLERANCE, abs_tol=_FINGERPRINT_ZERO)
        for a, b in zip(one, other, strict=True)
    )


def draws_nothing(result: Result) -> bool:
    """Return whether one chip is enough because the case is not random."""
    try:
        noise = parse_noise(result.noise)
    except UsageError:
        # A noise family that this version does not know.
        return False
    return not noise.RANDOM and result.hardware == "ideal"


def _change(result: Result, entry: CaseEntry, metric: Metric, examples: Examples) -> ChipChange:
    new = {chip.chip: chip.scores[metric.name] for chip in result.chips}
    old = {chip.chip: chip.scores[metric.name] for chip in entry.chips}
    exact = draws_nothing(result)
    step = 0.0
    if not exact:
        known = score_step(metric, examples.get(result.protocol, 0))
        step = known or _smallest_gap([*new.values(), *old.values()])
    paired, why_not = pair_chips(result, entry)
    differences = [without_rounding(new[chip] - old[chip]) for chip in paired]
    if paired:
        effect = paired_effect(differences, step)
        how = f"{counted(len(paired), 'chip')}, paired"
    else:
        effect = welch_effect(list(new.values()), list(old.values()), step)
        how = f"{counted(len(new), 'chip')} against {len(old)}, unpaired: {why_not}"
    if exact and not effect.tested_error:
        # Every other chip would have the same score.
        effect = Effect(effect.change, 0.0, math.inf)
    elif effect.tested_error == 0.0:
        # A single score is known. Steps this coarse hide the spread of the chips.
        effect = replace(effect, standard_error=None)
    return ChipChange(effect, how, bool(paired), bool(paired) and not any(differences))


def _initial(result: Result, entry: CaseEntry) -> tuple[Result, CaseEntry]:
    """Return both sides with only their initial chips."""
    initial = structs.replace(result, chips=result.initial_chips)
    return initial, structs.replace(entry, chips=entry.initial_chips)


def _smallest_gap(scores: Iterable[float]) -> float:
    """Return the smallest difference between two distinct scores; 0 if there is none."""
    gaps = (after - before for before, after in pairwise(sorted(scores)))
    return min((gap for gap in gaps if gap > RESOLUTION), default=0.0)


def without_rounding(difference: float) -> float:
    """Return a difference between two scores, or 0 if rounding alone could cause it."""
    return 0.0 if abs(difference) <= RESOLUTION else difference
