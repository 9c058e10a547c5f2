"""The end of a run, or of one whose shards were merged: files, verdicts, baselines, report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analog_bench.errors import BenchError
from analog_bench.gate.max_drop import Requirement, first_unmet, parse_requirement
from analog_bench.records import Identity, Result
from analog_bench.session.cases import spec_of_case
from analog_bench.session.recorder import Recorder
from analog_bench.session.report_files import publish
from analog_bench.session.settings import Settings
from analog_bench.spelling import counted
from analog_bench.store.baseline import Change, DigitalEntry, Provenance
from analog_bench.store.baseline_file import update_cases, update_digital
from analog_bench.store.baselines_by_device import own_folder
from analog_bench.store.run import Group, Run
from analog_bench.zoo.model_shape import USUAL_TOKENS, ModelShape

if TYPE_CHECKING:
    from analog_bench.gate.case_verdicts import Verdict
    from analog_bench.gate.run_verdicts import Judgement


@dataclass(frozen=True)
class Conclusion:
    """What a run comes to.

    Attributes:
        run: All that it leaves behind.
        judgement: Its verdicts; None where nothing was compared.
        changes: What changed in the baselines; None where they were not updated.
        published: Lines on what was written for readers.
        problem: Why the results could not be written or judged; empty where they were.
        failed: The verdicts of cases that fail the run; `broken` ones have failed their tests.
        failed_digital: Study, model and verdict where the digital model itself fails the run.
    """

    run: Run
    judgement: Judgement | None
    changes: tuple[Change, ...] | None
    published: tuple[str, ...]
    problem: str
    failed: Mapping[Identity, Verdict]
    failed_digital: Sequence[tuple[str, str, Verdict]]

    @property
    def stopped(self) -> bool:
        """Whether the run was stopped before all its tests ran."""
        return self.run.incomplete is not None and self.run.incomplete.stopped


def conclude(recorder: Recorder, command: str) -> Conclusion:
    """Write the results, judge them, update baselines if asked to, and write the report.

    Errors become part of the conclusion: none may keep the rest from being shown. `command`
    completes an incomplete run; the baselines of a run that was stopped are updated when it is
    complete. A shard is neither judged nor reported, and updates nothing: the merged run does.
    """
    # Not at the top: these import scipy and torch, which collecting cases does without.
    from analog_bench.gate.run_verdicts import StoredBaselines, judge_groups
    from analog_bench.session.model_cache import environment_facts

    settings = recorder.settings
    if not recorder.environment:
        recorder.environment.update(environment_facts(settings.device))
    recorder.shapes = shapes_of(recorder.results, settings, recorder.notes)
    run = recorder.run(command)
    stopped = run.incomplete is not None and run.incomplete.stopped
    judgement, changes, problem = None, None, ""
    shard = settings.shard
    if shard is not None:
        recorder.notes.append(
            f"shard {shard}: not judged by itself; `analog-bench merge` joins the "
            f"{counted(shard.of, 'results file')} and judges them once"
        )
    try:
        recorder.write(run)
        if settings.gate != "off" and shard is None:
            # Against the baselines as they are before any update.
            judgement = judge_groups(run.groups, StoredBaselines(settings.baselines))
        if settings.update_baselines and shard is not None:
            recorder.notes.append(
                "baselines: not updated; merge, then `analog-bench baselines update`"
            )
        elif settings.update_baselines and stopped:
            recorder.notes.append("baselines: not updated, since the run was stopped")
        elif settings.update_baselines:
            provenance = Provenance.of(run.manifest)
            changes = tuple(store_baselines(run.groups, provenance, settings.baselines))
    except BenchError as error:
        problem = str(error)
    if recorder.results_file is None and recorder.journal is not None:
        problem += f"; {str(recorder.journal)!r} keeps what was measured: go on with `{command}`"
    published: tuple[str, ...] = ()
    if shard is None:
        published = publish(run, judgement, recorder.results_file, page=settings.report)
    failed: Mapping[Identity, Verdict] = {}
    failed_digital: Sequence[tuple[str, str, Verdict]] = ()
    if judgement is not None and settings.gate == "fail" and not settings.update_baselines:
        failed_digital = judgement.failed_digital
        if not settings.requirements:  # which decide in place of verdicts
            failed = {which: v for which, v in judgement.cases.items() if v.fails}
    return Conclusion(run, judgement, changes, published, problem, failed, failed_digital)


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
    from analog_bench.gate.run_verdicts import StoredBaselines, judge_run, unconfirmed

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
    from analog_bench.gate.run_verdicts import outcomes

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


def shapes_of(
    results: Iterable[Result], settings: Settings, notes: list[str]
) -> dict[str, ModelShape]:
    """Return the shapes of the models of whole-model results and plans, from which energies follow.

    A model that is gone, for example because the run is resumed elsewhere, becomes a note.
    """
    from analog_bench.planning.shape_tracing import trace
    from analog_bench.report.case_energy import is_whole
    from analog_bench.zoo.model_loading import read_outline

    shapes = {}
    wanted = (one.model for one in results if is_whole(one) or one.plan is not None)
    for model in dict.fromkeys(wanted):
        try:
            spec = spec_of_case(settings, model)
            outline = read_outline(spec, lock_path=settings.lock)
        except BenchError as problem:
            notes.append(f"no energy of {model} in the report: {problem}")
        else:
            shapes[model] = trace(outline, min(USUAL_TOKENS, spec.structure.positions))
    return shapes


def store_baselines(groups: Iterable[Group], provenance: Provenance, root: Path) -> list[Change]:
    """Store what was measured as the new baselines, and return what changed; raises BaselineError.

    Whatever was not measured stays, including other devices' and precisions' values for the same
    cases. Skipped and broken results are left out.
    """
    changes: list[Change] = []
    for group in groups:
        measured = [result for result in group.results if result.status == "measured"]
        for computed in sorted({result.computed for result in measured}):
            own = [result for result in measured if result.computed == computed]
            changes += update_cases(own_folder(root, computed), own, provenance)
        if group.digital is None or group.main.name not in group.digital.digital:
            # Only other variants were measured, or the digital model is broken.
            continue
        entry = DigitalEntry(
            protocol=group.digital.protocol,
            weights=group.digital.weights,
            examples=group.scope.examples,
            scores=group.digital.digital,
            provenance=provenance,
        )
        folder = own_folder(root, group.digital.computed)
        changes += update_digital(folder, group.scope.model, entry)
    return changes
