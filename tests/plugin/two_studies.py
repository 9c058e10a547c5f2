"""Two studies of two models of a few kilobytes, for runs on many machines, and what kills them."""

from analog_bench.store.run import timeless

BENCH = """
import pytest

from analog_bench.noise import Pcm, WhiteOutput
from analog_bench.study import Budget, Study

ALONE = Study(
    name="alone", question="which layer?", models=("bert",), noises=(WhiteOutput(std=1.0),),
    budgets={"smoke": Budget(chips=3, examples=2, layers=("*Norm", "*ln_*", "*head*", "qa_*"))},
)
AGED = Study(
    name="aged", question="how long?", models=("bert",), noises=(Pcm(),),
    drift_s=(1.0, 60.0, 3600.0), layers="all", budgets={"smoke": Budget(chips=3, examples=2)},
)

@pytest.mark.study(ALONE)
def bench_alone(case, measure, baseline):
    baseline.check(measure(case))

@pytest.mark.study(AGED)
def bench_aged(case, measure, baseline):
    baseline.check(measure(case))

def bench_nothing():
    pass
"""
CHANGED, BROKEN = (f"second/{layer}/white_output:std=1" for layer in ("lm_head", "ln_f"))
# Kills the run, whatever it does, when it has had so many results.
KILLER = """
import os, signal

done = []

def pytest_runtest_logreport(report):
    done.extend([report] if report.when == "call" else [])
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def without_seconds(run):
    return [timeless(result) for result in run.results]
