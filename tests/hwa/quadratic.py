"""A search of a known landscape, in a process of its own that can be told to die.

    python quadratic.py FOLDER SAMPLER PRUNER TRIALS [TRIAL STEP]

With TRIAL and STEP the process kills itself, as the system would, when that step is reported.
"""

import math
import os
import signal
import sys
from pathlib import Path

from optuna.distributions import FloatDistribution, IntDistribution

from analog_bench.hwa.search import search
from analog_bench.hwa.search_storage import SearchPlan

SPACE = {
    "x": FloatDistribution(-3.0, 3.0),
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "batch": IntDistribution(2, 64, log=True),
}
DEFAULT = {"x": -1.0, "rate": 0.5, "batch": 8}
STEPS = 3


def height(setting):
    """Return a bowl's height; its lowest point is 0, at x = 1, rate = 0.01 and batch = 16."""
    return (
        (setting["x"] - 1) ** 2
        + (math.log10(setting["rate"]) + 2) ** 2
        + (math.log2(setting["batch"]) - 4) ** 2
    )


def descend(setting, report):
    """Approach the height from above, in steps."""
    for step in range(1, STEPS + 1):
        if report(step, height(setting) + (STEPS - step) * 0.3):
            break
    return height(setting)


def plan_of(trials, sampler="tpe", pruner="hyperband", **more):
    return SearchPlan(trials, sampler=sampler, pruner=pruner, steps=STEPS, **more)


def run(folder, plan, objective=descend, default=DEFAULT, watchers=(), **made_with):
    return search(plan, SPACE, default, objective, folder, made_with=made_with, watchers=watchers)


class Death:
    """Kills its own process when a trial reports a step."""

    def __init__(self, trial, step):
        self._place = (trial, step)

    def begin(self, number, setting, start):
        if self._place == (number, 0):
            os.kill(os.getpid(), signal.SIGKILL)

    def reported(self, number, step, value):
        if self._place == (number, step):
            os.kill(os.getpid(), signal.SIGKILL)

    def end(self, trial):
        pass


if __name__ == "__main__":
    folder, sampler, pruner, trials, *place = sys.argv[1:]
    watchers = [Death(*map(int, place))] if place else []
    run(Path(folder), plan_of(int(trials), sampler, pruner), watchers=watchers)
