"""What is asked of a plan, and what planning measures for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from analog_bench.analog.chip import Chip
from analog_bench.analog.layers import find
from analog_bench.case import Case
from analog_bench.engine.zero_shot import ZeroShot, zero_shot
from analog_bench.errors import UsageError
from analog_bench.gate.max_drop import Requirement
from analog_bench.noise import Preset
from analog_bench.planning.plan_record import How
from analog_bench.planning.scenarios import Scenario
from analog_bench.records import Result
from analog_bench.session.cases import cases_of
from analog_bench.session.kept_results import KeptResults
from analog_bench.session.settings import Settings
from analog_bench.spelling import shortened
from analog_bench.store.run_file import read_run
from analog_bench.study import Budget, Study
from analog_bench.zoo.model_specs import ModelSpec


@dataclass(frozen=True)
class PlanRequest:
    """What is asked of a plan.

    Attributes:
        spec: The model.
        most: The metric, and the largest loss in it.
        hardware: The preset of the tiles as it was named.
        scenario: What energy is estimated for.
        tokens: Tokens of an inference.
        tokens_per_fetch: Tokens that what is digital computes with each weight it fetches.
        hows: What may become of a layer; `digital` always may.
        plans: Random plans that the predictor is fitted to.
        pairs: Of how many layers, those that lose most alone, each pair is measured, too.
        limits: Number of limits of the front.
        fresh_chips: Chips that plans are verified on.
    """

    spec: ModelSpec
    most: Requirement
    hardware: str
    scenario: Scenario
    tokens: int
    tokens_per_fetch: int
    hows: tuple[How, ...]
    plans: int
    pairs: int
    limits: int
    fresh_chips: int


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
    """Return the case of everything on tiles, with fitted input ranges where there are any."""
    return cases_of(study, settings)[-1]


def layers_of_run(path: Path, cases: Sequence[Case], kept: KeptResults) -> list[Result]:
    """Return the results that a run has of cases; UsageError where it has none that fit."""
    wanted = {case.id: case for case in cases}
    run = read_run(path)
    results = [r for r in run.results if r.case_id in wanted and r.status == "measured"]
    if not any(wanted[result.case_id].noise.WHERE == "tile" for result in results):
        example = next(iter(wanted))
        raise UsageError(
            f"{path} has no layer alone as it is needed, such as {example}; it has "
            f"{shortened(sorted(result.case_id for result in run.results))}"
        )
    for result in results:
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
    return results


def zero_shot_losses(
    kept: KeptResults, alone: Mapping[tuple[str, How], Case]
) -> dict[tuple[str, How], ZeroShot]:
    """Return what layers alone should lose by theory, by what becomes of them.

    No noisy model is run for it. `alone` are the cases of single layers.
    """
    losses: dict[tuple[str, How], ZeroShot] = {}
    for how in dict.fromkeys(how for _, how in alone):
        cases = {layer: case for (layer, its_how), case in alone.items() if its_how == how}
        runner = kept.runner(next(iter(cases.values())))
        names = {place.path: place.name for place in find(runner.model, list(cases))}

        def chip_of(path: str, chip: int) -> AbstractContextManager[Chip]:
            return runner.chip(cases[names[path]], chip)  # noqa: B023 - called before the next one

        seed = kept.models.settings.seed
        estimates = zero_shot(runner.model, runner.task, names, chip_of, seed=seed)
        losses |= {(names[path], how): one for path, one in estimates.items()}
    return losses
