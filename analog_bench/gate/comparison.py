"""Two runs side by side: the same verdicts as a bench run's, without pytest and without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analog_bench.gate.digital import judge_digital_model
from analog_bench.gate.verdict import Verdict, judge_family
from analog_bench.records import Metric, Result, Scope
from analog_bench.store.baseline import CaseBaseline, DigitalEntry, Provenance, case_entry
from analog_bench.store.run import Run


@dataclass(frozen=True)
class FamilyComparison:
    """The cases of one model in one study, with one kind of weights.

    Attributes:
        scope: What they share.
        variant: `direct` or `hwa`.
        metrics: The metrics, the main one first, with the margins that counted.
        judged: Every result of the new run with its verdict, in the new run's order.
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
        gone: Study and case id of what only the old run holds, its families included.
        changed: What differs in how the runs were made: name to old and new value, spelt.
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
    """Judge a run with another one as its baseline.

    Args:
        old: What counts as the baseline.
        new: What is judged.

    Returns:
        The verdicts, family by family.
    """
    provenance = Provenance.of(old.manifest)
    families = []
    for scope in new.scopes:
        own = [r for r in new.results if (r.study, r.model) == (scope.study, scope.model)]
        families += [
            _family(old, new, scope, [r for r in own if r.variant == variant], provenance)
            for variant in sorted({result.variant for result in own})
        ]
    # Two studies may hold a case of the same id.
    gone = {(r.study, r.case_id) for r in old.results}
    gone -= {(r.study, r.case_id) for r in new.results}
    return Comparison(tuple(families), tuple(sorted(gone)), _changed(old, new))


def _family(
    old: Run, new: Run, scope: Scope, results: list[Result], provenance: Provenance
) -> FamilyComparison:
    first = results[0]
    before = [
        result
        for result in old.results
        if (result.study, result.model, result.variant) == (first.study, first.model, first.variant)
    ]
    stored = CaseBaseline(
        variant=first.variant,
        model=first.model,
        study=first.study,
        entries={
            (result.case_id, result.protocol): case_entry(result, provenance)
            for result in before
            if result.status == "measured"
        },
    )
    scored = {name for result in results for name in result.digital}
    metrics = scope.metrics(new.metrics, sorted(scored))
    entries = [stored.find(result.case_id, result.protocol) for result in results]
    verdicts = judge_family(list(zip(results, entries, strict=True)), metrics[0])
    return FamilyComparison(
        scope=scope,
        variant=first.variant,
        metrics=metrics,
        judged=tuple(zip(results, verdicts, strict=True)),
        # Results of HWA weights name other weights than the digital model's.
        digital=_digital(before, first, scope, metrics, provenance)
        if first.variant == "direct"
        else {},
    )


def _digital(
    before: list[Result],
    now: Result,
    scope: Scope,
    metrics: tuple[Metric, ...],
    provenance: Provenance,
) -> dict[str, Verdict]:
    entries = [
        DigitalEntry(r.protocol, r.weights, scope.examples, r.digital, provenance) for r in before
    ]
    # Of the same protocol where there is one: that is what can be compared.
    same = next((e for e in entries if e.protocol == now.protocol), None)
    return judge_digital_model(now, same or next(iter(entries), None), metrics)


def _changed(old: Run, new: Run) -> dict[str, tuple[str, str]]:
    before = {**old.manifest.environment, "commit": old.manifest.commit, "seed": old.manifest.seed}
    after = {**new.manifest.environment, "commit": new.manifest.commit, "seed": new.manifest.seed}
    return {
        name: (_spelt(before.get(name)), _spelt(after.get(name)))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }


def _spelt(value: object) -> str:
    return "unknown" if value is None else str(value)
