"""Releases compared, each with the one before it: did anything change, and where first?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from analog_bench.gate.judge import Comparison, compare_runs
from analog_bench.releases.abilities import Ability, abilities
from analog_bench.releases.exact import exact_layer
from analog_bench.releases.finding import Change, Layer, LayerName
from analog_bench.releases.physics import physics_layer
from analog_bench.releases.stopwatch import Timing, Turns, compare_timings
from analog_bench.simulators.physics.survey import Survey
from analog_bench.store.run import Run


@dataclass(frozen=True)
class Measured:
    """One release, as far as it got.

    Attributes:
        name: What it is called.
        source: What was asked for, as it stands on the command line.
        versions: Version of `python`, `torch`, `aihwkit`, ... that it got; empty without an
            environment.
        environment: Sentence on its environment: built or found, where, how large.
        survey: What was found out about it; None where it could not be surveyed.
        run: What its cases scored; None where none were measured.
        turns: Timings; empty without.
        problem: Why it got no further; empty where it did.
        remark: What else is to be said, such as tests that failed.
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
class Step:
    """From one release to the next.

    Attributes:
        old: Name of the older release.
        new: Name of the newer one.
        layers: The exact layer, physics, and metrics where cases were measured.
        cases: The gate's verdicts; None without cases.
        abilities: What only one of the two can do.
        timings: What takes longer or shorter.
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
        """Whether anything changed, regressed or was lost; metrics that improved are no fail."""
        exact_or_physics = any(
            layer.changes for layer in self.layers if layer.name in ("exact", "physics")
        )
        worse = self.cases is not None and self.cases.fails
        return exact_or_physics or worse or bool(self.lost)


@dataclass(frozen=True)
class Releases:
    """Releases and the steps between them.

    Attributes:
        measured: The releases, in the order they were named.
        steps: One from each release that got that far to the next that did.
    """

    measured: tuple[Measured, ...]
    steps: tuple[Step, ...]

    @property
    def fails(self) -> bool:
        """Whether a step fails, or a release got no further than a problem.

        A release that could not be compared is no pass.
        """
        return any(step.fails for step in self.steps) or any(m.problem for m in self.measured)


def compare_releases(measured: Sequence[Measured]) -> Releases:
    """Compare each release, oldest first, with the one before it that could be surveyed."""
    surveyed = [(release, release.survey) for release in measured if release.survey is not None]
    steps = (_step(*old, *new) for old, new in pairwise(surveyed))
    return Releases(tuple(measured), tuple(steps))


def _step(old: Measured, before: Survey, new: Measured, after: Survey) -> Step:
    runs = (old.run, new.run) if old.run is not None and new.run is not None else None
    cases = compare_runs(*runs) if runs is not None else None
    layers = [exact_layer(before, after, cases), physics_layer(before, after)]
    if cases is not None:
        layers.append(_metrics(cases))
    return Step(
        old=old.name,
        new=new.name,
        layers=tuple(layers),
        cases=cases,
        abilities=abilities(before, after, runs),
        timings=compare_timings(old.turns, new.turns),
        packages=_packages(old.versions, new.versions),
    )


def _metrics(cases: Comparison) -> Layer:
    changes, notes, compared, paired = [], [], 0, 0
    for family in cases.families:
        for result, verdict in family.judged:
            compared += verdict.change is not None
            paired += verdict.paired
            if verdict.kind in ("regressed", "improved", "broken"):
                changes.append(Change(result.case_id, f"{verdict.kind}: {verdict.reason}"))
    if compared:
        notes.append(f"{paired} of {compared} cases are compared chip by chip, on the same chips")
    return Layer("metrics", compared, tuple(changes), tuple(notes))


def _packages(
    old: Mapping[str, str | None], new: Mapping[str, str | None]
) -> dict[str, tuple[str, str]]:
    return {
        name: (old.get(name) or "missing", new.get(name) or "missing")
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    }
