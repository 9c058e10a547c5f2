"""The verdicts of a whole run, by stored baselines or others.

The pytest plugin, `analog-bench compare` and reports all get their verdicts here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from analog_bench.gate.case_verdicts import (
    Verdict,
    judge_digital,
    judge_family,
    needs_confirmation,
    outcome,
)
from analog_bench.gate.chip_change import Examples
from analog_bench.records import Computed, Identity, Result, Scope
from analog_bench.store.baseline import CaseBaseline, DigitalEntry, Provenance
from analog_bench.store.baselines_by_device import read_cases_for, read_digital_for
from analog_bench.store.run import Group, Run


class Baselines(Protocol):
    """Source of the numbers that a run is judged by."""

    def cases(self, scope: Scope, variant: str, computed: Computed) -> CaseBaseline:
        """Return the baselines for results of a device and one kind of weights."""

    def digital(self, scope: Scope, protocol: str, computed: Computed) -> DigitalEntry | None:
        """Return the digital baseline of this protocol."""

    def examples(self, scope: Scope, computed: Computed) -> Examples:
        """Return the number of examples under each stored protocol of a model."""


@dataclass(frozen=True)
class StoredBaselines:
    """Baselines in files; the methods raise `BaselineError` if a file is corrupt."""

    folder: Path

    def cases(self, scope: Scope, variant: str, computed: Computed) -> CaseBaseline:
        """Return the baselines of a device, and those of other devices that apply to it."""
        return read_cases_for(self.folder, variant, scope.model, scope.study, computed)

    def digital(self, scope: Scope, protocol: str, computed: Computed) -> DigitalEntry | None:
        """Return the digital baseline of exactly this protocol."""
        return read_digital_for(self.folder, scope.model, computed).entries.get(protocol)

    def examples(self, scope: Scope, computed: Computed) -> Examples:
        """Return the number of examples under each protocol with a digital baseline."""
        entries = read_digital_for(self.folder, scope.model, computed).entries
        return {protocol: entry.examples for protocol, entry in entries.items()}


@dataclass(frozen=True)
class Judgement:
    """The verdicts of a run.

    Attributes:
        cases: Identity of a result (case id, study, protocol) to its verdict.
        digital: Study and model to metric name to the verdict on the digital model, only where
            digital weights were measured unchanged. Of several protocols, one that fails is kept.
        baselines: Origin of the baselines that cases were compared with.
    """

    cases: Mapping[Identity, Verdict]
    digital: Mapping[tuple[str, str], Mapping[str, Verdict]]
    baselines: frozenset[Provenance] = frozenset()

    @property
    def failed_digital(self) -> list[tuple[str, str, Verdict]]:
        """Study, model and verdict wherever the digital model itself fails."""
        return [
            (study, model, verdict)
            for (study, model), verdicts in self.digital.items()
            for verdict in verdicts.values()
            if verdict.fails
        ]

    def digital_of(self, scope: Scope) -> Mapping[str, Verdict]:
        """Return the verdicts on a digital model, by metric."""
        return self.digital.get(scope.study_and_model, {})


def judge_groups(groups: Sequence[Group], baselines: Baselines) -> Judgement:
    """Judge each kind of weights of a group as one family.

    Raises:
        BaselineError: A file is corrupt.
    """
    cases: dict[Identity, Verdict] = {}
    digital: dict[tuple[str, str], Mapping[str, Verdict]] = {}
    provenances: set[Provenance] = set()
    for group in groups:
        examples = _examples(group, baselines)
        for variant, computed in sorted({(r.variant, r.computed) for r in group.results}):
            stored = baselines.cases(group.scope, variant, computed)
            kind = variant, computed
            family = [r for r in group.results if (r.variant, r.computed) == kind]
            entries = [stored.find(result.case_id, result.protocol) for result in family]
            provenances.update(entry.provenance for entry in entries if entry is not None)
            verdicts = judge_family(list(zip(family, entries, strict=True)), group.main, examples)
            cases.update(zip((result.identity for result in family), verdicts, strict=True))
        if group.digital is not None:
            digital[group.scope.study_and_model] = _judge_digital(group, baselines)
    return Judgement(cases, digital, frozenset(provenances))


def judge_run(run: Run, baselines: Path | None) -> Judgement | None:
    """Judge a run by a folder of baselines; None without a folder. Raises as `judge_groups`."""
    return None if baselines is None else judge_groups(run.groups, StoredBaselines(baselines))


def unconfirmed(groups: Iterable[Group], baselines: Baselines) -> Iterator[Result]:
    """Yield results that look changed and have no confirmation chips. Raises as `judge_groups`."""
    for group in groups:
        examples = _examples(group, baselines)
        for result in group.results:
            stored = baselines.cases(group.scope, result.variant, result.computed)
            entry = stored.find(result.case_id, result.protocol)
            confirmed = bool(result.confirmation_chips)
            if not confirmed and needs_confirmation(result, entry, group.main, examples):
                yield result


def _examples(group: Group, baselines: Baselines) -> Examples:
    # A group of several runs may hold protocols that its scope, which covers one run, does not.
    own = {result.protocol: group.scope.examples for result in group.results}
    return {**own, **baselines.examples(group.scope, group.results[0].computed)}


def _judge_digital(group: Group, baselines: Baselines) -> dict[str, Verdict]:
    worst: dict[str, Verdict] = {}
    examples = _examples(group, baselines)
    for protocol, result in group.digital_by_protocol.items():
        entry = baselines.digital(group.scope, protocol, result.computed)
        for metric in group.metrics:
            verdict = judge_digital(result, entry, metric, examples)
            # Groups of several runs may hold several protocols: a failure must not be hidden.
            if metric.name not in worst or (verdict.fails and not worst[metric.name].fails):
                worst[metric.name] = verdict
    return worst


def outcomes(groups: Iterable[Group], judgement: Judgement | None) -> list[tuple[Result, Verdict]]:
    """Return the results that have an outcome (`gate.case_verdicts.outcome`), with it."""
    verdicts = judgement.cases if judgement else {}
    return [
        (result, verdict)
        for group in groups
        for result in group.results
        if (verdict := outcome(result, verdicts.get(result.identity), group.main)) is not None
    ]
