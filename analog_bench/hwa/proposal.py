"""Which setting a search tries next: optuna's samplers, as a function without state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import optuna
from optuna.pruners import NopPruner
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import FrozenTrial

from analog_bench.hwa.space import Space, Whole
from analog_bench.hwa.trial import Direction
from analog_bench.seeds import derive_seed

STARTUP_TRIALS = 6
"""Trials at random settings (the default's is the first) before the sampler learns from them."""


@dataclass(frozen=True)
class SearchPlan:
    """How to search.

    Attributes:
        trials: How many there shall be in the end, with those made before and the default's.
        direction: Which way the objective is better.
        sampler: `tpe` (tree-structured Parzen estimator) or `gp` (Gaussian process, which learns
            from complete trials only).
        pruner: `hyperband`, with a third of the trials going on at each rung, or `none`.
        steps: The objective's last step. Nothing is pruned there any more.
        seed: Of the proposals.
    """

    trials: int
    direction: Direction = "minimize"
    sampler: Literal["tpe", "gp"] = "tpe"
    pruner: Literal["hyperband", "none"] = "hyperband"
    steps: int = 9
    seed: int = 0


def propose(
    plan: SearchPlan, space: Space, history: Sequence[FrozenTrial], number: int
) -> dict[str, float]:
    """Return the setting to try next: a function of the arguments, of no state.

    The sampler sees all trials, as BOHB's does (Falkner et al. 2018), not those of one of
    Hyperband's brackets only, as in optuna: 20 trials in three brackets would be little more than
    random search.

    Args:
        plan: How to search.
        space: What may be changed.
        history: All trials before, finished.
        number: The new trial's.
    """
    study = optuna.create_study(
        sampler=_sampler(plan, number), pruner=NopPruner(), direction=plan.direction
    )
    study.add_trials(history)
    return suggested(study.ask(), space)


def suggested(trial: optuna.Trial, space: Space) -> dict[str, float]:
    """Return a trial's setting, and let optuna write it down with the trial.

    Args:
        trial: Of a study with a sampler, or with the setting queued.
        space: What may be changed.
    """
    setting: dict[str, float] = {}
    for d in space.dimensions:
        if isinstance(d, Whole):
            setting[d.name] = trial.suggest_int(d.name, d.low, d.high, log=d.log)
        else:
            setting[d.name] = trial.suggest_float(d.name, d.low, d.high, log=d.log)
    return setting


def _sampler(plan: SearchPlan, number: int) -> BaseSampler:
    # numpy takes seeds of 32 bits.
    seed = derive_seed(plan.seed, "search", number) % 2**32
    if plan.sampler == "gp":
        return GPSampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
    return TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
