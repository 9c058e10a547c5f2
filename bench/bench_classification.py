"""The whole classifier on tiles: does it still tell which sentence answers a question?

A label is all that is asked of the model, where the other studies ask for words or numbers of each
token. There are no weights of hardware-aware training for it, so fitted input ranges are the most
that can be done before the hardware. Try

    pytest bench -k classification
    pytest bench -k minilm-qnli_layer_noise --model minilm-qnli
    pytest bench -k classification --data squad --examples 500
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.noise import Hermes, Pcm, Preset
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.study import Budget, PrecisionTarget, Study

DAY_S, YEAR_S = 86_400.0, 31_536_000.0
HARDWARE = Preset("StandardHWATrainingTorch")

STUDY = Study(
    name="classification",
    question="does the model still tell which sentence answers a question?",
    models=("minilm-qnli",),
    noises=(HARDWARE, Pcm(), Hermes()),
    drift_s=(1.0, DAY_S, YEAR_S),
    layers="all",
    variants=("direct", "calibrated"),
    budgets={
        "smoke": Budget(chips=3, examples=96, noises=(HARDWARE,), drift_s=(1.0, DAY_S)),
        "nightly": Budget(10, 96, precision=PrecisionTarget(2, of_loss=0.1)),
        "full": Budget(chips=20, examples=None),
    },
)


@pytest.mark.study(STUDY)
def bench_classification(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
