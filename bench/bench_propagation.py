"""How noise travels: what each block adds to the residual stream's error, and what it hands on.

Kinds of noise at the same relative error of every matrix multiplication in the blocks, so that they
compare; IR drop and a complete preset as they are. `bench_one_block.py` has noise in one block
alone. Try

    pytest bench -k bert_propagation --budget nightly --examples 16 --chips 3 --noise pcm
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.noise import EqualError, IrDrop, Preset
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.study import Budget, Study

# IR drop is as it is, like the preset: a layer of `mobilebert` errs by more than 0.05 at the least.
FAMILIES = (
    *("white_output", "white_weight", "out_noise", "inp_noise"),
    *("pcm", "pcm:compensate=no", "hermes"),
)
AS_THEY_ARE = (IrDrop(), Preset("StandardHWATrainingTorch"))

STUDY = Study(
    name="propagation",
    question="does noise grow or fade on its way through the blocks?",
    models=("bert", "mobilebert", "distilgpt2"),
    noises=(
        *(EqualError(family, error) for error in (0.02, 0.05, 0.1) for family in FAMILIES),
        *AS_THEY_ARE,
    ),
    drift_s=(86_400.0,),
    layers="products",
    propagation=True,
    # Solving takes as long as several chips: nothing for minutes.
    budgets={
        "nightly": Budget(
            *(5, 16),
            noises=(*(EqualError(family, 0.05) for family in FAMILIES), *AS_THEY_ARE),
            per_model={"distilgpt2": Budget(5, 8)},
        ),
        "full": Budget(20, 192, per_model={"distilgpt2": Budget(20, 48)}),
    },
)


@pytest.mark.study(STUDY)
def bench_propagation(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
