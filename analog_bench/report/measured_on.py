"""What results rest on, in words: how many examples, and whether chips are enough to compare."""

from __future__ import annotations

import re
from collections.abc import Iterable

from analog_bench.gate.significance import FEWEST_CHIPS
from analog_bench.records import Result, Scope
from analog_bench.report.words import one_line

_PLURALS = re.compile(r"^texts\b|\b(?:questions|blocks)$")


def interval_note(results: Iterable[Result]) -> str:
    """Say what ± is, or that there is none for too few chips; empty for one chip each."""
    chips = {len(result.initial_chips) for result in results}
    if max(chips, default=0) >= FEWEST_CHIPS:
        return "± is half the 95 % interval over chips."
    return "2 chips: too few for an interval." if 2 in chips else ""


def examples_label(scope: Scope) -> str:
    """Return what was measured on: `96 embedded questions`, `1 embedded question`."""
    data = one_line(scope.data)
    if scope.examples == 1:
        data = _PLURALS.sub(lambda plural: plural[0][:-1], data)
    return f"{scope.examples} {data}"
