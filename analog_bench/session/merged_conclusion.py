"""The end of a run whose shards were merged: its cases are judged together, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analog_bench.gate.max_drop import Requirement, first_unmet, parse_requirement
from analog_bench.gate.run_verdicts import (
    Judgement,
    StoredBaselines,
    judge_run,
    outcomes,
    unconfirmed,
)
from analog_bench.records import Result
from analog_bench.session.report_files import publish
from analog_bench.store.run import Run


@dataclass(frozen=True)
class MergedConclusion:
    """What a merged run comes to.

    Attributes:
        judgement: Its verdicts; None where nothing was compared.
        regressed: A line on each case, and each digital model, whose verdict fails the run.
        unmet: A line on each case that does not meet a requirement of the run.
        unconfirmed: Results that look changed, and lack the chips that would confirm it: their
            shards had other baselines.
        published: Lines on what was written for readers.
    """

    judgement: Judgement | None
    regressed: tuple[str, ...]
    unmet: tuple[str, ...]
    unconfirmed: tuple[Result, ...]
    published: tuple[str, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """What would have failed a test, if the run had been whole from the start."""
        return self.regressed + self.unmet


def conclude_merged(run: Run, results: Path, baselines: Path | None) -> MergedConclusion:
    """Judge a merged run as it would have been on one machine, and write its report.

    `baselines` are in place of those that the run names.
    """
    folder = baselines or run.manifest.baselines
    judgement = judge_run(run, folder)
    requirements = _requirements(run)
    fresh = unconfirmed(run.groups, StoredBaselines(folder)) if folder is not None else ()
    failing = _failing(run, judgement, broken_only=bool(requirements))
    unmet = ((result, first_unmet(result, requirements)) for result in run.results)
    fails = run.manifest.options.get("gate") != "warn"
    return MergedConclusion(
        judgement=judgement,
        regressed=tuple(failing) if fails else (),
        unmet=tuple(f"{_name(result)}: {why}" for result, why in unmet if why and fails),
        unconfirmed=tuple(fresh),
        published=publish(
            run, judgement, results, page=run.manifest.options.get("report") != "off"
        ),
    )


def _failing(run: Run, judgement: Judgement | None, *, broken_only: bool) -> Iterator[str]:
    """Yield what the verdicts fail; where requirements decide instead, only what is broken."""
    for result, verdict in outcomes(run.groups, judgement):
        if verdict.fails and not (broken_only and verdict.kind == "regressed"):
            yield f"{_name(result)}: {verdict.kind}: {verdict.reason}"
    for study, model, verdict in judgement.failed_digital if judgement is not None else ():
        yield f"{study} {model} digital: {verdict.kind}: {verdict.reason}"


def _name(result: Result) -> str:
    # Two studies may hold a case of the same id.
    return f"{result.study} {result.case_id}"


def _requirements(run: Run) -> Sequence[Requirement]:
    texts = str(run.manifest.options.get("max-drop", "")).split(", ")
    # One on a metric that no case has demands nothing.
    known = [text for text in texts if text.partition("=")[0].strip() in run.metrics]
    return [parse_requirement(text, run.metrics) for text in known]
