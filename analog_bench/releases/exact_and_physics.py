"""The layers of a comparison: what is exact, and the physics. Metrics are the gate's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from analog_bench.gate.run_comparison import Comparison
from analog_bench.simulators.physics.survey_record import Check, Fact, Survey, apart, differ
from analog_bench.simulators.registry import NO_TILE, simulators
from analog_bench.spelling import shortened

LayerName = Literal["exact", "physics", "metrics"]
TILES = {**{name: one.label for name, one in simulators().items()}, NO_TILE: ""}

_OTHER_NUMBERS = (
    "torch draws other random numbers from the same seed, so that programmed chips cannot be "
    "compared one by one; physics and metrics compare them as independent samples"
)
_WORDS = {
    "digital": "digital products",
    "ideal tile": "products on a perfect tile",
    "deterministic": "products that draw nothing",
    "programming": "fingerprints of chips programmed with one seed",
    "reading": "products read with one seed",
}


@dataclass(frozen=True)
class Change:
    """One thing that changed from one release to the next.

    Attributes:
        subject: What: `pcm programming noise`.
        description: How, in one phrase that goes with the subject.
        where: Labels of the tile engines; empty where there is none.
    """

    subject: str
    description: str
    where: str = ""

    def __str__(self) -> str:
        on = f" ({self.where})" if self.where else ""
        return f"{self.subject}{on}: {self.description}"


@dataclass(frozen=True)
class Layer:
    """One layer of a comparison; notes say what could not be compared, or is wrong as before."""

    name: LayerName
    compared: int
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()


def exact_layer(old: Survey, new: Survey, cases: Comparison | None) -> Layer:
    """Compare to the last digits what draws nothing, or draws the same from one seed.

    Where torch's own random numbers differ, whatever depends on them is left out. The digital
    models' scores come from the measured cases.
    """
    before = {fact.identity: fact for fact in old.facts if fact.figures}
    pairs = [(before[f.identity], f) for f in new.facts if f.figures and f.identity in before]
    other_numbers = any(a.kind == "random numbers" and differ(a, b) for a, b in pairs)
    if other_numbers:
        pairs = [(a, b) for a, b in pairs if not a.drawn]
    terms = [
        (name, term, old.presets[name][term], new.presets[name][term])
        for name in sorted(old.presets.keys() & new.presets.keys())
        for term in sorted(old.presets[name].keys() & new.presets[name].keys())
    ]
    changed: dict[str, list[str]] = {}
    for name, term, was, now in terms:
        if was != now:
            changed.setdefault(name, []).append(f"{term} {was} -> {now}")
    # The same model and data come with every study; reported once.
    digital: dict[tuple[str, str, str], str] = {}
    for family in cases.families if cases is not None else ():
        for metric, verdict in family.digital.items():
            if verdict.kind != "new":
                digital.setdefault((family.scope.model, metric, verdict.reason), verdict.kind)
    changes = (
        *_fact_changes([(a, b) for a, b in pairs if a.kind != "random numbers" and differ(a, b)]),
        *(Change(f"preset {name}", shortened(words, 5)) for name, words in changed.items()),
        *(
            Change(f"digital {model}", reason)
            for (model, _, reason), kind in digital.items()
            if kind != "equivalent"
        ),
    )
    compared = len(pairs) + len(terms) + len(digital)
    return Layer("exact", compared, changes, (_OTHER_NUMBERS,) if other_numbers else ())


def _fact_changes(differing: list[tuple[Fact, Fact]]) -> Iterator[Change]:
    """Yield one change per kind and family, its tiles and times together."""
    groups: dict[tuple[str, str], list[tuple[Fact, Fact]]] = {}
    for pair in differing:
        family = pair[0].name.partition(" after ")[0]
        groups.setdefault((pair[0].kind, family), []).append(pair)
    for (kind, family), pairs in groups.items():
        most = max(apart(*pair) for pair in pairs)
        size = f" by up to {100 * most:.2g} %" if math.isfinite(most) else ""
        where = name_tiles(fact.tile for fact, _ in pairs)
        yield Change(family, f"{_WORDS[kind]} differ{size}", where)


def physics_layer(old: Survey, new: Survey) -> Layer:
    """Compare the checks that both releases, the older first, could measure.

    A quantity changed where one release follows the closed form and the other does not, or where
    neither does and they differ from each other. One that is off in both by the same is a note.
    """
    before = {check.identity: check for check in old.checks if check.measured is not None}
    pairs = [
        (before[check.identity], check)
        for check in new.checks
        if check.measured is not None and check.identity in before
    ]
    groups: dict[tuple[str, str], list[tuple[Check, Check]]] = {}
    for pair in pairs:
        groups.setdefault((pair[1].subject, _outcome(*pair)), []).append(pair)
    changes, notes = [], []
    for (subject, outcome), group in groups.items():
        was, now = (_percent(checks) for checks in zip(*group, strict=True))
        if outcome == "wrong":
            notes.append(f"{subject} is off in both releases by the same: {now} of its closed form")
        elif outcome != "same":
            measured = sum(check.subject == subject for _, check in pairs)
            share = "" if len(group) == measured else f"; {len(group)} of {measured} conditions"
            conditions = shortened(dict.fromkeys(check.where for _, check in group), 4)
            state = f"{now} of its closed form"
            if outcome == "mended":
                state = f"follows its closed form now ({now})"
            where = name_tiles(check.tile for _, check in group)
            changes.append(Change(subject, f"{state}, was {was} ({conditions}{share})", where))
    return Layer("physics", len(pairs), tuple(changes), tuple(notes))


def _outcome(old: Check, new: Check) -> Literal["same", "broke", "mended", "moved", "wrong"]:
    if old.passes:
        return "same" if new.passes else "broke"
    if new.passes:
        return "mended"
    if old.measured is None or new.measured is None:
        return "wrong"
    moved = abs(new.measured - old.measured) > math.hypot(old.tolerance, new.tolerance)
    return "moved" if moved else "wrong"


def _percent(checks: Sequence[Check]) -> str:
    """Return what was measured, in percent of the closed form: `99 %`, `98 to 103 %`."""
    ratios = [100 * check.ratio for check in checks if check.ratio is not None]
    # As many digits as it takes to tell what is off from what is not.
    finest = min(100 * check.tolerance / abs(check.expected) for check in checks)
    digits = max(0, math.ceil(-math.log10(finest)))
    low, high = (f"{ratio:.{digits}f}" for ratio in (min(ratios), max(ratios)))
    return f"{low} %" if low == high else f"{low} to {high} %"


def name_tiles(tiles: Iterable[str]) -> str:
    """Return tile engines in words: `torch tile and C++ tile`."""
    return " and ".join(filter(None, (TILES[tile] for tile in dict.fromkeys(tiles))))
