"""Holds what predicts losses of plans against random plans on fresh chips, and keeps it there."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from statistics import fmean

from analog_bench.planned_case_record import PlannedCase
from analog_bench.planning.loss_prediction import Fitted
from analog_bench.planning.plan_choice import random_plans
from analog_bench.planning.plan_record import Assignment, Estimate, letters_of
from analog_bench.planning.predictor_scores import PredictorComparison, ceiling, score_predictor
from analog_bench.session.kept_results import Tell
from analog_bench.session.plan_making import PlanMaker

_HELD_OUT = "held-out plans"


def compare_predictors(
    maker: PlanMaker, fitted: Fitted, count: int, tell: Tell
) -> PredictorComparison:
    """Measure random plans that nothing was fitted to, and score every predictor on them."""
    request = maker.request
    seed = maker.fresh.models.settings.seed
    plans = list(islice(random_plans(maker.layers, request.hows, seed, _HELD_OUT), count))
    results = maker.fresh.measure(
        "measuring held-out plans", [maker.case(plan) for plan in plans], tell
    )
    keep_plans(maker, ((plan, maker.predicted(fitted.predictor, plan), None) for plan in plans))
    by_chip = [maker.losses(result) for result in results]
    measured = [fmean(losses) for losses in by_chip]
    energies = [maker.energy(plan).pj for plan in plans]
    weights = {layer.name: layer.weights for layer in maker.shape.layers}

    def weight(plan: Assignment) -> float:
        return sum(weights[layer] for layer, how in plan.items() if how == "analog")

    orders = {
        "layers on tiles": [float(list(plan.values()).count("analog")) for plan in plans],
        "weights on tiles": [weight(plan) for plan in plans],
    }
    scores = [
        score_predictor(name, values, measured, energies, seed=seed, in_unit=False)
        for name, values in orders.items()
    ]
    scores += [
        score_predictor(name, [one.loss(plan) for plan in plans], measured, energies, seed=seed)
        for name, one in fitted.predictors.items()
    ]
    return PredictorComparison(
        plans=len(plans),
        chips=len(by_chip[0]),
        least=min(measured),
        most=max(measured),
        scores=tuple(scores),
        ceiling=ceiling(by_chip, seed=seed),
        used=fitted.used,
    )


def keep_plans(
    maker: PlanMaker, plans: Iterable[tuple[Assignment, Estimate, float | None]]
) -> None:
    """Write beside results on fresh chips which plans they are, predicted how, and for what limit.

    A limit is None where the plan was not chosen for one.
    """
    request = maker.request
    by_case = {
        maker.case(assignment).id: PlannedCase(
            layers=letters_of(assignment),
            scenario=request.scenario.name,
            tokens_per_fetch=request.tokens_per_fetch,
            metric=request.most.metric.name,
            limit=limit,
            predicted=predicted.loss,
            low=predicted.low,
            high=predicted.high,
        )
        for assignment, predicted, limit in plans
    }
    maker.fresh.tell_plans(by_case, maker.shape)
