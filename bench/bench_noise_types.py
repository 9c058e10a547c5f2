"""Every kind of noise on the whole model, from little to much: which kinds can it stand?

Units are the families' own: see `bench_equal_error.py`. `pcm_read` costs too much on all layers.

    pytest bench -k bert_noise_types --noise stuck:p_max=0.01
"""

from collections.abc import Callable

import pytest

import analog_bench.noise as kinds
from analog_bench.case import Case
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.simulators.versions import CPP
from analog_bench.study import Budget, PrecisionTarget, Study

# Twice the noise of CMO takes cells below zero, and aihwkit's model of it a logarithm of them.
DEVICES = {kinds.Pcm: 2.0, kinds.Hermes: 2.0, kinds.ReramCmo: 1.5}
S_SHAPES = (kinds.SShape(0.1), kinds.SShape(0.5))
ENOUGH = PrecisionTarget(2, of_loss=0.1)
STUDY = Study(
    name="noise_types",
    question="which kinds of noise can the model stand?",
    models=("bert", "mobilebert", "distilgpt2"),
    noises=(
        *(kinds.WhiteOutput(std) for std in (0.01, 0.03, 0.1)),
        *(kinds.WhiteOutputRel(std) for std in (0.05, 0.1, 0.2)),
        *(kinds.WhiteWeight(std) for std in (0.01, 0.02, 0.05)),
        *(kinds.OutNoise(std) for std in (0.02, 0.04, 0.08)),
        *(kinds.InpNoise(std) for std in (0.005, 0.01, 0.02)),
        *(kinds.Quantise(bits, bits) for bits in (8, 7, 6)),
        *(device(x, x, x) for device, most in DEVICES.items() for x in (0.5, 1.0, most)),
        *(kinds.ReramWan2022(scale) for scale in (0.5, 1.0, 2.0)),
        *(kinds.Stuck(share) for share in (0.001, 0.01, 0.03)),
        *(kinds.IrDrop(scale) for scale in (0.5, 1.0, 2.0)),
        *S_SHAPES,
    ),
    drift_s=(86_400.0,),
    layers="all",
    tiles=dict.fromkeys(S_SHAPES, CPP),
    budgets={
        "smoke": Budget(
            *(3, 24),
            noises=(
                *(kinds.WhiteOutputRel(0.1), kinds.WhiteWeight(0.02), kinds.OutNoise(0.04)),
                *(kinds.Quantise(8, 8), kinds.Pcm(), kinds.Stuck(0.01)),
            ),
            per_model={"distilgpt2": Budget(chips=3, examples=12)},
        ),
        "nightly": Budget(10, 32, precision=ENOUGH, per_model={"distilgpt2": Budget(10, 16)}),
        "full": Budget(20, None),
    },
)


@pytest.mark.study(STUDY)
def bench_noise_types(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
