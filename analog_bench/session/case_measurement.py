"""Measuring a case: on which chips, and where the result of a resumed run serves instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
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
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Identity, Metric, Result, Scope
from analog_bench.session.model_cache import ModelCache
from analog_bench.session.own_code import sources_of_case
from analog_bench.session.plan_cases import check_weights, products_of, with_plan
from analog_bench.simulators.registry import find_simulator
from analog_bench.store.baseline import CaseEntry
from analog_bench.store.run import Record
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

    The first record is of the case itself, the others are of those measured with it. Confirmation
    chips follow if its baseline suggests a change, and always if baselines are updated. The result
    is `skipped` if weights or a tile engine are missing. What the resumed run holds (`earlier`) is
    not measured again. The case's own result is taken out of `ahead`, and those of others that
    share its chips are put in.

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
                sampling = _Sampling(models, study, runner, budget)
                result, *others = sampling.measured(group)
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
    """Refuse, with a UsageError, to resume a run whose weights or data have changed since.

    The files of its options may have: a model's folder, data, HWA weights.
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
    """Return whether two cases differ only in drift time, so that one chip serves both.

    At equal error each time has its own severity, and so its own chips.
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


@dataclass(frozen=True)
class _Sampling:
    """How cases of one model in a study get their chips: at first, for precision, to confirm."""

    models: ModelCache
    study: Study
    runner: Runner
    budget: Budget

    def measured(self, group: Sequence[Case]) -> list[Result]:
        """Measure cases that share their chips."""
        case, settings = group[0], self.models.settings
        if case.noise.WHERE == "tile":
            find_simulator(case.tile).require(settings.device)
        target = self.budget.precision if case.draws else None
        chips = range(PILOT_CHIPS if target else max(map(self._fixed_chips, group)))
        measured = self.runner.measure_together(group, chips, propagation=self.study.propagation)
        sources = sources_of_case(case, settings.root)  # of all: they differ in time alone
        layers = products_of(self.models.loaded(case.model).spec.layers)
        complete = (
            structs.replace(
                with_plan(result, settings.plans, layers), sources=sources, target=target
            )
            for result in measured
        )
        results = self._add_chips(dict(zip(group, complete, strict=True)), 0, self._wanted_chips)
        doubted = {
            case: 2 * len(result.initial_chips)
            for case, result in results.items()
            if self._needs_confirmation(case, result)
        }
        confirmed = self._add_chips(
            results, FIRST_CONFIRMATION_CHIP, lambda case, _: doubted.get(case, 0)
        )
        return list(confirmed.values())

    def _add_chips(
        self, results: Mapping[Case, Result], first: int, wanted: Callable[[Case, Result], int]
    ) -> Mapping[Case, Result]:
        """Measure chips from index `first` on, until each case has as many as it wants.

        Cases that share chips are measured together for as long as they want the same ones.
        """
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
            chips = range(first + fewest, first + min(lacking[case] for case in next_ones))
            more = self.runner.measure_more(next_ones, chips, propagation=self.study.propagation)
            results = {**results, **dict(zip(next_ones, more, strict=True))}

    def _fixed_chips(self, case: Case) -> int:
        """Return the budget's chips; more where only another device's baseline is there."""
        most = _most_chips(case, self.budget)
        entry = self._baseline(case) if case.draws and self._is_compared else None
        metric = self._metric(case)
        if (
            entry is None
            or entry.device == self.models.computed[0]
            or metric.name not in entry.chips[0].scores
        ):
            return most
        stored = [chip.scores[metric.name] for chip in entry.chips]
        return chips_to_compare(stored, metric.margin, self._step(metric), least=most)

    def _wanted_chips(self, case: Case, result: Result) -> int:
        """Return how many initial chips a case is to have, by what is known of it so far."""
        most, metric = _most_chips(case, self.budget), self._metric(case)
        losses = result.losses(metric)
        if self.budget.precision is None or not case.draws or not losses:
            return most
        step = self._step(metric)
        return chips_needed(losses, self.budget.precision, metric.margin, most, step)

    def _needs_confirmation(self, case: Case, result: Result) -> bool:
        if not case.draws or result.status != "measured":
            return False
        if not self._is_compared:
            return self.models.settings.update_baselines
        task, metric = self.runner.task, self._metric(case)
        return needs_confirmation(
            result, self._baseline(case), metric, {task.protocol: task.examples}
        )

    @property
    def _is_compared(self) -> bool:
        settings = self.models.settings
        return settings.gate != "off" and not settings.update_baselines

    def _baseline(self, case: Case) -> CaseEntry | None:
        return self.models.case_baseline(case).find(case.id, self.runner.task.protocol)

    def _metric(self, case: Case) -> Metric:
        return self.models.metric(self.study, case.model)

    def _step(self, metric: Metric) -> float:
        return score_step(metric, self.runner.task.examples)


def _most_chips(case: Case, budget: Budget) -> int:
    return budget.chips if case.draws else 1
