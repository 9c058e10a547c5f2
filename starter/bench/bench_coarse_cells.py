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
        # The first block.
        "smoke": Budget(chips=3, examples=16, layers=("*.0.*",)),
        "nightly": Budget(chips=10, examples=192),
    },
)


@pytest.mark.study(STUDY)
def bench_coarse_cells(case, measure, baseline):
    baseline.check(measure(case))
