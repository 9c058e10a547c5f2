"""Which chips are the very chips of the baseline, and the change that they show against it."""

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

# Stored scores are rounded; what differs by less than that does not differ.
RESOLUTION = 10.0**-SCORE_DECIMALS
FINGERPRINT_TOLERANCE = 1e-5
_FINGERPRINT_ZERO = 1e-9

Examples: TypeAlias = Mapping[str, int]
"""Protocol to its number of examples, as far as that is known."""
UNKNOWN: Examples = MappingProxyType({})

# Scores in points are percentages of the examples.
_POINTS = 100.0


@dataclass(frozen=True)
class ChipChange:
    """One set of chips compared with the baseline's.

    Attributes:
        effect: New score − stored score, mean over chips, in the metric's unit.
        how: Which chips are compared: `3 chips, paired`.
        identical: Whether these are the baseline's own chips, each with the score that is stored.
    """

    effect: Effect
    how: str
    paired: bool
    identical: bool

    def gain(self, metric: Metric) -> Effect:
        """Return the effect with up for better."""
        return replace(self.effect, change=metric.gain(self.effect.change))

    def reproduced(self) -> ChipChange:
        """Return an identical change as one that is known, not estimated."""
        return replace(self, effect=Effect(0.0, 0.0, math.inf)) if self.identical else self


def score_step(metric: Metric, examples: int) -> float:
    """Return how far one example can move a score: 100 / examples for points.

    0 where that is not known: a number of examples of 0, or a metric in another unit.
    """
    return _POINTS / examples if metric.unit == "points" and examples else 0.0


def initial_change(
    result: Result, entry: CaseEntry, metric: Metric, examples: Examples = UNKNOWN
) -> ChipChange:
    """Compare the initial chips, which every run measures.

    The entry is of the same protocol, case version and weights, and every chip has a score in the
    metric. The number of examples says in which steps scores can move; where it is not known, or
    says nothing about this metric, the step is the smallest difference between two of the scores.
    """
    return _change(*_initial(result, entry), metric, examples)


def confirmation_change(
    result: Result, entry: CaseEntry, metric: Metric, examples: Examples = UNKNOWN
) -> ChipChange | None:
    """Compare the chips measured to confirm a suspicion; None where there are none.

    A baseline without confirmation chips lends its initial ones. They cannot be paired, so this
    tells less than the initial chips do where those are paired: None there, too. Otherwise as
    `initial_change`.
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
    """Match chips by index; no chips, and the reason, where the sides are independent samples.

    Chips are paired where the seeds are the same, every index that both sides have carries the same
    fingerprint (to 1e-5 relative), and the side with fewer chips has no others. An empty
    fingerprint on both sides matches: nothing is fixed at programming there, and what is drawn at
    each read follows from the seed. The C++ tile seeds itself from the clock and is never paired,
    nor are two devices, which draw other numbers from one seed.
    One chip that does not match unpairs all: to leave it out would hide what changed.
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
    """Return whether one chip is enough, because the case's noise is not random."""
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
        # One chip is all there is: any other would have the same score.
        effect = Effect(effect.change, 0.0, math.inf)
    elif effect.tested_error == 0.0:
        # All that is known is one score: so coarse a one hides how far chips lie apart.
        effect = replace(effect, standard_error=None)
    return ChipChange(effect, how, bool(paired), bool(paired) and not any(differences))


def _initial(result: Result, entry: CaseEntry) -> tuple[Result, CaseEntry]:
    """Return both sides with their initial chips alone."""
    initial = structs.replace(result, chips=result.initial_chips)
    return initial, structs.replace(entry, chips=entry.initial_chips)


def _smallest_gap(scores: Iterable[float]) -> float:
    """Return the smallest difference between two scores that differ; 0 where none do."""
    gaps = (after - before for before, after in pairwise(sorted(scores)))
    return min((gap for gap in gaps if gap > RESOLUTION), default=0.0)


def without_rounding(difference: float) -> float:
    """Return a difference between two scores, 0 where rounding alone could make it."""
    return 0.0 if abs(difference) <= RESOLUTION else difference
