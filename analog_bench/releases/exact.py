"""The exact layer: what draws nothing, or draws the same. It shows where a change is at no cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from analog_bench.gate.judge import Comparison
from analog_bench.releases.finding import Change, Layer, name_tiles, shortened
from analog_bench.simulators.physics.survey import Fact, Survey, apart, differ

Presets = Mapping[str, Mapping[str, str]]
"""Inference preset to term to spelt value."""

_OTHER_NUMBERS = (
    "torch draws other random numbers from the same seed, so that programmed chips cannot be "
    "compared one by one; physics and metrics compare them as independent samples"
)
_WORDS = {
    "random numbers": "random numbers of one seed",
    "digital": "digital products",
    "ideal tile": "products on a perfect tile",
    "deterministic": "products that draw nothing",
    "programming": "fingerprints of chips programmed with one seed",
    "reading": "products read with one seed",
}


def exact_layer(old: Survey, new: Survey, cases: Comparison | None) -> Layer:
    """Compare what can be compared to the last digits.

    Where torch's own random numbers differ, what rests on them is left out.

    Args:
        old: Survey of the older release.
        new: Survey of the newer one.
        cases: The measured cases, for the digital models' scores; None where there are none.
    """
    before = {fact.identity: fact for fact in old.facts if fact.figures}
    pairs = [(before[f.identity], f) for f in new.facts if f.figures and f.identity in before]
    other_numbers = any(a.kind == "random numbers" and differ(a, b) for a, b in pairs)
    if other_numbers:
        pairs = [(a, b) for a, b in pairs if not a.drawn]
    differing = [
        (a, b)
        for a, b in pairs
        if differ(a, b) and not (other_numbers and a.kind == "random numbers")
    ]
    terms = list(_shared_terms(old.presets, new.presets))
    digital = list(_digital(cases)) if cases is not None else []
    changes = (*_fact_changes(differing), *_preset_changes(old.presets, new.presets))
    return Layer(
        "exact",
        len(pairs) + len(terms) + len(digital),
        (*changes, *(change for change in digital if change is not None)),
        (_OTHER_NUMBERS,) if other_numbers else (),
    )


def _fact_changes(differing: list[tuple[Fact, Fact]]) -> Iterator[Change]:
    """Yield one change a kind and family: its tiles and times together."""
    groups: dict[tuple[str, str], list[tuple[Fact, Fact]]] = {}
    for pair in differing:
        family = pair[0].name.partition(" after ")[0]
        groups.setdefault((pair[0].kind, family), []).append(pair)
    for (kind, family), pairs in groups.items():
        where = name_tiles(fact.tile for fact, _ in pairs)
        most = max(apart(*pair) for pair in pairs)
        size = f" by up to {100 * most:.2g} %" if math.isfinite(most) else ""
        yield Change(family, f"{_WORDS[kind]} differ{size}", where)


def _shared_terms(old: Presets, new: Presets) -> Iterator[tuple[str, str]]:
    for name in sorted(old.keys() & new.keys()):
        yield from ((name, term) for term in sorted(old[name].keys() & new[name].keys()))


def _preset_changes(old: Presets, new: Presets) -> Iterator[Change]:
    changed: dict[str, list[str]] = {}
    for name, term in _shared_terms(old, new):
        before, after = old[name][term], new[name][term]
        if before != after:
            changed.setdefault(name, []).append(f"{term} {before} -> {after}")
    for name, terms in changed.items():
        yield Change(f"preset {name}", shortened(terms, 5))


def _digital(cases: Comparison) -> Iterator[Change | None]:
    """Yield a change, or None, for each score of each digital model."""
    seen: set[tuple[str, str, str]] = set()
    for family in cases.families:
        for metric, verdict in family.digital.items():
            # The same model and data come with every study; reported once.
            score = (family.scope.model, metric, verdict.reason)
            if verdict.kind == "new" or score in seen:
                continue
            seen.add(score)
            changed = verdict.kind != "equivalent"
            yield Change(f"digital {family.scope.model}", verdict.reason) if changed else None
