"""The change that one set of a case's chips shows against the baseline's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from analog_bench.errors import UsageError
from analog_bench.gate.pairing import pair_chips
from analog_bench.gate.significance import Effect, paired_effect, welch_effect
from analog_bench.noise import parse_noise
from analog_bench.records import Measurement, Metric, Result
from analog_bench.store.baseline import SCORE_DECIMALS, CaseEntry, StoredChip

# Stored scores are rounded; what differs by less than that does not differ.
RESOLUTION = 10.0**-SCORE_DECIMALS


@dataclass(frozen=True)
class ChipChange:
    """One set of chips compared with the baseline's.

    Attributes:
        effect: New score − stored score, mean over chips, in the metric's unit.
        how: The chips compared, in words: `3 chips, paired`.
        paired: Whether each chip was compared with itself.
    """

    effect: Effect
    how: str
    paired: bool

    def gain(self, metric: Metric) -> Effect:
        """Return the effect with up for better."""
        return replace(self.effect, change=metric.gain(self.effect.change))


def initial_change(result: Result, entry: CaseEntry, metric: Metric) -> ChipChange:
    """Compare the initial chips, which every run measures.

    Args:
        result: What was measured.
        entry: The baseline of the same protocol, case version and weights.
        metric: The metric to compare in; every chip has a score in it.
    """
    return _change(result, result.initial_chips, entry, entry.initial_chips, metric)


def confirmation_change(result: Result, entry: CaseEntry, metric: Metric) -> ChipChange | None:
    """Compare the chips measured to confirm a suspicion; None where there are none.

    A baseline without confirmation chips lends its initial ones: the new chips are fresh all the
    same, but cannot be paired. Arguments as of `initial_change`.
    """
    if not result.confirmation_chips:
        return None
    stored = entry.confirmation_chips or entry.initial_chips
    return _change(result, result.confirmation_chips, entry, stored, metric)


def draws_nothing(result: Result) -> bool:
    """Return whether one chip is enough, because the case's noise is not random."""
    try:
        noise = parse_noise(result.noise)
    except UsageError:
        # A noise family that this version does not know.
        return False
    return not noise.RANDOM and result.hardware == "ideal"


def _change(
    result: Result,
    measured: Sequence[Measurement],
    entry: CaseEntry,
    stored: Sequence[StoredChip],
    metric: Metric,
) -> ChipChange:
    new = {chip.chip: chip.scores[metric.name] for chip in measured}
    old = {chip.chip: chip.scores[metric.name] for chip in stored}
    pairing = pair_chips(
        structs.replace(result, chips=tuple(measured)), structs.replace(entry, chips=tuple(stored))
    )
    if pairing.chips:
        effect = paired_effect([_difference(new[chip], old[chip]) for chip in pairing.chips])
        how = f"{_chips(len(pairing.chips))}, paired"
    else:
        effect = welch_effect(list(new.values()), list(old.values()))
        how = f"{_chips(len(new))} against {len(old)}, unpaired: {pairing.reason}"
    same = bool(pairing.chips) and abs(effect.change) <= RESOLUTION
    if effect.standard_error is None and (draws_nothing(result) or same):
        effect = Effect(effect.change, 0.0, math.inf)
    return ChipChange(effect, how, bool(pairing.chips))


def _difference(new: float, old: float) -> float:
    return 0.0 if abs(new - old) <= RESOLUTION else new - old


def _chips(number: int) -> str:
    return "1 chip" if number == 1 else f"{number} chips"
