"""Releases compared, each with the one before it: did anything change, and where first?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from analog_bench.gate.run_comparison import Comparison, compare_runs
from analog_bench.releases.exact_and_physics import (
    TILES,
    Change,
    Layer,
    LayerName,
    exact_layer,
    name_tiles,
    physics_layer,
)
from analog_bench.releases.stopwatch import Timing, Turns, compare_timings
from analog_bench.simulators.physics.survey_record import Survey
from analog_bench.spelling import counted, shortened
from analog_bench.store.run import Run


@dataclass(frozen=True)
class Measured:
    """One release, as far as it got.

    Attributes:
        source: What was asked for, as written on the command line.
        versions: Version of `python`, `torch`, `aihwkit`, ...; empty without an environment.
        environment: Sentence on its environment: built or reused, its key, its size.
        survey: None where it could not be surveyed.
        run: What its cases scored; None where none were measured.
        problem: Why it got no further; empty where it did.
        remark: Anything else to report, such as tests that failed.
    """

    name: str
    source: str
    versions: Mapping[str, str | None] = field(default_factory=dict)
    environment: str = ""
    survey: Survey | None = None
    run: Run | None = None
    turns: Turns = field(default_factory=list)
    problem: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Ability:
    """Something that only one of two releases can do.

    Attributes:
        what: The tile engine, preset, noise model, quantity or case.
        lost: True where the newer release cannot do it, False where the older cannot.
        reason: Why not; empty where it simply is not there.
    """

    what: str
    lost: bool
    reason: str = ""


@dataclass(frozen=True)
class Step:
    """From one release to the next.

    Attributes:
        layers: Exact, physics, and metrics where cases were measured.
        cases: The gate's verdicts; None without cases.
        packages: What else differs between the environments: package to both versions.
    """

    old: str
    new: str
    layers: tuple[Layer, ...]
    cases: Comparison | None
    abilities: tuple[Ability, ...]
    timings: tuple[Timing, ...]
    packages: Mapping[str, tuple[str, str]]

    @property
    def first(self) -> LayerName | None:
        """The first layer with a change: the cause lies there, or before what it compares."""
        return next((layer.name for layer in self.layers if layer.changes), None)

    @property
    def lost(self) -> tuple[Ability, ...]:
        """What the newer release cannot do any more."""
        return tuple(ability for ability in self.abilities if ability.lost)

    @property
    def fails(self) -> bool:
        """Whether anything changed, regressed or was lost; metrics that improved do not fail."""
        worse = self.cases is not None and self.cases.fails
        return self.first in ("exact", "physics") or worse or bool(self.lost)


@dataclass(frozen=True)
class Releases:
    """Releases in the order they were named, and a step between each two that were surveyed."""

    measured: tuple[Measured, ...]
    steps: tuple[Step, ...]

    @property
    def fails(self) -> bool:
        """Whether a step fails, or a release could not be compared, which is no pass."""
        return any(step.fails for step in self.steps) or any(m.problem for m in self.measured)


def compare_releases(measured: Sequence[Measured]) -> Releases:
    """Compare each release, oldest first, with the one before it that could be surveyed."""
    surveyed = [(release, release.survey) for release in measured if release.survey is not None]
    return Releases(tuple(measured), tuple(_step(*old, *new) for old, new in pairwise(surveyed)))


def _step(old: Measured, before: Survey, new: Measured, after: Survey) -> Step:
    runs = (old.run, new.run) if old.run is not None and new.run is not None else None
    cases = compare_runs(*runs) if runs is not None else None
    layers = [exact_layer(before, after, cases), physics_layer(before, after)]
    if cases is not None:
        layers.append(_metrics(cases))
    packages = {
        name: (old.versions.get(name) or "missing", new.versions.get(name) or "missing")
        for name in sorted({*old.versions, *new.versions})
        if old.versions.get(name) != new.versions.get(name)
    }
    return Step(
        old=old.name,
        new=new.name,
        layers=tuple(layers),
        cases=cases,
        abilities=(*_abilities(before, after), *(_cases(*runs) if runs is not None else ())),
        timings=compare_timings(old.turns, new.turns),
        packages=packages,
    )


def _metrics(cases: Comparison) -> Layer:
    judged = [pair for family in cases.families for pair in family.judged]
    compared = sum(verdict.change is not None for _, verdict in judged)
    paired = sum(verdict.paired for _, verdict in judged)
    changes = (
        Change(result.case_id, f"{verdict.kind}: {verdict.reason}")
        for result, verdict in judged
        if verdict.kind in ("regressed", "improved", "broken")
    )
    verb = "is" if paired == 1 else "are"
    note = (
        f"{paired} of {counted(compared, 'case')} {verb} compared chip by chip, on the same chips"
    )
    return Layer("metrics", compared, tuple(changes), (note,) if compared else ())


def _abilities(old: Survey, new: Survey) -> Iterator[Ability]:
    for tile in TILES:
        before, after = old.tiles.get(tile, ""), new.tiles.get(tile, "")
        if bool(before) != bool(after):
            yield Ability(TILES[tile], lost=bool(after), reason=after or before)
    reasons = {**old.reasons, **new.reasons}
    named: set[str] = set()
    for kind, there, then in (
        ("noise model", old.noise_models, new.noise_models),
        ("preset", old.presets, new.presets),
    ):
        for name in sorted({*there} ^ {*then}):
            what = f"{kind} {name}"
            named.add(what)
            yield Ability(what, lost=name in there, reason=reasons.get(what, ""))
    for name in sorted(old.presets.keys() & new.presets.keys()):
        terms, other = old.presets[name].keys(), new.presets[name].keys()
        for lost, only in ((True, terms - other), (False, other - terms)):
            if only:
                yield Ability(f"terms of preset {name}: {shortened(sorted(only), 6)}", lost=lost)
    failed, fails = _impossible(old), _impossible(new)
    for what in sorted((failed.keys() ^ fails.keys()) - named):
        yield Ability(what, lost=what in fails, reason=fails.get(what) or failed.get(what, ""))


def _impossible(survey: Survey) -> dict[str, str]:
    """Return what failed on tile engines that work as such, with the reasons."""
    return {
        **survey.reasons,
        **{f"{f.name} ({TILES[f.tile]})": f.reason for f in survey.facts if f.reason},
        **{
            f"{check.subject} ({name_tiles([check.tile])})": check.reason
            for check in survey.checks
            if check.measured is None
        },
    }


def _cases(old: Run, new: Run) -> Iterator[Ability]:
    """Yield the cases that only one release measured, by their reasons."""
    before, after = ({(r.case_id, r.study): r for r in run.results} for run in (old, new))
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
