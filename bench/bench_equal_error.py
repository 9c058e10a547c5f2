"""Kinds of noise at the same relative error of every layer's output: which one costs most?

A standard deviation of 0.1 means another thing in every family's own units. Here the severity is
solved for, layer by layer, so that ||y_noisy - y|| / ||y|| is the same for all. Try

    pytest bench -k bert_equal_error --budget nightly --examples 48 --chips 3
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.noise import EqualError
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.study import Budget, PrecisionTarget, Study

# Two are missing, as some layers cannot reach even the smallest of these errors with them: the
# noise of `reram_cmo` does not go down to 0, and a single device of `stuck` can be too much.
FAMILIES = ("white_weight", "out_noise", "inp_noise", "pcm", "hermes")

STUDY = Study(
    name="equal_error",
    question="which kind of noise costs most at the same error of every layer?",
    models=("bert", "mobilebert", "distilgpt2"),
    noises=tuple(EqualError(family, error) for error in (0.05, 0.1, 0.2) for family in FAMILIES),
    drift_s=(86_400.0,),
    layers="all",
    # Solving takes as long as several chips: nothing for minutes.
    budgets={
        "nightly": Budget(
            *(10, 48),
            noises=tuple(EqualError(family, 0.1) for family in FAMILIES),
            precision=PrecisionTarget(2, of_loss=0.1),
            per_model={"distilgpt2": Budget(10, 16)},
        ),
        "full": Budget(20, None),
    },
)


@pytest.mark.study(STUDY)
def bench_equal_error(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
