"""The one judge: a run's results against stored baselines, or against an earlier run.

The pytest plugin, `analog-bench compare` and reports all get their verdicts here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from analog_bench.gate.case_verdict import Verdict, judge_digital, judge_family, outcome
from analog_bench.records import Identity, Metric, Result, Scope
from analog_bench.store.baseline import CaseBaseline, DigitalEntry, Provenance, case_entry
from analog_bench.store.baseline_file import read_cases, read_digital
from analog_bench.store.run import Group, Run


@dataclass(frozen=True)
class StoredBaselines:
    """Baselines in files. Its methods raise BaselineError where a file is corrupt."""

    folder: Path

    def cases(self, scope: Scope, variant: str) -> CaseBaseline:
        """Return the baseline of a model in a study, with one kind of weights."""
        return read_cases(self.folder, variant, scope.model, scope.study)

    def digital(self, scope: Scope, protocol: str) -> DigitalEntry | None:
        """Return the digital baseline of exactly this protocol."""
        return read_digital(self.folder, scope.model).entries.get(protocol)


@dataclass(frozen=True)
class EarlierRun:
    """A run that serves as the baseline of another one."""

    run: Run

    def cases(self, scope: Scope, variant: str) -> CaseBaseline:
        """Return the measured results of a model in a study, with one kind of weights."""
        provenance = Provenance.of(self.run.manifest)
        entries = {
            (result.case_id, result.protocol): case_entry(result, provenance)
            for result in self._results(scope, variant)
            if result.status == "measured"
        }
        return CaseBaseline(variant, scope.model, scope.study, entries)

    def digital(self, scope: Scope, protocol: str) -> DigitalEntry | None:
        """Return the digital scores of this protocol, else of another one, which is stale then."""
        provenance = Provenance.of(self.run.manifest)
        entries = [
            DigitalEntry(r.protocol, r.weights, scope.examples, r.digital, provenance)
            for r in self._results(scope, "direct")
        ]
        same = (entry for entry in entries if entry.protocol == protocol)
        return next(same, next(iter(entries), None))

    def _results(self, scope: Scope, variant: str) -> list[Result]:
        own = (r for r in self.run.results if r.study_and_model == scope.study_and_model)
        return [result for result in own if result.variant == variant]


Baselines: TypeAlias = StoredBaselines | EarlierRun


@dataclass(frozen=True)
class Judgement:
    """The verdicts of a run.

    Attributes:
        cases: By what tells a result apart: case id, study, protocol.
        digital: By study and model: metric name to the verdict on the digital model, the one that
            fails where one of several protocols does; only where digital weights were measured as
            they are.
        baselines: Where the numbers come from that cases were compared with.
    """

    cases: Mapping[Identity, Verdict]
    digital: Mapping[tuple[str, str], Mapping[str, Verdict]]
    baselines: frozenset[Provenance] = frozenset()

    def digital_of(self, scope: Scope) -> Mapping[str, Verdict]:
        """Return the verdicts on a digital model by metric."""
        return self.digital.get(scope.study_and_model, {})


def judge_groups(groups: Sequence[Group], baselines: Baselines) -> Judgement:
    """Judge each kind of weights of a group as one family; `BaselineError` if a file is corrupt."""
    cases: dict[Identity, Verdict] = {}
    digital: dict[tuple[str, str], Mapping[str, Verdict]] = {}
    provenances: set[Provenance] = set()
    for group in groups:
        for variant in sorted({result.variant for result in group.results}):
            stored = baselines.cases(group.scope, variant)
            family = [result for result in group.results if result.variant == variant]
            entries = [stored.find(result.case_id, result.protocol) for result in family]
            provenances.update(entry.provenance for entry in entries if entry is not None)
            verdicts = judge_family(list(zip(family, entries, strict=True)), group.main)
            cases.update(zip((result.identity for result in family), verdicts, strict=True))
        if group.digital is not None:
            digital[group.scope.study_and_model] = _judge_digital(group, baselines)
    return Judgement(cases, digital, frozenset(provenances))


def judge_run(run: Run, baselines: Path | None) -> Judgement | None:
    """Judge a run by a folder of baselines, None where there is none; raises as `judge_groups`."""
    return None if baselines is None else judge_groups(run.groups, StoredBaselines(baselines))


def _judge_digital(group: Group, baselines: Baselines) -> dict[str, Verdict]:
    worst: dict[str, Verdict] = {}
    for protocol, result in group.digital_by_protocol.items():
        entry = baselines.digital(group.scope, protocol)
        for metric in group.metrics:
            verdict = judge_digital(result, entry, metric)
            # Several runs may hold several protocols: none that is fine hides one that fails.
            if metric.name not in worst or (verdict.fails and not worst[metric.name].fails):
                worst[metric.name] = verdict
    return worst


def outcomes(groups: Iterable[Group], judgement: Judgement | None) -> list[tuple[Result, Verdict]]:
    """Return the results that have an outcome (`gate.verdict.outcome`), with it."""
    verdicts = judgement.cases if judgement else {}
    return [
        (result, verdict)
        for group in groups
        for result in group.results
        if (verdict := outcome(result, verdicts.get(result.identity), group.main)) is not None
    ]


@dataclass(frozen=True)
class FamilyComparison:
    """The cases of one model in one study, with one kind of weights.

    Attributes:
        metrics: The main one first, with the margins that counted.
        judged: Every result of the new run with its verdict.
        digital: Metric name to the verdict on the digital model; empty for HWA weights.
    """

    scope: Scope
    variant: str
    metrics: tuple[Metric, ...]
    judged: tuple[tuple[Result, Verdict], ...]
    digital: Mapping[str, Verdict]


@dataclass(frozen=True)
class Comparison:
    """What changed from one run to another.

    Attributes:
        families: One record a study, model and variant of the new run.
        gone: Study and case id of results that only the old run holds.
        changed: What differs in how the runs were made: name to old and new value, as text.
    """

    families: tuple[FamilyComparison, ...]
    gone: tuple[tuple[str, str], ...]
    changed: Mapping[str, tuple[str, str]]

    @property
    def fails(self) -> bool:
        """Whether anything regressed or is broken."""
        return any(
            verdict.fails
            for family in self.families
            for verdict in (*(v for _, v in family.judged), *family.digital.values())
        )


def compare_runs(old: Run, new: Run) -> Comparison:
    """Judge the new run with the old one as its baseline."""
    judgement = judge_groups(new.groups, EarlierRun(old))
    families = tuple(
        FamilyComparison(
            scope=group.scope,
            variant=variant,
            metrics=group.metrics,
            judged=tuple(
                (r, judgement.cases[r.identity]) for r in group.results if r.variant == variant
            ),
            # Results of HWA weights name other weights than the digital model's.
            digital=judgement.digital_of(group.scope) if variant == "direct" else {},
        )
        for group in new.groups
        for variant in sorted({result.variant for result in group.results})
    )
    # Two studies may hold a case of the same id.
    gone = {(r.study, r.case_id) for r in old.results}
    gone -= {(r.study, r.case_id) for r in new.results}
    return Comparison(families, tuple(sorted(gone)), _changed(old, new))


def _changed(old: Run, new: Run) -> dict[str, tuple[str, str]]:
    before, after = (
        {**manifest.environment, "commit": manifest.commit, "seed": manifest.seed}
        for manifest in (old.manifest, new.manifest)
    )
    pairs = {name: (before.get(name), after.get(name)) for name in sorted({*before, *after})}
    return {name: (_text(was), _text(now)) for name, (was, now) in pairs.items() if was != now}


def _text(value: object) -> str:
    return "unknown" if value is None else str(value)
