"""The rule: from what one or two looks saw of every case of a family to what may be said.

A look is one set of chips compared with the baseline's. A case whose first look is suspicious is
looked at once more, on fresh chips that were named before anything was measured. Testing every case
at 5 % would raise false alarms in proportion to the number of cases; correcting for that number
would hide real changes; measuring only the suspicious ones anew costs little and does neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analog_bench.gate.multiplicity import benjamini_hochberg
from analog_bench.gate.significance import Effect, p_above, p_below, tost

# Level of every one-sided test, and the false discovery rate among confirmed changes.
LEVEL = 0.05
# Level of each of the two one-sided tests for equivalence: with it `equivalent` means that the 95 %
# interval, which is shown, lies within the margin.
EQUIVALENCE_LEVEL = 0.025

Outcome = Literal["regressed", "equivalent", "improved", "inconclusive"]


@dataclass(frozen=True)
class Looks:
    """What was seen of one case; effects are gains: up is better.

    Attributes:
        first: The change on the chips that every run measures.
        second: The change on fresh chips; None where there were none.
        margin: The change that matters, in the effects' unit, above 0.
    """

    first: Effect
    second: Effect | None
    margin: float

    @property
    def deciding(self) -> Effect:
        """The look that the outcome is about: the last one."""
        return self.first if self.second is None else self.second


@dataclass(frozen=True)
class Decision:
    """What may be said of one case.

    Attributes:
        outcome: In one word.
        p: The p-value that decided, corrected for the number of cases it was picked from; None
            where nothing was suspicious.
    """

    outcome: Outcome
    p: float | None


def suspicion(gain: Effect, margin: float) -> int:
    """Say whether a look alone makes one think of a change.

    It does where the estimate lies beyond the margin and is significant at 5 %, one-sided, without
    any correction: the second look is there for that.

    Args:
        gain: The change, up is better.
        margin: The change that matters.

    Returns:
        −1 for worse, 1 for better, 0 for neither.
    """
    if gain.change < -margin and p_below(gain, 0.0) <= LEVEL:
        return -1
    if gain.change > margin and p_above(gain, 0.0) <= LEVEL:
        return 1
    return 0


def decide(family: Sequence[Looks]) -> list[Decision]:
    """Decide every case of a family of cases that are read together: one model in one study.

    1. Without a suspicion, a case is `equivalent` where two one-sided tests place the change within
       the margin (each at 2.5 %; Schuirmann 1987), else `inconclusive`.
    2. A suspicious case with a second look is `regressed` (`improved`) where the second look lies
       beyond the margin in the same direction and its one-sided p-value is at most 5 % after
       Benjamini–Hochberg among all cases that were looked at again for this direction. Otherwise
       rule 1 is applied to the second look. The looks share no chip, so the selection by the first
       does not bias the second.
    3. A suspicious case without a second look is `regressed` (`improved`) where its p-value is at
       most 5 % after Benjamini–Hochberg among all cases of the family, else `inconclusive`.

    Args:
        family: One record a case, in any order.

    Returns:
        One decision a case, in the same order.
    """
    suspicions = [suspicion(looks.first, looks.margin) for looks in family]
    adjusted = {
        **_adjusted(family, suspicions, direction=-1),
        **_adjusted(family, suspicions, direction=1),
    }
    return [
        _one(looks, sign, adjusted.get(n))
        for n, (looks, sign) in enumerate(zip(family, suspicions, strict=True))
    ]


def _adjusted(
    family: Sequence[Looks], suspicions: Sequence[int], *, direction: int
) -> dict[int, float]:
    """Return the corrected p-values of the suspicious cases of one direction, by position."""
    test = p_below if direction < 0 else p_above
    picked = [n for n, sign in enumerate(suspicions) if sign == direction]
    again = {n: second for n in picked if (second := family[n].second) is not None}
    confirmed = benjamini_hochberg([test(second, 0.0) for second in again.values()])
    found = dict(zip(again, confirmed, strict=True))
    if len(again) < len(picked):
        everywhere = benjamini_hochberg([test(looks.first, 0.0) for looks in family])
        found |= {n: everywhere[n] for n in picked if n not in again}
    return found


def _one(looks: Looks, sign: int, p: float | None) -> Decision:
    seen = looks.deciding
    if sign and p is not None and p <= LEVEL and sign * seen.change > looks.margin:
        return Decision("improved" if sign > 0 else "regressed", p)
    unconfirmed = bool(sign) and looks.second is None
    if not unconfirmed and tost(seen, looks.margin) <= EQUIVALENCE_LEVEL:
        return Decision("equivalent", p)
    return Decision("inconclusive", p)
