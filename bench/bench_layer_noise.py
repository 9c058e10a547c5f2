"""White noise on one layer at a time: which layers does the model depend on most?

The experiment this project grew from: std 1 on the output of each layer of BERT. Try

    pytest bench -k bert_layer_noise
    pytest bench -k bert_layer_noise --noise pcm --drift 86400 --layer "encoder.layer.0.*"
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.fixtures import Baseline
from analog_bench.noise import WhiteOutput
from analog_bench.result import Result
from analog_bench.study import Budget, Study

STUDY = Study(
    name="layer_noise",
    question="which layers does the model depend on most?",
    models=("bert",),
    noises=(WhiteOutput(std=1.0),),
    layers="each",
    budgets={
        "smoke": Budget(chips=3, examples=96),
        "nightly": Budget(chips=10, examples=1000),
        "full": Budget(chips=20, examples=None),
    },
)


@pytest.mark.study(STUDY)
def bench_layer_noise(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
