"""The decision rule: turn the changes on one or two sets of chips into an outcome per case.

A case whose initial chips are suspicious is measured again on confirmation chips, which were named
before anything was measured. Testing every case at 5 % would raise false alarms in proportion to
the number of cases, and correcting for that number would hide real changes. Measuring only the
suspicious cases again is cheap and avoids both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analog_bench.gate.significance import Effect, benjamini_hochberg, p_above, p_below, tost

# Level of every one-sided test, and the false discovery rate among confirmed changes.
LEVEL = 0.05
# Level of each of the two one-sided tests for equivalence. At 2.5 %, `equivalent` means that the 95
# % interval shown to the user lies within the margin.
EQUIVALENCE_LEVEL = 0.025

Outcome = Literal["regressed", "equivalent", "improved", "inconclusive"]


@dataclass(frozen=True)
class Gains:
    """The changes measured for one case, signed so that up is better.

    Attributes:
        initial: The change on the initial chips.
        confirmation: The change on the confirmation chips; None if there are none.
        margin: The change that matters, above 0, in the unit of the changes.
        independent: Whether the two changes share no chip. They share chips if the baseline has no
            confirmation chips and its initial ones are compared twice.
    """

    initial: Effect
    confirmation: Effect | None
    margin: float
    independent: bool = True

    @property
    def deciding(self) -> Effect:
        """The change that decides: that of the chips measured last."""
        return self.initial if self.confirmation is None else self.confirmation

    @property
    def confirmable(self) -> bool:
        """Whether both sides have new data, which the selection does not bias."""
        return self.confirmation is not None and self.independent


@dataclass(frozen=True)
class Decision:
    """The outcome for one case.

    `p` is the p-value that decided, corrected for the number of cases it was selected from. It is
    None where nothing was suspicious.
    """

    outcome: Outcome
    p: float | None


def suspicion(gain: Effect, margin: float) -> int:
    """Return whether one set of chips suggests a change: −1 for worse, 1 for better, 0 for neither.

    It does if the estimate lies beyond the margin and is significant at 5 %, one-sided. No
    correction is applied, because the confirmation chips take its place.
    """
    if gain.change < -margin and p_below(gain, 0.0) <= LEVEL:
        return -1
    if gain.change > margin and p_above(gain, 0.0) <= LEVEL:
        return 1
    return 0


def decide(family: Sequence[Gains]) -> list[Decision]:
    """Decide every case of a family: the cases of one model in one study.

    1. A case that is not suspicious is `equivalent` if two one-sided tests place the change within
    the margin (each at 2.5 %; Schuirmann 1987), else `inconclusive`.
    2. A suspicious case with confirmation chips is `regressed` (`improved`) if these lie beyond the
       margin in the same direction and their one-sided p-value is at most 5 % after
       Benjamini–Hochberg among all cases measured again for this direction. Otherwise rule 1 is
       applied to the confirmation chips. None of them is an initial chip, so selecting the case by
       its initial chips does not bias them.
    3. A suspicious case without its own confirmation chips on both sides is judged by the chips
       that selected it. It is `regressed` (`improved`) if its p-value is at most 5 % after
       Benjamini–Hochberg among all cases of the family, else `inconclusive`. Cases that are not
       suspicious count with p = 1. Each p is then at most x with a probability of at most x,
       however the two sets of chips depend on each other.
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
