"""A plan of which layers go analog: what does the model lose by it?

`analog-bench plan` writes plans. Without one, every layer computes in digital INT8, as do those
layers of plans that are neither on tiles nor left as they are. Try

    pytest bench --plan runs/plans/bert.json
    pytest bench --plan runs/plans/bert.json --drift 1 --drift 2592000 --seed 7
    pytest bench -k bert_plan
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.noise import Int8
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.study import Budget, Study

STUDY = Study(
    name="plan",
    question="what does a plan of analog layers cost?",
    models=("bert", "mobilebert", "distilgpt2"),
    noises=(Int8(),),
    layers="all",
    budgets={
        "smoke": Budget(3, 24, per_model={"distilgpt2": Budget(3, 12)}),
        "nightly": Budget(10, 96, per_model={"distilgpt2": Budget(10, 24)}),
        "full": Budget(20, None),
    },
    takes_plans=True,
)


@pytest.mark.study(STUDY)
def bench_plan(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
