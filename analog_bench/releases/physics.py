"""The physics layer: each release's noise models against their closed forms, then side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from analog_bench.releases.finding import Change, Layer, name_tiles, shortened
from analog_bench.simulators.physics.survey import Check, Survey

Outcome = Literal["same", "broke", "mended", "moved", "wrong"]


@dataclass(frozen=True)
class _Pair:
    old: Check
    new: Check

    @property
    def outcome(self) -> Outcome:
        if self.old.passes and self.new.passes:
            return "same"
        if self.old.passes:
            return "broke"
        if self.new.passes:
            return "mended"
        before, after = self.old.measured, self.new.measured
        if before is None or after is None:
            return "wrong"
        apart = math.hypot(self.old.tolerance, self.new.tolerance)
        return "moved" if abs(after - before) > apart else "wrong"


def physics_layer(old: Survey, new: Survey) -> Layer:
    """Compare the checks that both releases, the older first, could measure.

    A quantity changed where one release follows the closed form and the other does not, or where
    neither does and they differ from each other. One that is off in both by the same is a note.
    """
    before = {check.identity: check for check in old.checks if check.measured is not None}
    pairs = [
        _Pair(before[check.identity], check)
        for check in new.checks
        if check.measured is not None and check.identity in before
    ]
    groups: dict[tuple[str, Outcome], list[_Pair]] = {}
    for pair in pairs:
        if pair.outcome != "same":
            groups.setdefault((pair.new.subject, pair.outcome), []).append(pair)
    changes = [
        _change(subject, outcome, group, pairs)
        for (subject, outcome), group in groups.items()
        if outcome != "wrong"
    ]
    notes = [
        f"{subject} is off in both releases by the same: "
        f"{_percent([pair.new for pair in group])} of its closed form"
        for (subject, outcome), group in groups.items()
        if outcome == "wrong"
    ]
    return Layer("physics", len(pairs), tuple(changes), tuple(notes))


def _change(subject: str, outcome: Outcome, group: list[_Pair], pairs: list[_Pair]) -> Change:
    measured = [pair for pair in pairs if pair.new.subject == subject]
    where = name_tiles(pair.new.tile for pair in group)
    now, was = _percent([pair.new for pair in group]), _percent([pair.old for pair in group])
    share = "" if len(group) == len(measured) else f"; {len(group)} of {len(measured)} conditions"
    conditions = shortened(dict.fromkeys(pair.new.where for pair in group), 4)
    mended = outcome == "mended"
    state = f"follows its closed form now ({now})" if mended else f"{now} of its closed form"
    return Change(subject, f"{state}, was {was} ({conditions}{share})", where)


def _percent(checks: list[Check]) -> str:
    """Return what was measured, in percent of the closed form: `99 %`, `98 to 103 %`."""
    ratios = [100 * check.ratio for check in checks if check.ratio is not None]
    # As many digits as it takes to tell what is off from what is not.
    finest = min(100 * check.tolerance / abs(check.expected) for check in checks)
    digits = max(0, math.ceil(-math.log10(finest)))
    low, high = (f"{ratio:.{digits}f}" for ratio in (min(ratios), max(ratios)))
    return f"{low} %" if low == high else f"{low} to {high} %"


def unmeasured(survey: Survey) -> Iterator[tuple[str, str]]:
    """Yield quantities that a release could not measure, with the tile engine, and why."""
    for check in survey.checks:
        if check.measured is None:
            yield f"{check.subject} ({name_tiles([check.tile])})", check.reason
