"""The root of a costly function that goes up, about as a power of its argument."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from scipy.optimize import brentq

# A value within this share of the target is the target; one that is farther off than the other
# share after all is a jump over it.
_CLOSE, _JUMP = 0.002, 0.05
# Steps to a bracket at most. A step is at most the one factor; after some, at least the other, so
# that a function that saturates is found out.
_STEPS, _PATIENCE, _FARTHEST, _NEAREST = 16, 3, math.log(30.0), math.log(4.0)
# Powers between which a function is believed to go, and how far a step aims beyond the target.
_FLATTEST, _STEEPEST, _BEYOND = 0.2, 5.0, 1.1
# How closely the end of the range is looked for.
_FINEST = math.log(1.05)
_TINY, _FAR = 1e-30, 100.0


class Root(NamedTuple):
    """The argument that comes nearest to the target, and the value there.

    `side` is 0 where the value is the target; -1 where the function stays below it, 1 above.
    """

    x: float
    value: float
    side: int


def root(
    function: Callable[[float], float], target: float, start: float, lower: float, upper: float
) -> Root:
    """Find where a function takes a target value above 0, in few evaluations.

    The search walks from `start` until it holds a bracket, guessing from the slope so far, and
    leaves the rest to Brent's method; both in logarithms of argument and value, where a power is a
    straight line. It ends early at 0.2 % from the target. Bounds are above 0. The function returns
    at least 0; no number at all (infinite, not a number) counts as too much. Where there is no root
    between the bounds, the argument nearest to one that was met is returned.
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
    """Return two arguments on either side of the target, or one that is there, or none."""
    sides: dict[bool, float] = {}
    slope, last = 1.0, math.nan
    for step in range(_STEPS):
        off = miss(x)
        if off == math.inf:
            # No number: the end of the range lies before this.
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
