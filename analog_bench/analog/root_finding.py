"""Find the root of a costly function that grows about as a power of its argument."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from scipy.optimize import brentq

# A value within the first share of the target counts as the target. If the final value is off by
# more than the second, the function jumps over the target.
_CLOSE, _JUMP = 0.002, 0.05
# Largest number of steps to a bracket; number of steps after which each must be at least the
# smaller factor, so that a saturating function is detected; the largest and smallest factor.
_STEPS, _PATIENCE, _FARTHEST, _NEAREST = 16, 3, math.log(30.0), math.log(4.0)
# Range of powers that the function is assumed to have, and how far a step aims past the target.
_FLATTEST, _STEEPEST, _BEYOND = 0.2, 5.0, 1.1
# Accuracy in locating the end of the range.
_FINEST = math.log(1.05)
_TINY, _FAR = 1e-30, 100.0


class Root(NamedTuple):
    """The argument whose value is nearest to the target, and that value.

    `side` is 0 if the value is the target, -1 if the function stays below it, 1 if above.
    """

    x: float
    value: float
    side: int


def root(
    function: Callable[[float], float], target: float, start: float, lower: float, upper: float
) -> Root:
    """Find where a function takes a target value above 0, in few evaluations.

    The search walks from `start` until it has a bracket, guessing from the slope so far, and then
    uses Brent's method. Both work in logarithms of argument and value, in which a power is a
    straight line. The search ends early within 0.2 % of the target. Bounds are above 0. The
    function returns at least 0; an infinite or NaN value counts as too large. If there is no root
    between the bounds, the evaluated argument nearest to one is returned.
    """
    seen: dict[float, float] = {}

    def miss(x: float) -> float:
        if x not in seen:
            seen[x] = function(math.exp(x))
        if not math.isfinite(seen[x]):
            return math.inf
        off = math.log(max(seen[x], _TINY) / target)
        # Brent's method stops at an exact 0.
        return 0.0 if abs(off) < _CLOSE else off

    ends = _ends(miss, math.log(start), math.log(lower), math.log(upper))
    if len(ends) == 2:
        brentq(lambda x: min(miss(x), _FAR), *ends, xtol=_CLOSE / 10)
    known = {x: abs(miss(x)) for x, value in seen.items() if math.isfinite(value)}
    if not known:
        return Root(start, math.nan, 1)
    best = min(known, key=lambda x: known[x])
    reached = known[best] == 0 or (len(ends) == 2 and known[best] < _JUMP)
    return Root(math.exp(best), seen[best], 0 if reached else int(math.copysign(1, miss(best))))


def _ends(miss: Callable[[float], float], x: float, lower: float, upper: float) -> list[float]:
    """Return two arguments on either side of the target, a single one at the target, or none."""
    sides: dict[bool, float] = {}
    slope, last = 1.0, math.nan
    for step in range(_STEPS):
        off = miss(x)
        if off == math.inf:
            # Not a finite number: the end of the range lies before this.
            upper = x
            x = max(x - _FARTHEST, lower) if math.isnan(last) else (last + x) / 2
            if x - last < _FINEST:
                break
            continue
        if off == 0:
            return [x]
        sides[off > 0] = x
        if len(sides) == 2:
            return sorted(sides.values())
        bound = lower if off > 0 else upper
        if x == bound:
            break
        if not math.isnan(last):
            slope = min(max((off - miss(last)) / (x - last), _FLATTEST), _STEEPEST)
        move = abs(off) / slope * (_BEYOND if step else 1.0)
        move = min(max(move, _NEAREST if step >= _PATIENCE else 0.0), _FARTHEST)
        last, x = x, min(max(x + math.copysign(move, -off), lower), upper)
    return []
