"""The decision rule: from the changes on one or two sets of chips to an outcome for each case.

A case whose initial chips are suspicious is measured once more, on confirmation chips that were
named before anything was measured. Testing every case at 5 % would raise false alarms in proportion
to the number of cases; correcting for that number would hide real changes; measuring only the
suspicious ones anew costs little and does neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analog_bench.gate.significance import Effect, benjamini_hochberg, p_above, p_below, tost

# Level of every one-sided test, and the false discovery rate among confirmed changes.
LEVEL = 0.05
# Level of each of the two one-sided tests for equivalence: with it `equivalent` means that the 95 %
# interval, which is shown, lies within the margin.
EQUIVALENCE_LEVEL = 0.025

Outcome = Literal["regressed", "equivalent", "improved", "inconclusive"]


@dataclass(frozen=True)
class Gains:
    """The changes measured for one case, up is better.

    Attributes:
        initial: On the initial chips.
        confirmation: On the confirmation chips; None where there are none.
        margin: Above 0, in the unit of the changes.
        independent: Whether the two share no chip. They do where the baseline has no confirmation
            chips and compares its initial ones twice.
    """

    initial: Effect
    confirmation: Effect | None
    margin: float
    independent: bool = True

    @property
    def deciding(self) -> Effect:
        """The change that the outcome is about: that of the last chips measured."""
        return self.initial if self.confirmation is None else self.confirmation

    @property
    def confirmable(self) -> bool:
        """Whether there are new data on both sides, which the selection does not bias."""
        return self.confirmation is not None and self.independent


@dataclass(frozen=True)
class Decision:
    """The outcome for one case.

    `p` is the p-value that decided, corrected for the number of cases it was picked from; None
    where nothing was suspicious.
    """

    outcome: Outcome
    p: float | None


def suspicion(gain: Effect, margin: float) -> int:
    """Return whether one set of chips suggests a change: −1 for worse, 1 for better, 0 for neither.

    It does where the estimate lies beyond the margin and is significant at 5 %, one-sided, without
    any correction: the confirmation chips are there for that.
    """
    if gain.change < -margin and p_below(gain, 0.0) <= LEVEL:
        return -1
    if gain.change > margin and p_above(gain, 0.0) <= LEVEL:
        return 1
    return 0


def decide(family: Sequence[Gains]) -> list[Decision]:
    """Decide every case of a family of cases that are read together: one model in one study.

    1. Without a suspicion, a case is `equivalent` where two one-sided tests place the change within
       the margin (each at 2.5 %; Schuirmann 1987), else `inconclusive`.
    2. A suspicious case with confirmation chips is `regressed` (`improved`) where these lie beyond
       the margin in the same direction and their one-sided p-value is at most 5 % after
       Benjamini–Hochberg among all cases that were measured again for this direction. Otherwise
       rule 1 is applied to the confirmation chips. They are none of the initial chips, so the
       selection by those does not bias them.
    3. A suspicious case without confirmation chips of its own on both sides was picked by the chips
       that judge it. It is `regressed` (`improved`) where its p-value is at most 5 % after
       Benjamini–Hochberg among all cases of the family, else `inconclusive`. Cases that are not
       suspicious count with a p of 1: then each case's p is at most x with a probability of at most
       x, whatever the two sets of chips have in common.
    """
    suspicions = [suspicion(gains.initial, gains.margin) for gains in family]
    adjusted = _adjusted(family, suspicions, direction=-1)
    adjusted |= _adjusted(family, suspicions, direction=1)
    return [
        _decide_case(gains, sign, adjusted.get(n))
        for n, (gains, sign) in enumerate(zip(family, suspicions, strict=True))
    ]


def _adjusted(
    family: Sequence[Gains], suspicions: Sequence[int], *, direction: int
) -> dict[int, float]:
    """Return the corrected p-values of the suspicious cases of one direction, by position."""
    test = p_below if direction < 0 else p_above
    suspects = {
        n: test(family[n].deciding, 0.0) for n, sign in enumerate(suspicions) if sign == direction
    }
    confirmed = {n: p for n, p in suspects.items() if family[n].confirmable}
    adjusted = dict(zip(confirmed, benjamini_hochberg(list(confirmed.values())), strict=True))
    if len(confirmed) < len(suspects):
        everywhere = benjamini_hochberg([suspects.get(n, 1.0) for n in range(len(family))])
        adjusted |= {n: everywhere[n] for n in suspects if n not in confirmed}
    return adjusted


def _decide_case(gains: Gains, sign: int, p: float | None) -> Decision:
    deciding = gains.deciding
    if sign and p is not None and p <= LEVEL and sign * deciding.change > gains.margin:
        return Decision("improved" if sign > 0 else "regressed", p)
    picked = bool(sign) and not gains.confirmable
    if not picked and tost(deciding, gains.margin) <= EQUIVALENCE_LEVEL:
        return Decision("equivalent", p)
    return Decision("inconclusive", p)
