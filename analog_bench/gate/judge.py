"""The one judge: a run's results against stored baselines, or against an earlier run.

The pytest plugin, `analog-bench compare` and reports all get their verdicts here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from analog_bench.gate.digital import judge_digital
from analog_bench.gate.verdict import Verdict, judge_family, outcome
from analog_bench.records import Identity, Result, Scope
from analog_bench.store.baseline import CaseBaseline, DigitalEntry, Provenance, case_entry
from analog_bench.store.baseline_file import read_cases, read_digital
from analog_bench.store.run import Group, Run


class Baselines(Protocol):
    """The source of the numbers that results are compared with."""

    def cases(self, scope: Scope, variant: str) -> CaseBaseline:
        """Return the baseline of a model in a study, with one kind of weights."""

    def digital(self, scope: Scope, protocol: str) -> DigitalEntry | None:
        """Return the digital baseline for a protocol; None where there is none."""


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

    @property
    def provenance(self) -> Provenance:
        """Where its numbers come from."""
        return Provenance.of(self.run.manifest)

    def cases(self, scope: Scope, variant: str) -> CaseBaseline:
        """Return the measured results of a model in a study, with one kind of weights."""
        entries = {
            (result.case_id, result.protocol): case_entry(result, self.provenance)
            for result in self._results(scope, variant)
            if result.status == "measured"
        }
        return CaseBaseline(variant, scope.model, scope.study, entries)

    def digital(self, scope: Scope, protocol: str) -> DigitalEntry | None:
        """Return the digital scores of this protocol, else of another one, which is stale then."""
        entries = [
            DigitalEntry(r.protocol, r.weights, scope.examples, r.digital, self.provenance)
            for r in self._results(scope, "direct")
        ]
        same = (entry for entry in entries if entry.protocol == protocol)
        return next(same, next(iter(entries), None))

    def _results(self, scope: Scope, variant: str) -> list[Result]:
        own = (r for r in self.run.results if r.study_and_model == scope.study_and_model)
        return [result for result in own if result.variant == variant]


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
    """Judge results, each kind of weights of a group as one family of cases.

    Raises:
        BaselineError: A baseline file is corrupt.
    """
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
            for result, verdict in zip(family, verdicts, strict=True):
                cases[result.identity] = verdict
        if group.digital is not None:
            digital[group.scope.study_and_model] = _judge_digital(group, baselines)
    return Judgement(cases, digital, frozenset(provenances))


def judge_run(run: Run, baselines: Path | None) -> Judgement | None:
    """Judge a run by the baselines in a folder; None where it is compared with nothing.

    Raises:
        BaselineError: A baseline file is corrupt.
    """
    return None if baselines is None else judge_groups(run.groups, StoredBaselines(baselines))


def _judge_digital(group: Group, baselines: Baselines) -> dict[str, Verdict]:
    """Judge the digital model under every protocol that it was measured under."""
    worst: dict[str, Verdict] = {}
    for protocol, result in group.digital_by_protocol.items():
        entry = baselines.digital(group.scope, protocol)
        for metric in group.metrics:
            verdict = judge_digital(
                result.digital, entry, metric, protocol=protocol, weights=result.weights
            )
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
