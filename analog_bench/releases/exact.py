"""The exact layer: what draws nothing, or draws the same. It says where a change is at no cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from analog_bench.gate.comparison import Comparison
from analog_bench.releases.finding import Change, Layer, shortened, spelt_tiles
from analog_bench.simulators.physics.survey import Fact, Survey, apart, differ

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

    Args:
        old: Survey of the older release.
        new: Survey of the newer one.
        cases: The measured cases, for the digital models' scores; None where there are none.

    Returns:
        The layer. Where torch's own random numbers differ, what rests on them is left out.
    """
    before = {fact.identity: fact for fact in old.facts if fact.figures}
    pairs = [(before[f.identity], f) for f in new.facts if f.figures and f.identity in before]
    differing = [(a, b) for a, b in pairs if differ(a, b)]
    other_numbers = any(fact.kind == "random numbers" for fact, _ in differing)
    if other_numbers:
        pairs = [pair for pair in pairs if not pair[0].drawn]
        differing = [
            pair for pair in differing if not pair[0].drawn and pair[0].kind != "random numbers"
        ]
    terms = dict(_preset_changes(old.presets, new.presets))
    digital = list(_digital(cases)) if cases is not None else []
    return Layer(
        "exact",
        len(pairs) + _shared_terms(old.presets, new.presets) + len(digital),
        (
            *_fact_changes(differing),
            *terms.values(),
            *(change for change in digital if change is not None),
        ),
        (_OTHER_NUMBERS,) if other_numbers else (),
    )


def _fact_changes(differing: list[tuple[Fact, Fact]]) -> Iterator[Change]:
    """Yield one change a kind and family: its tiles and times together."""
    groups: dict[tuple[str, str], list[tuple[Fact, Fact]]] = {}
    for pair in differing:
        family = pair[0].name.partition(" after ")[0]
        groups.setdefault((pair[0].kind, family), []).append(pair)
    for (kind, family), pairs in groups.items():
        where = spelt_tiles(fact.tile for fact, _ in pairs)
        most = max(apart(*pair) for pair in pairs)
        size = f" by up to {100 * most:.2g} %" if math.isfinite(most) else ""
        yield Change(family, f"{_WORDS[kind]} differ{size}", where)


def _preset_changes(
    old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, Change]]:
    for name in sorted(old.keys() & new.keys()):
        before, after = old[name], new[name]
        changed = [
            f"{term} {before[term]} -> {after[term]}"
            for term in sorted(before.keys() & after.keys())
            if before[term] != after[term]
        ]
        if changed:
            yield name, Change(f"preset {name}", shortened(changed, 5))


def _shared_terms(
    old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]
) -> int:
    return sum(len(old[name].keys() & new[name].keys()) for name in old.keys() & new.keys())


def _digital(cases: Comparison) -> Iterator[Change | None]:
    """Yield a change, or None, for each score of each digital model."""
    seen: set[tuple[str, str, str]] = set()
    for family in cases.families:
        for metric, verdict in family.digital.items():
            # The same model and data come with every study; said once.
            told = (family.scope.model, metric, verdict.reason)
            if verdict.kind == "new" or told in seen:
                continue
            seen.add(told)
            changed = verdict.kind != "equivalent"
            subject = f"digital {family.scope.model}"
            yield Change(subject, verdict.reason) if changed else None
