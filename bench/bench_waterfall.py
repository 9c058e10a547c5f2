"""From the digital model to complete hardware, one term at a time: which term costs what?

Each step switches on one more term of the preset (`preset:terms=...`), on the same chips with the
same draws, so that what a step costs is known chip by chip. Input ranges come before the converters
whose steps are shares of them, and are the whole preset's in every step. aihwkit's preset has two
more terms, noise of the devices at every product and IR drop, which the torch tile cannot do:
`bench_exact_preset.py` has them. Try

    pytest bench -k bert_waterfall --budget nightly --examples 48 --chips 3
    pytest bench -k bert_drift --noise preset:terms=input_range+dac

Weights are nowhere clipped: each output's are scaled so that the largest is the largest
conductance.
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.noise import Preset
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.study import Budget, Study

ORDER = (
    *("mapping", "programming", "drift", "read"),
    *("input_range", "dac", "out_bound", "adc", "out_noise"),
)
STEPS = tuple(
    Preset("StandardHWATrainingTorch", "+".join(ORDER[:number]))
    for number in range(1, len(ORDER) + 1)
)

STUDY = Study(
    name="waterfall",
    question="what does each term of the hardware cost?",
    models=("bert", "mobilebert", "distilgpt2"),
    noises=STEPS,
    drift_s=(86_400.0,),
    layers="all",
    variants=("direct", "calibrated", "hwa"),
    # Two dozen cases a model: nothing for minutes.
    budgets={
        "nightly": Budget(5, 32, per_model={"distilgpt2": Budget(5, 16)}),
        "full": Budget(20, None),
    },
)


@pytest.mark.study(STUDY)
def bench_waterfall(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
