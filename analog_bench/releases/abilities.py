"""What is possible in one release and not in the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analog_bench.releases.finding import TILES, shortened
from analog_bench.releases.physics import unmeasured
from analog_bench.simulators.physics.survey import Survey
from analog_bench.store.run import Run


@dataclass(frozen=True)
class Ability:
    """Something that only one of two releases can do.

    Attributes:
        what: The tile engine, preset, noise model, quantity or case.
        lost: Whether the newer release cannot do it; else it is the older one.
        reason: Why not; empty where it simply is not there.
    """

    what: str
    lost: bool
    reason: str = ""


def abilities(old: Survey, new: Survey, runs: tuple[Run, Run] | None) -> tuple[Ability, ...]:
    """Return what only one of two releases can do, by their surveys and what each measured."""
    reasons = {**old.reasons, **new.reasons}
    named = (
        *_named("noise model", set(old.noise_models), set(new.noise_models), reasons),
        *_named("preset", set(old.presets), set(new.presets), reasons),
    )
    reported = {ability.what for ability in named}
    return (
        *_tiles(old, new),
        *named,
        *_terms(old.presets, new.presets),
        *(one for one in _possible(_impossible(old), _impossible(new)) if one.what not in reported),
        *(_cases(*runs) if runs is not None else ()),
    )


def _tiles(old: Survey, new: Survey) -> Iterator[Ability]:
    for tile in TILES:
        before, after = old.tiles.get(tile, ""), new.tiles.get(tile, "")
        if bool(before) != bool(after):
            yield Ability(TILES[tile], lost=bool(after), reason=after or before)


def _named(
    kind: str, old: set[str], new: set[str], reasons: Mapping[str, str]
) -> Iterator[Ability]:
    for name in sorted(old ^ new):
        what = f"{kind} {name}"
        yield Ability(what, lost=name in old, reason=reasons.get(what, ""))


def _terms(
    old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]
) -> Iterator[Ability]:
    for name in sorted(old.keys() & new.keys()):
        for lost, there, other in ((True, old[name], new[name]), (False, new[name], old[name])):
            only = sorted(there.keys() - other.keys())
            if only:
                yield Ability(f"terms of preset {name}: {shortened(only, 6)}", lost=lost)


def _impossible(survey: Survey) -> dict[str, str]:
    """Return what failed on tile engines that work as such, with the reasons."""
    facts = {f"{f.name} ({TILES[f.tile]})": f.reason for f in survey.facts if f.reason}
    return {**survey.reasons, **facts, **dict(unmeasured(survey))}


def _possible(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Ability]:
    for what in sorted(old.keys() ^ new.keys()):
        yield Ability(what, lost=what in new, reason=new.get(what) or old.get(what, ""))


def _cases(old: Run, new: Run) -> Iterator[Ability]:
    """Yield the cases that only one release measured, by their reasons."""
    before = {(r.case_id, r.study): r for r in old.results}
    after = {(r.case_id, r.study): r for r in new.results}
    groups: dict[tuple[bool, str], list[str]] = {}
    for identity in before.keys() | after.keys():
        a, b = before.get(identity), after.get(identity)
        could, can = (r is not None and r.status == "measured" for r in (a, b))
        if could != can:
            other = b if could else a
            reason = other.reason if other is not None else "it has no such case"
            groups.setdefault((could, reason), []).append(identity[0])
    for (lost, reason), names in sorted(groups.items()):
        count = "case" if len(names) == 1 else f"{len(names)} cases:"
        yield Ability(f"{count} {shortened(sorted(names))}", lost=lost, reason=reason)
