"""A whole run against the stored baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analog_bench.gate.digital import judge_digital_model
from analog_bench.gate.verdict import Verdict, judge_family, outcome
from analog_bench.records import Identity, Result, Scope
from analog_bench.report.contents import Contents, contents_of
from analog_bench.store.baseline import Provenance
from analog_bench.store.baseline_file import read_cases, read_digital
from analog_bench.store.run import Group, Run


@dataclass(frozen=True)
class Judgement:
    """The verdicts of a run.

    Attributes:
        cases: By what tells a result apart: case id, study, protocol.
        digital: By study and model: metric name to the verdict on the digital model, the one that
            fails where one of several protocols does; only where digital weights were measured as
            they are.
        baselines: Where the stored numbers come from that cases were judged by.
    """

    cases: Mapping[Identity, Verdict]
    digital: Mapping[tuple[str, str], Mapping[str, Verdict]]
    baselines: frozenset[Provenance] = frozenset()

    def of_digital(self, scope: Scope) -> Mapping[str, Verdict]:
        """Return the verdicts on a digital model by metric."""
        return self.digital.get((scope.study, scope.model), {})


def judge_groups(groups: Sequence[Group], baselines: Path) -> Judgement:
    """Judge results against the baselines of a folder.

    Args:
        groups: The results of each study on each model.
        baselines: The folder.

    Returns:
        The verdicts.

    Raises:
        BaselineError: A baseline file is corrupt.
    """
    cases: dict[Identity, Verdict] = {}
    digital: dict[tuple[str, str], Mapping[str, Verdict]] = {}
    provenances: set[Provenance] = set()
    for group in groups:
        scope = group.scope
        for variant in sorted({result.variant for result in group.results}):
            stored = read_cases(baselines, variant, scope.model, scope.study)
            family = [result for result in group.results if result.variant == variant]
            entries = [stored.find(result.case_id, result.protocol) for result in family]
            provenances.update(entry.provenance for entry in entries if entry is not None)
            found = judge_family(list(zip(family, entries, strict=True)), group.metrics[0])
            for result, verdict in zip(family, found, strict=True):
                cases[result.identity] = verdict
        if group.digital is not None:
            digital[scope.study, scope.model] = _of_digital(group, baselines)
    return Judgement(cases, digital, frozenset(provenances))


def _of_digital(group: Group, baselines: Path) -> dict[str, Verdict]:
    """Judge the digital model under every protocol that it was measured under."""
    stored = read_digital(baselines, group.scope.model).entries
    verdicts: dict[str, Verdict] = {}
    for protocol, result in group.digital_by_protocol.items():
        found = judge_digital_model(result, stored.get(protocol), group.metrics)
        for metric, verdict in found.items():
            # Several runs may hold several protocols: none that is fine hides one that fails.
            if metric not in verdicts or (verdict.fails and not verdicts[metric].fails):
                verdicts[metric] = verdict
    return verdicts


def outcomes(groups: Iterable[Group], judgement: Judgement | None) -> list[tuple[Result, Verdict]]:
    """Return results with what is to be said of them, as `gate.verdict.outcome` has it.

    Args:
        groups: The results of each study on each model.
        judgement: Their verdicts; None where nothing was compared.
    """
    verdicts = judgement.cases if judgement else {}
    return [
        (result, verdict)
        for group in groups
        for result in group.results
        if (verdict := outcome(result, verdicts.get(result.identity), group.metrics[0])) is not None
    ]


def judged(run: Run, baselines: Path | None, source: str) -> Contents:
    """Judge a run, and return what reports show of it.

    Args:
        run: The run.
        baselines: Folder of the baselines; None to compare with nothing.
        source: Name of the results file.

    Raises:
        BaselineError: A baseline file is corrupt.
    """
    judgement = None if baselines is None else judge_groups(run.groups, baselines)
    return reported(run, judgement, source)


def reported(run: Run, judgement: Judgement | None, source: str) -> Contents:
    """Return what reports show of a run.

    Args:
        run: The run.
        judgement: Its verdicts; None where nothing was compared.
        source: Name of the results file.
    """
    known = judgement or Judgement({}, {})
    return contents_of(
        run, known.cases, known.digital, baselines=tuple(known.baselines), source=source
    )
