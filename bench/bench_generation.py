"""Text that a language model writes on analog hardware: does it still make sense?

The whole model is on tiles, with digital weights, with these and input ranges fitted to the
hardware, and with weights of hardware-aware training, at several times after programming. Every
chip writes on from the same prompt, picking by the same numbers as the digital model. How likely
its texts are under the digital model, and how much of them is repetition, says in numbers how
coherent they are. Try

    pytest bench -k distilgpt2_generation
    pytest bench -k distilgpt2_generation --prompt "The city of Zurich" --noise pcm --drift 86400
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.noise import Preset
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.study import Budget, Study

STUDY = Study(
    name="generation",
    question="does the model still write coherent text?",
    models=("distilgpt2",),
    noises=(Preset("StandardHWATrainingTorch"),),
    drift_s=(1.0, 86_400.0, 2_592_000.0, 31_536_000.0),
    layers="all",
    variants=("direct", "calibrated", "hwa"),
    prompt="Once upon a time",
    # An example is a text.
    budgets={
        "smoke": Budget(chips=3, examples=8),
        "nightly": Budget(chips=5, examples=8),
        "full": Budget(chips=20, examples=32),
    },
)


@pytest.mark.study(STUDY)
def bench_generation(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
