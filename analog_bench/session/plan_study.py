"""What planning measures: a model with everything on tiles, and layers that a run has already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analog_bench.case import Case
from analog_bench.errors import UsageError
from analog_bench.noise import Preset
from analog_bench.records import Result
from analog_bench.session.cases import cases_of
from analog_bench.session.kept_results import KeptResults
from analog_bench.session.settings import Settings
from analog_bench.spelling import shortened
from analog_bench.store.run_file import read_run
from analog_bench.study import Budget, Study


def plan_study(model: str, hardware: str, drift_s: float, chips: int, examples: int) -> Study:
    """Return the study that layers alone and whole plans are cases of, at the budget `smoke`."""
    return Study(
        name="plan",
        question="which layers may go analog?",
        models=(model,),
        noises=(Preset(hardware),),
        budgets={"smoke": Budget(chips, examples)},
        drift_s=(drift_s,),
        layers="all",
        variants=("direct", "calibrated"),
    )


def whole_case(study: Study, settings: Settings) -> Case:
    """Return the case of everything on tiles, with fitted input ranges where the hardware has any.

    Raises:
        BenchError: See `cases_of`.
    """
    return cases_of(study, settings)[-1]


def layers_of_run(path: Path, cases: Sequence[Case], kept: KeptResults) -> list[Result]:
    """Return the results that a run has of cases.

    Raises:
        StoreError: There is no such run file.
        UsageError: It has none of them, or has them with other weights or on other data.
    """
    wanted = {case.id: case for case in cases}
    run = read_run(path)
    found = [r for r in run.results if r.case_id in wanted and r.status == "measured"]
    if not any(wanted[result.case_id].noise.WHERE == "tile" for result in found):
        example = next(iter(wanted))
        raise UsageError(
            f"{path} has no layer alone as it is needed, such as {example}; it has "
            f"{shortened(sorted(result.case_id for result in run.results))}"
        )
    for result in found:
        runner = kept.runner(wanted[result.case_id])
        if result.weights != runner.weights:
            raise UsageError(
                f"{path} was measured with other weights of {result.model} "
                f"({result.weights[:12]}...) than these ({runner.weights[:12]}...)"
            )
        if result.protocol != runner.task.protocol:
            scopes = {scope.study_and_model: scope for scope in run.scopes}
            scope = scopes[result.study_and_model]
            raise UsageError(
                f"{path} was measured on {scope.examples} {scope.data}, and this is to be on "
                f"{runner.task.examples} {runner.task.data}; give --data and --examples as there"
            )
    return found
