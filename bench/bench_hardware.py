"""Complete hardware: what do aihwkit's presets leave of the model?

The whole model on torch tiles: perfect ones, which must score as the digital model, and the presets
that those tiles can do. Try

    pytest bench -k bert_hardware
    pytest bench -k bert_hardware --variant hwa

`FloatingPointPreset` is perfect at reading alone. Its cells are programmed and drift as PCM's do,
and it scales no weights to the range of conductances (`weight_scaling_omega` is 0): beside weights
far below 1 the noise of programming is large, so that it costs more than
`StandardHWATrainingTorch`.
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.noise import Ideal, Preset
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.study import Budget, PrecisionTarget, Study

DAY_S = 86_400.0

STUDY = Study(
    name="hardware",
    question="what do complete presets leave of the model?",
    models=("bert", "mobilebert", "distilgpt2"),
    noises=(Ideal(), Preset("FloatingPointPreset"), Preset("StandardHWATrainingTorch")),
    drift_s=(0.0, DAY_S),
    layers="all",
    variants=("direct", "calibrated"),
    budgets={
        "smoke": Budget(3, 24, drift_s=(DAY_S,), per_model={"distilgpt2": Budget(3, 12)}),
        "nightly": Budget(
            *(10, 32),
            precision=PrecisionTarget(2, of_loss=0.1),
            per_model={"distilgpt2": Budget(10, 16)},
        ),
        "full": Budget(20, None),
    },
)


@pytest.mark.study(STUDY)
def bench_hardware(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
