"""Measuring a case: on which chips, and where the result of a resumed run serves instead."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from analog_bench.case import Case
from analog_bench.engine.runner import Runner
from analog_bench.errors import TileUnavailable
from analog_bench.gate.verdict import needs_confirmation
from analog_bench.records import Identity, Result, Scope
from analog_bench.session.model_cache import ModelCache
from analog_bench.session.recorder import Record
from analog_bench.simulators.registry import find_simulator
from analog_bench.study import Budget, Study


def measure_case(
    models: ModelCache,
    study: Study,
    case: Case,
    earlier: Mapping[Identity, Result] = MappingProxyType({}),
) -> Record:
    """Measure a case on the budget's chips.

    Confirmation chips follow where its baseline suggests a change, and always where baselines are
    updated.

    Args:
        models: The session's models.
        study: The study that lists the case.
        case: The case.
        earlier: Results of the run that is resumed; what it holds is not measured again.

    Returns:
        The record; its result is `skipped` where weights or a tile engine are missing.

    Raises:
        BenchError: Weights, data or the baseline cannot be used.
    """
    missing, budget = models.missing_weights(case), models.budget(study, case.model)
    runner = models.runner(study, case.model, "direct" if missing else case.variant)
    result = _resumed(earlier, case, runner, budget)
    if result is None:
        try:
            result = (
                runner.skipped(case, missing)
                if missing
                else _measured(models, study, case, runner, budget)
            )
        except TileUnavailable as problem:
            result = runner.skipped(case, str(problem))
    scope = Scope(
        study=study.name,
        model=case.model,
        question=study.question,
        data=runner.task.data,
        examples=runner.task.examples,
        main_metric=runner.task.metrics[0].name,
        margins=dict(study.margins),
    )
    return Record(result, scope)


def _measured(
    models: ModelCache, study: Study, case: Case, runner: Runner, budget: Budget
) -> Result:
    if case.noise.WHERE == "tile":
        find_simulator(case.tile).require()
    result = runner.measure(case, _initial_chips(case, budget))
    if result.status != "measured" or not case.draws:
        return result
    settings = models.settings
    confirm = settings.update_baselines
    if not confirm and settings.gate != "off":
        entry = models.case_baseline(case).find(result.case_id, result.protocol)
        confirm = needs_confirmation(result, entry, models.metric(study, case.model))
    return runner.measure_more(case, result, budget.confirmation_chips) if confirm else result


def _resumed(
    earlier: Mapping[Identity, Result], case: Case, runner: Runner, budget: Budget
) -> Result | None:
    """Return what the run to resume measured of a case; None where it has to be measured."""
    result = earlier.get((case.id, case.study, runner.task.protocol))
    if result is None or result.status != "measured":
        return None
    same = (result.case_version, result.weights) == (case.version, runner.weights)
    complete = len(result.initial_chips) == len(_initial_chips(case, budget))
    return result if same and complete else None


def _initial_chips(case: Case, budget: Budget) -> range:
    return budget.initial_chips if case.draws else range(1)
