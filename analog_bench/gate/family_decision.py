"""Decide results against their baselines, for one model in one study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analog_bench.gate.chip_change import (
    RESOLUTION,
    UNKNOWN,
    ChipChange,
    Examples,
    confirmation_change,
    draws_nothing,
    initial_change,
)
from analog_bench.gate.decision_rule import Decision, Gains, decide, suspicion
from analog_bench.records import Metric, Result
from analog_bench.store.baseline import CaseEntry

# A run reproduces its baseline if at most this share of the paired cases moved, or a single one.
_MOVED_SHARE = 0.1


@dataclass(frozen=True)
class DecidedCase:
    """The changes of one case and the decision about it within its family.

    Attributes:
        initial: The change on the initial chips.
        confirmation: The change on the confirmation chips; None if these were not needed or add
            nothing.
        shares_chips: Whether both are compared with the same stored chips, because the baseline has
            no confirmation chips.
        decision: The outcome.
    """

    initial: ChipChange
    confirmation: ChipChange | None
    shares_chips: bool
    decision: Decision


def decide_family(
    cases: Sequence[tuple[Result, CaseEntry]], metric: Metric, examples: Examples = UNKNOWN
) -> list[DecidedCase]:
    """Decide all comparable cases of a family, as `decision_rule.decide` describes.

    Identical scores on the baseline's own chips are known, not estimated, if the run *reproduces*
    its baseline: at most one in ten of the paired cases has moved, or a single one. If more have
    moved, something changed, and a coarse score may have stayed the same by accident. It is then
    given the uncertainty that steps leave with this number of chips (see `step_error`).

    The metric has the margin that counts in this study. The order of the cases does not matter.
    """
    initial = [initial_change(result, entry, metric, examples) for result, entry in cases]
    known = _reproduces(initial)
    sets = [
        (change, _confirmation(change, result, entry, metric, examples))
        for change, (result, entry) in zip(initial, cases, strict=True)
    ]
    if known:
        sets = [(first.reproduced(), again and again.reproduced()) for first, again in sets]
    shared = [not entry.confirmation_chips for _, entry in cases]
    margin = max(metric.margin, RESOLUTION)
    gains = [
        Gains(first.gain(metric), again.gain(metric) if again else None, margin, not alone)
        for (first, again), alone in zip(sets, shared, strict=True)
    ]
    return [
        DecidedCase(first, again, again is not None and alone, decision)
        for (first, again), alone, decision in zip(sets, shared, decide(gains), strict=True)
    ]


def looks_changed(
    result: Result, entry: CaseEntry, metric: Metric, examples: Examples = UNKNOWN
) -> bool:
    """Return whether the initial chips look changed, so that fresh chips should confirm it.

    The result must be comparable with the entry. No other case matters, because the question is
    asked while the run is going on.
    """
    change = initial_change(result, entry, metric, examples)
    if change.paired and not entry.confirmation_chips:
        # The baseline has no fresh chips to compare with.
        return False
    return suspicion(change.gain(metric), metric.margin) != 0 and not draws_nothing(result)


def _confirmation(
    initial: ChipChange, result: Result, entry: CaseEntry, metric: Metric, examples: Examples
) -> ChipChange | None:
    # Updating a baseline measures both sets of chips; the second counts only where needed.
    if suspicion(initial.gain(metric), metric.margin) == 0:
        return None
    return confirmation_change(result, entry, metric, examples)


def _reproduces(changes: Sequence[ChipChange]) -> bool:
    paired = [change for change in changes if change.paired]
    moved = sum(not change.identical for change in paired)
    return moved <= max(1.0, _MOVED_SHARE * len(paired))
