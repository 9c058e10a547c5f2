"""Compare two runs: judge the new one with the old one as its baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from analog_bench.gate.case_verdicts import Verdict
from analog_bench.gate.chip_change import Examples
from analog_bench.gate.run_verdicts import judge_groups
from analog_bench.records import Computed, Metric, Result, Scope
from analog_bench.store.baseline import CaseBaseline, DigitalEntry, Provenance, case_entry
from analog_bench.store.baselines_by_device import seen_from
from analog_bench.store.run import Run


@dataclass(frozen=True)
class EarlierRun:
    """A run that serves as the baseline of another one."""

    run: Run

    def cases(self, scope: Scope, variant: str, computed: Computed) -> CaseBaseline:
        """Return the measured results of a model in a study, with one kind of weights."""
        provenance = Provenance.of(self.run.manifest)
        entries = {
            (result.case_id, result.protocol): seen_from(computed, case_entry(result, provenance))
            for result in self._results(scope, variant)
            if result.status == "measured"
        }
        return CaseBaseline(variant, scope.model, scope.study, entries)

    def digital(self, scope: Scope, protocol: str, computed: Computed) -> DigitalEntry | None:
        """Return the digital scores of this protocol, else of another one, which is stale."""
        provenance = Provenance.of(self.run.manifest)
        entries = [
            DigitalEntry(r.protocol, r.weights, scope.examples, r.digital, provenance)
            for r in self._results(scope, "direct")
        ]
        same = (entry for entry in entries if entry.protocol == protocol)
        return next(same, next(iter(entries), None))

    def examples(self, scope: Scope, computed: Computed) -> Examples:
        """Return the number of examples under each protocol of a study on a model."""
        counts = {s.study_and_model: s.examples for s in self.run.scopes}
        return {
            result.protocol: counts[scope.study_and_model]
            for result in self.run.results
            if result.study_and_model == scope.study_and_model
        }

    def _results(self, scope: Scope, variant: str) -> list[Result]:
        own = (r for r in self.run.results if r.study_and_model == scope.study_and_model)
        return [result for result in own if result.variant == variant]


@dataclass(frozen=True)
class FamilyComparison:
    """The cases of one model in one study, with one kind of weights.

    Attributes:
        scope: The study and model.
        variant: The kind of weights.
        metrics: The main one first, with the margins that counted.
        judged: Every result of the new run with its verdict.
        digital: Metric name to the verdict on the digital model; empty unless the variant is
            `direct`.
    """

    scope: Scope
    variant: str
    metrics: tuple[Metric, ...]
    judged: tuple[tuple[Result, Verdict], ...]
    digital: Mapping[str, Verdict]


@dataclass(frozen=True)
class Comparison:
    """The changes from one run to another.

    Attributes:
        families: One record per study, model and variant of the new run.
        gone: Study and case id of results that only the old run holds.
        changed: Differences in how the runs were made: name to old and new value, as text.
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
    # Two studies may hold cases with the same id.
    before, after = ({(r.study, r.case_id) for r in run.results} for run in (old, new))

    def judged(result: Result) -> tuple[Result, Verdict]:
        verdict = judgement.cases[result.identity]
        if verdict.kind == "new" and (result.study, result.case_id) not in before:
            verdict = replace(verdict, reason="not in the first run")
        return result, verdict

    families = tuple(
        FamilyComparison(
            scope=group.scope,
            variant=variant,
            metrics=group.metrics,
            judged=tuple(judged(r) for r in group.results if r.variant == variant),
            # Results of other variants name weights that are not the digital model's.
            digital=judgement.digital_of(group.scope) if variant == "direct" else {},
        )
        for group in new.groups
        for variant in sorted({result.variant for result in group.results})
    )
    return Comparison(families, tuple(sorted(before - after)), _changed(old, new))


def _changed(old: Run, new: Run) -> dict[str, tuple[str, str]]:
    before, after = (
        {
            **run.manifest.environment,
            **_own_code(run),
            "commit": run.manifest.commit,
            "seed": run.manifest.seed,
        }
        for run in (old, new)
    )
    pairs = {name: (before.get(name), after.get(name)) for name in sorted({*before, *after})}
    return {name: (_text(was), _text(now)) for name, (was, now) in pairs.items() if was != now}


def _own_code(run: Run) -> dict[str, str]:
    """Return the states of the user's repository and files, by name."""
    sources = run.manifest.sources
    files = dict.fromkeys(source for result in run.results for source in result.sources)
    known: dict[str, dict[str, None]] = {}
    for file in (*(sources.files if sources is not None else ()), *files):
        known.setdefault(file.file, {})[f"sha256 {file.sha256[:8]}"] = None
    if sources is not None:
        commits = sources.repository.commits if sources.repository is not None else ("none",)
        known["repository"] = dict.fromkeys(commits)
    return {name: " and ".join(states) for name, states in known.items()}


def _text(value: object) -> str:
    return "unknown" if value is None else str(value)
