"""Which plans the results of planning are of, and what was predicted of them, kept beside them."""

from __future__ import annotations

from collections.abc import Iterable

from analog_bench.planned_case_record import PlannedCase
from analog_bench.planning.loss_prediction import LossPredictor
from analog_bench.planning.plan_front import Planned
from analog_bench.planning.plan_record import Assignment, Estimate, letters_of
from analog_bench.session.plan_making import PlanMaker


def keep_front(maker: PlanMaker, planned: Planned) -> None:
    """Write down the plans that were verified, and those with all layers alike."""
    verified = (*planned.everything, *planned.front)
    _keep(maker, ((one.assignment, one.predicted, one.limit) for one in verified))


def keep_held_out(
    maker: PlanMaker, predictor: LossPredictor, assignments: Iterable[Assignment]
) -> None:
    """Write down random plans on fresh chips, with what the predictor says of them."""
    _keep(maker, ((one, maker.predicted(predictor, one), None) for one in assignments))


def _keep(maker: PlanMaker, plans: Iterable[tuple[Assignment, Estimate, float | None]]) -> None:
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
