"""Makes a plan: measures layers alone, fits what predicts plans, chooses, and verifies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from functools import cached_property
from itertools import combinations, islice
from statistics import fmean

from analog_bench.case import Case
from analog_bench.engine.runner import Runner
from analog_bench.errors import UsageError
from analog_bench.gate.significance import mean_interval
from analog_bench.planning.loss_prediction import (
    ALONE,
    ALONG,
    BY_ALPHA,
    WITH_PAIRS,
    Fitted,
    LossPredictor,
    Scale,
    Strains,
    fit_all,
    strains_of,
)
from analog_bench.planning.plan_choice import front, random_plans
from analog_bench.planning.plan_energy import energy_of_plan, layer_costs
from analog_bench.planning.plan_front import Planned, VerifiedPlan
from analog_bench.planning.plan_record import Assignment, Estimate, How, Plan, PlanEnergy, layers_of
from analog_bench.planning.shape_tracing import trace
from analog_bench.records import Result
from analog_bench.session.kept_results import KeptResults, Tell, losses_of
from analog_bench.session.plan_cases import case_of_plan, in_int8, products_of
from analog_bench.session.plan_study import PlanRequest, zero_shot_losses
from analog_bench.simulators.versions import package_version
from analog_bench.store.environment import PACKAGES
from analog_bench.zoo.model_loading import read_outline
from analog_bench.zoo.model_shape import ModelShape

_LIMIT_STEP = 0.5
"""Each limit of the front is so much of the one before."""


class PlanMaker:
    """Measures what plans of one model lose; `whole` is the case of all of it on tiles."""

    def __init__(
        self, request: PlanRequest, whole: Case, kept: KeptResults, fresh: KeptResults
    ) -> None:
        """Prepare; nothing is measured yet. The chips of `fresh` are others than those of `kept`.

        UsageError where the metric is none of the task's, or the digital model is no better than
        guessing.
        """
        self.request = request
        self.whole = whole
        self.kept = kept
        self.fresh = fresh
        self.layers = products_of(request.spec.layers)
        self._check_metric()

    def fit(self, tell: Tell) -> tuple[dict[tuple[str, How], float], Fitted]:
        """Measure each layer alone; return mean losses, and what predicts plans."""
        choices = self.alone()
        results = self.kept.measure("measuring layers alone", list(choices.values()), tell)
        by_chip = {
            choice: self.losses(result) for choice, result in zip(choices, results, strict=True)
        }
        fitted = self.fitted(by_chip, tell)
        return {choice: fmean(losses) for choice, losses in by_chip.items()}, fitted

    def make(
        self, alone: dict[tuple[str, How], float], fitted: Fitted, command: str, tell: Tell
    ) -> Planned:
        """Return the front, verified, and the plan to be written, from what `fit` returned.

        Raises:
            UsageError: No plan but the all-digital one is predicted to lose so little.
            BenchError: See `measure_case`.
        """
        request = self.request
        predictor = fitted.predictor
        metric = request.most.metric
        limits = [request.most.most * _LIMIT_STEP**n for n in range(request.limits)]
        costs = layer_costs(self.shape, request.scenario, request.hows, request.tokens_per_fetch)
        found = front(costs, predictor.strains, [predictor.room(limit) for limit in limits])
        chosen = {n: plan for n, plan in found.items() if set(plan.values()) != {"digital"}}
        if not chosen:
            (layer, how), least = min(alone.items(), key=lambda item: item[1])
            raise UsageError(
                f"--max-loss {metric.name}={request.most.most:g} leaves everything digital: "
                f"the least is lost with {layer} {how}, {least:.3g} {metric.unit}; allow more"
            )
        everything = [(None, plan) for plan in self.all_alike()]
        plans = [*everything, *((limits[n], plan) for n, plan in chosen.items())]
        cases = [self.case(plan) for _, plan in plans]
        verified = [
            VerifiedPlan(
                limit,
                plan,
                self.predicted(predictor, plan),
                self.measured(result),
                self.energy(plan),
            )
            for (limit, plan), result in zip(
                plans, self.fresh.measure("verifying plans", cases, tell), strict=True
            )
        ]
        references, verified = verified[: len(everything)], verified[len(everything) :]
        kept = [n for n, one in enumerate(verified) if one.measured.loss <= request.most.most]
        best = kept[0] if kept else None
        return Planned(
            model=self.whole.model,
            metric=metric,
            max_loss=request.most.most,
            data=self._runner.task.data,
            examples=self._runner.task.examples,
            noise=str(self.whole.noise),
            drift_s=self.whole.drift_s,
            variant=self.whole.variant,
            alone=alone,
            predictor=predictor,
            predicted_by=fitted.used,
            front=tuple(verified),
            everything_analog=references[0],
            everything_int8=references[1] if len(references) > 1 else None,
            chosen=best,
            plan=None if best is None else self._record(verified[best], command),
        )

    def all_alike(self) -> list[Assignment]:
        """Return the plan with all layers on tiles, and that with all in INT8 where they may be."""
        hows: list[How] = [how for how in ("analog", "int8") if how in self.request.hows]
        return [dict.fromkeys(self.layers, how) for how in hows]

    def case(self, assignment: Assignment) -> Case:
        """Return the case of a plan that is not all digital."""
        case = case_of_plan(self.whole, assignment)
        if case is None:
            raise ValueError("all of it is digital")
        return case

    def alone(self) -> dict[tuple[str, How], Case]:
        """Return the cases of single layers on tiles, then in INT8."""
        alone = {x: replace(self.whole, layers=(x,), group=x) for x in self.layers}
        choices: dict[tuple[str, How], Case] = {(x, "analog"): one for x, one in alone.items()}
        if "int8" in self.request.hows:
            choices |= {(x, "int8"): in_int8(one, (x,)) for x, one in alone.items()}
        return choices

    def fitted(self, alone: Mapping[tuple[str, How], Sequence[float]], tell: Tell) -> Fitted:
        """Return predictors, fitted to random plans and to the plans with all layers alike.

        The latter tell the cost of INT8 from that of tiles, which random plans mix. Zero-shot
        estimates have no unit without plans to fit, and are left out then.
        """
        seed = self.kept.models.settings.seed
        drawn = random_plans(self.layers, self.request.hows, seed, "plans to fit")
        plans = list(islice(drawn, self.request.plans))
        plans += self.all_alike() if plans else []
        results = self.kept.measure("measuring plans", [self.case(plan) for plan in plans], tell)
        measured = list(zip(plans, map(self.losses, results), strict=True))
        strains = {ALONE: strains_of(self.scale, alone)}
        if pairs := self.losses_of_pairs(alone, tell):
            strains[WITH_PAIRS] = strains_of(self.scale, alone, pairs)
        if plans:
            theory = zero_shot_losses(self.kept, self.alone())
            strains[ALONG] = Strains({choice: one.along for choice, one in theory.items()}, {})
            strains[BY_ALPHA] = Strains(
                {choice: one.by_alpha for choice, one in theory.items()}, {}
            )
        return fit_all(self.scale, strains, measured)

    def losses_of_pairs(
        self, alone: Mapping[tuple[str, How], Sequence[float]], tell: Tell
    ) -> dict[tuple[str, str], tuple[float, ...]]:
        """Measure the layers that lose most alone two by two on tiles; return losses by chip."""
        most = sorted(self.layers, key=lambda layer: -fmean(alone[layer, "analog"]))
        most = most[: self.request.pairs]
        pairs = list(combinations([layer for layer in self.layers if layer in most], 2))
        plans: list[Assignment] = [
            {layer: "analog" if layer in pair else "digital" for layer in self.layers}
            for pair in pairs
        ]
        results = self.kept.measure("measuring pairs", [self.case(plan) for plan in plans], tell)
        return {pair: self.losses(result) for pair, result in zip(pairs, results, strict=True)}

    @cached_property
    def scale(self) -> Scale:
        """The scale on which losses add up."""
        metric, runner = self.request.most.metric, self._runner
        digital = runner.digital().mean[metric.name]
        chance = runner.task.chance[metric.name]
        return Scale(metric.loss(chance, digital))

    def losses(self, result: Result) -> tuple[float, ...]:
        """Return the loss on each chip."""
        return losses_of(result, self.request.most.metric, self.scale.reach)

    def predicted(self, predictor: LossPredictor, assignment: Assignment) -> Estimate:
        """Return what is to be expected of a plan."""
        low, high = predictor.interval(assignment, self.request.fresh_chips) or (None, None)
        seed = self.kept.models.settings.seed
        return Estimate(predictor.loss(assignment), low, high, 0, seed)

    def measured(self, result: Result) -> Estimate:
        """Return what fresh chips say of a plan."""
        losses = self.losses(result)
        interval = mean_interval(losses)
        low, high = interval.bounds or (None, None)
        seed = self.fresh.models.settings.seed
        return Estimate(interval.centre, low, high, len(losses), seed)

    def energy(self, assignment: Assignment) -> PlanEnergy:
        """Return what a token takes by a plan."""
        request = self.request
        return energy_of_plan(self.shape, request.scenario, assignment, request.tokens_per_fetch)

    @cached_property
    def shape(self) -> ModelShape:
        """What an inference of the model computes."""
        spec, settings = self.request.spec, self.kept.models.settings
        return trace(read_outline(spec, lock_path=settings.lock), self.request.tokens)

    @property
    def _runner(self) -> Runner:
        return self.kept.runner(self.whole)

    def _check_metric(self) -> None:
        metric, task = self.request.most.metric, self._runner.task
        names = [known.name for known in task.metrics]
        if metric.name not in names:
            raise UsageError(
                f"--max-loss is in {metric.name}, and {self.request.spec.name} is scored by "
                f"{', '.join(names)}"
            )
        if metric.name not in task.chance or self.scale.reach <= 0:
            raise UsageError(
                f"{self.request.spec.name} scores no better in {metric.name} than guessing does on "
                f"these {task.data}: there is nothing to lose; give it other --data"
            )

    def _record(self, chosen: VerifiedPlan, command: str) -> Plan:
        request, whole, task = self.request, self.whole, self._runner.task
        digital = self.kept.models.loaded(whole.model)
        return Plan(
            schema_version=1,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            command=command,
            environment={name: package_version(name) for name in PACKAGES},
            model=whole.model,
            zoo=request.spec.source,
            weights=digital.weights_sha256,
            hardware=request.hardware,
            noise=str(whole.noise),
            tile=whole.tile,
            drift_s=whole.drift_s,
            variant=whole.variant,
            data=task.data,
            examples=task.examples,
            protocol=task.protocol,
            metric=request.most.metric.name,
            max_loss=request.most.most,
            predicted=chosen.predicted,
            measured=chosen.measured,
            energy=chosen.energy,
            analog=layers_of(chosen.assignment, "analog"),
            int8=layers_of(chosen.assignment, "int8"),
            digital=layers_of(chosen.assignment, "digital"),
        )
