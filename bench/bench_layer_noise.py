"""White noise on one layer at a time: which layers does the model depend on most?

The experiment this project grew from: std 1 on the output of each layer. Try

    pytest bench -k bert_layer_noise
    pytest bench -k distilgpt2_layer_noise --variant hwa
    pytest bench -k bert_layer_noise --noise pcm --drift 86400 --layer "encoder.layer.0.*"
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.noise import WhiteOutput
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.study import Budget, PrecisionTarget, Study

STUDY = Study(
    name="layer_noise",
    question="which layers does the model depend on most?",
    models=("bert", "mobilebert", "distilgpt2"),
    noises=(WhiteOutput(std=1.0),),
    layers="each",
    # MobileBERT has twice BERT's layers. Examples are questions, and blocks of text for DistilGPT2.
    budgets={
        "smoke": Budget(
            chips=3,
            examples=96,
            per_model={
                "mobilebert": Budget(chips=3, examples=32),
                "distilgpt2": Budget(chips=3, examples=16),
            },
        ),
        "nightly": Budget(
            chips=10,
            examples=64,
            precision=PrecisionTarget(1, of_loss=0.1),
            per_model={
                "mobilebert": Budget(chips=10, examples=32),
                "distilgpt2": Budget(chips=10, examples=16),
            },
        ),
        "full": Budget(chips=20, examples=None),
    },
)


@pytest.mark.study(STUDY)
def bench_layer_noise(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
