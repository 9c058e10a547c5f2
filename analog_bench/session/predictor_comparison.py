"""Holds what predicts losses of plans against random plans on fresh chips."""

from __future__ import annotations

from itertools import islice
from statistics import fmean

from analog_bench.planning.loss_prediction import LossPredictor, Strains, fit
from analog_bench.planning.plan_choice import random_plans
from analog_bench.planning.plan_record import Assignment
from analog_bench.planning.predictor_scores import PredictorComparison, ceiling, score_predictor
from analog_bench.session.kept_plans import keep_held_out
from analog_bench.session.kept_results import Tell
from analog_bench.session.plan_making import Fitted, PlanMaker

HELD_OUT = "held-out plans"
ALONE, ZERO_SHOT = "sum of layers alone", "zero-shot, error x alpha"


def compare_predictors(
    maker: PlanMaker, additive: Fitted, count: int, tell: Tell
) -> PredictorComparison:
    """Measure random plans that nothing was fitted to, and score every predictor on them.

    Zero-shot predictors have a slope from the same plans as the additive one.

    Raises:
        BenchError: See `measure_case`.
    """
    request = maker.request
    seed = maker.fresh.models.settings.seed
    plans = list(islice(random_plans(maker.layers, request.hows, seed, HELD_OUT), count))
    results = maker.fresh.measure(
        "measuring held-out plans", [maker.case(plan) for plan in plans], tell
    )
    keep_held_out(maker, additive.predictor, plans)
    by_chip = [maker.losses(result) for result in results]
    measured = [fmean(losses) for losses in by_chip]
    energies = [maker.energy(plan).pj for plan in plans]
    weights = maker.weights()

    def weight(plan: Assignment) -> float:
        return sum(weights[layer] for layer, how in plan.items() if how == "analog")

    orders = {
        "layers on tiles": [float(list(plan.values()).count("analog")) for plan in plans],
        "weights on tiles": [weight(plan) for plan in plans],
    }
    predictors: dict[str, LossPredictor] = {
        ALONE: additive.alone,
        **_zero_shot(maker, additive),
    }
    scores = [
        score_predictor(name, values, measured, energies, seed=seed, in_unit=False)
        for name, values in orders.items()
    ]
    scores += [
        score_predictor(name, [one.loss(plan) for plan in plans], measured, energies, seed=seed)
        for name, one in predictors.items()
    ]
    return PredictorComparison(
        plans=len(plans),
        chips=len(by_chip[0]),
        least=min(measured),
        most=max(measured),
        scores=tuple(scores),
        ceiling=ceiling(by_chip, seed=seed),
        used=ALONE if additive.predictor is additive.alone else ZERO_SHOT,
    )


def _zero_shot(maker: PlanMaker, additive: Fitted) -> dict[str, LossPredictor]:
    found = maker.zero_shot
    ways = {
        "zero-shot, along the error": {choice: one.along for choice, one in found.items()},
        ZERO_SHOT: {choice: one.by_alpha for choice, one in found.items()},
    }
    return {name: fit(maker.scale, Strains(own, {}), additive.plans) for name, own in ways.items()}
