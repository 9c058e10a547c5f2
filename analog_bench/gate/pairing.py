"""Which chips of a result are the very chips of its baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analog_bench.records import Result
from analog_bench.simulators.registry import why_unpaired
from analog_bench.store.baseline import CaseEntry

FINGERPRINT_TOLERANCE = 1e-5
_FINGERPRINT_ZERO = 1e-9


@dataclass(frozen=True)
class Pairing:
    """Which chips can be compared one by one.

    Attributes:
        chips: Indices of the chips that are the same on both sides; empty where the two sides are
            independent samples.
        reason: Why they are; empty where chips are paired.
    """

    chips: tuple[int, ...]
    reason: str = ""


def pair_chips(result: Result, entry: CaseEntry) -> Pairing:
    """Match chips by index.

    Chips are paired where the seeds are the same, every index that both sides have carries the same
    fingerprint (to 1e-5 relative), and the side with fewer chips has no others. An empty
    fingerprint on both sides matches: nothing is fixed at programming there, and what is drawn at
    each read follows from the seed. The C++ tile seeds itself from the clock and is never paired.
    One chip that does not match unpairs all: to leave it out would hide what changed.
    """
    unpaired = why_unpaired(result.tile)
    if unpaired:
        return Pairing((), unpaired)
    if result.seed != entry.seed:
        return Pairing((), f"the seed was {entry.seed}, now {result.seed}")
    new = {chip.chip: chip.fingerprint for chip in result.chips}
    old = {chip.chip: chip.fingerprint for chip in entry.chips}
    shared = sorted(new.keys() & old.keys())
    if len(shared) < min(len(new), len(old)):
        return Pairing((), "other chips were measured")
    differing = [chip for chip in shared if not same_fingerprint(new[chip], old[chip])]
    if differing:
        return Pairing((), f"chip {differing[0]} was programmed differently")
    return Pairing(tuple(shared))


def same_fingerprint(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether two fingerprints are of the same programmed weights.

    They are where they are equally long and agree to 1e-5 relative (to 1e-9 absolute near 0).
    """
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=FINGERPRINT_TOLERANCE, abs_tol=_FINGERPRINT_ZERO)
        for a, b in zip(one, other, strict=True)
    )
