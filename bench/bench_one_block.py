"""Noise in one block alone: how much of it is left behind each later block, and what it costs?

The sources of `bench_propagation.py` one by one. Where losses add up, those of single blocks come
to that of all blocks with the same noise. Try

    pytest bench -k bert_one_block --budget nightly --examples 16 --chips 3
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.noise import EqualError
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.study import Budget, Study

STUDY = Study(
    name="one_block",
    question="how far does noise of one block reach?",
    models=("bert", "mobilebert", "distilgpt2"),
    noises=tuple(EqualError("out_noise", error) for error in (0.02, 0.05, 0.1)),
    layers=("products", "each_block"),
    propagation=True,
    budgets={
        "nightly": Budget(
            *(5, 16), noises=(EqualError("out_noise", 0.1),), per_model={"distilgpt2": Budget(5, 8)}
        ),
        "full": Budget(20, 192, per_model={"distilgpt2": Budget(20, 48)}),
    },
)


@pytest.mark.study(STUDY)
def bench_one_block(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
