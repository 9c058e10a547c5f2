"""The whole model on tiles, from a second to ten years after programming: what is left of it?

Digital weights as they are, with input ranges fitted to the hardware, and those of hardware-aware
training; devices alone, which have no input ranges to fit, and a complete preset with converters
and noise at every read; with global drift compensation and without. Of DistilGPT2 also the blocks
alone: its head then stays digital. Try

    pytest bench -k bert_drift
    pytest bench -k distilgpt2_drift --variant direct --noise pcm:compensate=no --drift 31536000
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.noise import Hermes, Pcm, Preset, ReramCmo, ReramWan2022
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.study import Budget, PrecisionTarget, Study

DAY_S, YEAR_S = 86_400.0, 31_536_000.0
HARDWARE = Preset("StandardHWATrainingTorch")

STUDY = Study(
    name="drift",
    question="what is left of the model as its devices drift?",
    models=("bert", "mobilebert", "distilgpt2"),
    noises=(
        *(HARDWARE, Pcm(), Pcm(compensate=False)),
        *(Hermes(), Hermes(compensate=False), ReramCmo(), ReramWan2022()),
    ),
    drift_s=(0.0, 1.0, 3600.0, DAY_S, 30 * DAY_S, YEAR_S, 10 * YEAR_S),
    layers=("all", "blocks"),
    variants=("direct", "calibrated", "hwa"),
    budgets={
        "smoke": Budget(
            chips=3,
            examples=32,
            noises=(HARDWARE,),
            drift_s=(1.0, DAY_S, 30 * DAY_S),
            grouping=("all",),
            per_model={"distilgpt2": Budget(3, 12, grouping=("all", "blocks"))},
        ),
        "nightly": Budget(
            *(10, 48),
            noises=(HARDWARE, Pcm(), Pcm(compensate=False)),
            drift_s=(1.0, DAY_S, 30 * DAY_S, 10 * YEAR_S),
            grouping=("all",),
            precision=PrecisionTarget(2, of_loss=0.1),
            per_model={"distilgpt2": Budget(10, 16, grouping=("all", "blocks"))},
        ),
        "full": Budget(chips=20, examples=None),
    },
)


@pytest.mark.study(STUDY)
def bench_drift(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
