"""The exact preset on the C++ tile, beside its torch variant: what do the missing terms cost?

`StandardHWATrainingPreset` has noise of the devices at every read and IR drop, which the torch tile
refuses. The C++ tile has them and is 40 times as slow, so it gets single layers. Try

    pytest bench -k bert_exact_preset --budget nightly --examples 16 --chips 3
"""

from collections.abc import Callable

import pytest

from analog_bench.case import Case
from analog_bench.noise import PcmRead, Preset
from analog_bench.plugin.fixtures import Baseline
from analog_bench.records import Result
from analog_bench.simulators.versions import CPP
from analog_bench.study import Budget, Study

EXACT, VARIANT = Preset("StandardHWATrainingPreset"), Preset("StandardHWATrainingTorch")
# Two layers of attention and feed-forward, in the block at the front and the one at the end.
LAYERS = tuple(
    f"{block}.{part}"
    for blocks, parts in (
        (("encoder.layer.0", "encoder.layer.5"), ("attention.self.value", "output.dense")),
        (("h.0", "h.5"), ("attn.c_attn", "mlp.c_proj")),
    )
    for block in blocks
    for part in parts
)

STUDY = Study(
    name="exact_preset",
    question="what do the terms cost that the torch tile leaves out?",
    models=("bert", "mobilebert", "distilgpt2"),
    noises=(EXACT, VARIANT, PcmRead()),
    drift_s=(86_400.0,),
    tiles={EXACT: CPP, PcmRead(): CPP},
    budgets={
        "nightly": Budget(3, 24, layers=LAYERS, per_model={"distilgpt2": Budget(3, 8)}),
        "full": Budget(10, 192, layers=LAYERS, per_model={"distilgpt2": Budget(10, 48)}),
    },
)


@pytest.mark.study(STUDY)
def bench_exact_preset(case: Case, measure: Callable[[Case], Result], baseline: Baseline) -> None:
    baseline.check(measure(case))
