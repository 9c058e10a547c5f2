"""Coarse memory cells in one layer at a time, in the first block.

Try

pytest bench --noise coarse_cells:levels=31,miss=0.1
pytest bench --noise pcm --drift 86400
pytest bench --model mobilebert --model distilgpt2
pytest bench --budget nightly
"""

import pytest
from coarse_cells import CoarseCells

from analog_bench.study import Budget, Study

STUDY = Study(
    name="coarse_cells",
    question="which layers can be stored in coarse memory cells?",
    models=("bert",),
    noises=(CoarseCells(),),
    layers="each",
    budgets={
        # Matrix multiplications of the first block, in BERT's spelling and in GPT-2's.
        "smoke": Budget(3, 32, layers=("*.layer.0.*dense", "*.layer.0.*self.*", "*.h.0.*.c_*")),
        "nightly": Budget(10, 192),
    },
)


@pytest.mark.study(STUDY)
def bench_coarse_cells(case, measure, baseline):
    baseline.check(measure(case))
