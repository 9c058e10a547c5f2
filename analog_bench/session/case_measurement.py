"""Measuring a case: on which chips, and where the result of a resumed run serves instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from msgspec import structs

from analog_bench.case import Case
from analog_bench.defining_files import SourceFile
from analog_bench.engine.runner import Runner
from analog_bench.errors import TileUnavailable, UsageError
from analog_bench.gate.case_verdicts import needs_confirmation
from analog_bench.gate.chip_change import score_step
from analog_bench.gate.detectable_effect import chips_to_compare
from analog_bench.gate.precision import chips_needed
from analog_bench.noise import EqualError
from analog_bench.precision_target import PILOT_CHIPS
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Identity, Result, Scope
from analog_bench.session.model_cache import ModelCache
from analog_bench.session.own_code import sources_of_case
from analog_bench.session.plan_cases import check_weights, products_of, with_plan
from analog_bench.session.recorder import Record
from analog_bench.simulators.registry import find_simulator
from analog_bench.study import Budget, Study


def measure_case(
    models: ModelCache,
    study: Study,
    case: Case,
    earlier: Mapping[Identity, Result] = MappingProxyType({}),
    *,
    upcoming: Iterable[Case] = (),
    ahead: MutableMapping[Case, Result] | None = None,
) -> tuple[Record, ...]:
    """Measure a case on the budget's chips, and with it the upcoming ones that share them.

    The first record is of the case itself, further ones are of those that were measured with it.
    Confirmation chips follow where its baseline suggests a change, and always where baselines are
    updated. The result is `skipped` where weights or a tile engine are missing. What the resumed
    run holds (`earlier`) is not measured again. Of the results of upcoming cases (`ahead`) this
    one's is taken out, and those of others that share its chips are put in.

    Raises:
        BenchError: Weights, data or the baseline cannot be used, or are not those that the resumed
            run began with.
    """
    ahead = {} if ahead is None else ahead
    missing, budget = models.missing_weights(case), models.budget(study, case.model)
    for named in models.settings.plans:
        if named.plan.model == case.model:
            check_weights(named, models.loaded(case.model).weights_sha256)
    runner = models.runner(study, case.model, "direct" if missing else case.variant)
    if not missing:
        check_unchanged(earlier, case, runner.task.protocol, runner.weights)
        models.check_precision(study, case.model)

    def resumed(one: Case) -> Result | None:
        sources = sources_of_case(one, models.settings.root)
        return resumed_result(earlier, one, runner.task.protocol, runner.weights, budget, sources)

    result = resumed(case) or ahead.pop(case, None)
    others: list[Result] = []
    if result is None:
        group = [case] + [
            other
            for other in upcoming
            if other != case and share_chips(case, other) and resumed(other) is None
        ]
        try:
            if missing:
                result = runner.skipped(case, missing)
            else:
                result, *others = _measured(models, study, group, runner, budget)
                ahead.update(zip(group[1:], others, strict=True))
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
    return tuple(Record(one, scope) for one in (result, *others))


def check_unchanged(
    earlier: Mapping[Identity, Result], case: Case, protocol: str, weights: str
) -> None:
    """Refuse to go on with a run that measured such cases on other data, or with other weights.

    The files of the resumed run's options may have changed: a model's folder, data, HWA weights.

    Raises:
        UsageError: They have.
    """
    family = case.study, case.model, case.variant
    for result in earlier.values():
        if (result.study, result.model, result.variant) != family or result.status != "measured":
            continue
        what = ""
        if result.weights != weights:
            what = f"weights {result.weights[:12]} then, {weights[:12]} now"
        elif result.protocol != protocol:
            what = "the tokeniser or the data"
        if what:
            raise UsageError(
                f"cannot resume: {result.model} ({result.variant}) is not what the run began with: "
                f"{what}; put the files back, or start anew without --resume"
            )


def share_chips(one: Case, other: Case) -> bool:
    """Return whether two cases differ in their drift time only, so that one chip serves both.

    At equal error every time has a severity, and so chips, of its own.
    """
    same = replace(one, drift_s=other.drift_s) == other
    return same and one.noise.DRIFTS and not isinstance(one.noise, EqualError)


def resumed_result(
    earlier: Mapping[Identity, Result],
    case: Case,
    protocol: str,
    weights: str,
    budget: Budget,
    sources: tuple[SourceFile, ...],
) -> Result | None:
    """Return what the run to resume measured of a case; None where it has to be measured."""
    result = earlier.get((case.id, case.study, protocol))
    if result is None or result.status != "measured":
        return None
    held = result.case_version, result.weights, result.sources
    same = held == (case.version, weights, sources)
    asked = result.target == (budget.precision if case.draws else None)
    # With a target it has as many as it needed: it was not stored before. Where another device's
    # baseline asks for more than the budget, it had them.
    enough = len(result.initial_chips) >= _most_chips(case, budget)
    return result if same and asked and (enough or result.target is not None) else None


def _measured(
    models: ModelCache, study: Study, group: Sequence[Case], runner: Runner, budget: Budget
) -> list[Result]:
    case = group[0]
    if case.noise.WHERE == "tile":
        find_simulator(case.tile).require(models.settings.device)
    target = budget.precision if case.draws else None
    fixed = max(_fixed_chips(models, study, one, budget, runner) for one in group)
    chips = range(PILOT_CHIPS if target else fixed)
    measured = runner.measure_together(group, chips, propagation=study.propagation)
    sources = sources_of_case(case, models.settings.root)  # of all: they differ in time alone
    layers, plans = products_of(models.loaded(case.model).spec.layers), models.settings.plans
    told = [
        structs.replace(with_plan(result, plans, layers), sources=sources, target=target)
        for result in measured
    ]
    results = dict(zip(group, told, strict=True))

    def wanted(_: Case, result: Result) -> int:
        return _wanted_chips(models, study, case, result, runner, budget)

    results = _add_chips(runner, results, 0, wanted, propagation=study.propagation)
    doubted = {
        c: 2 * len(r.initial_chips)
        for c, r in results.items()
        if _needs_confirmation(models, study, c, r, runner)
    }
    confirmed = _add_chips(
        runner,
        results,
        FIRST_CONFIRMATION_CHIP,
        lambda c, _: doubted.get(c, 0),
        propagation=study.propagation,
    )
    return list(confirmed.values())


def _add_chips(
    runner: Runner,
    results: Mapping[Case, Result],
    first: int,
    wanted: Callable[[Case, Result], int],
    *,
    propagation: bool,
) -> dict[Case, Result]:
    """Measure chips from index `first` on, until each case has as many of them as it wants.

    Cases that share chips are measured together for as long as they want the same ones.
    """
    results = dict(results)
    while True:
        has = {c: sum(chip.chip >= first for chip in r.chips) for c, r in results.items()}
        lacking = {
            case: number
            for case, result in results.items()
            if result.status == "measured" and (number := wanted(case, result)) > has[case]
        }
        if not lacking:
            return results
        fewest = min(has[case] for case in lacking)
        next_ones = {case: results[case] for case in lacking if has[case] == fewest}
        last = min(lacking[case] for case in next_ones)
        more = runner.measure_more(
            next_ones, range(first + fewest, first + last), propagation=propagation
        )
        # What is broken by a further chip has none of this.
        told = (
            structs.replace(new, sources=old.sources, target=old.target, plan=old.plan)
            for old, new in zip(next_ones.values(), more, strict=True)
        )
        results |= zip(next_ones, told, strict=True)


def _wanted_chips(
    models: ModelCache, study: Study, case: Case, result: Result, runner: Runner, budget: Budget
) -> int:
    """Return how many initial chips a case is to have, by what is known of it so far."""
    most, metric = _most_chips(case, budget), models.metric(study, case.model)
    losses = result.losses(metric)
    if budget.precision is None or not case.draws or not losses:
        return most
    step = score_step(metric, runner.task.examples)
    return chips_needed(losses, budget.precision, metric.margin, most, step)


def _needs_confirmation(
    models: ModelCache, study: Study, case: Case, result: Result, runner: Runner
) -> bool:
    settings = models.settings
    if not case.draws or result.status != "measured":
        return False
    if settings.update_baselines or settings.gate == "off":
        return settings.update_baselines
    entry = models.case_baseline(case).find(result.case_id, result.protocol)
    metric = models.metric(study, case.model)
    return needs_confirmation(result, entry, metric, {result.protocol: runner.task.examples})


def _most_chips(case: Case, budget: Budget) -> int:
    return budget.chips if case.draws else 1


def _fixed_chips(
    models: ModelCache, study: Study, case: Case, budget: Budget, runner: Runner
) -> int:
    """Return the budget's chips; more where only another device's baseline is there to compare."""
    settings, most = models.settings, _most_chips(case, budget)
    if not case.draws or settings.update_baselines or settings.gate == "off":
        return most
    entry = models.case_baseline(case).find(case.id, runner.task.protocol)
    metric = models.metric(study, case.model)
    if (
        entry is None
        or entry.device == models.computed[0]
        or metric.name not in entry.chips[0].scores
    ):
        return most
    stored = [chip.scores[metric.name] for chip in entry.chips]
    step = score_step(metric, runner.task.examples)
    return chips_to_compare(stored, metric.margin, step, least=most)
