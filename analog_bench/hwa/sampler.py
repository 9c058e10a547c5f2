"""Which setting a search tries next: optuna's samplers, as a function without state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.pruners import NopPruner
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import FrozenTrial

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.hwa.trial import Direction, Setting
from analog_bench.seeds import derive_seed

Space: TypeAlias = Mapping[str, IntDistribution | FloatDistribution]
"""What a search may change, and within which bounds (both included)."""
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


def check_setting(setting: Setting, space: Space) -> None:
    """Check that a setting is a point of the space.

    Raises:
        UsageError: A hyperparameter is missing or unknown, or a value is outside its bounds.
    """
    for name in setting:
        if name not in space:
            raise UsageError(f"{name!r} is not searched; {did_you_mean(name, space)}")
    for name, bounds in space.items():
        if name not in setting:
            raise UsageError(f"the setting lacks {name}")
        value = setting[name]
        if not bounds.low <= value <= bounds.high:
            raise UsageError(
                f"{name} {value:g} is outside the search, which goes from {bounds.low:g} to "
                f"{bounds.high:g}"
            )
        if isinstance(bounds, IntDistribution) and value != int(value):
            raise UsageError(f"{name} must be a whole number, found {value:g}")


def propose(
    plan: SearchPlan, space: Space, history: Sequence[FrozenTrial], number: int
) -> dict[str, float]:
    """Return the setting of trial `number`: a function of the arguments and no other state.

    The sampler sees all trials before, as BOHB's does (Falkner et al. 2018), not those of one of
    Hyperband's brackets only, as in optuna: 20 trials in three brackets would be little more than
    random search.
    """
    study = optuna.create_study(
        sampler=_sampler(plan, number), pruner=NopPruner(), direction=plan.direction
    )
    study.add_trials(history)
    return suggest(study.ask(), space)


def suggest(trial: optuna.Trial, space: Space) -> dict[str, float]:
    """Return a trial's setting, and let optuna record it with the trial."""
    return {
        name: trial.suggest_int(name, bounds.low, bounds.high, log=bounds.log)
        if isinstance(bounds, IntDistribution)
        else trial.suggest_float(name, bounds.low, bounds.high, log=bounds.log)
        for name, bounds in space.items()
    }


def _sampler(plan: SearchPlan, number: int) -> BaseSampler:
    # numpy takes seeds of 32 bits.
    seed = derive_seed(plan.seed, "search", number) % 2**32
    if plan.sampler == "gp":
        return GPSampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
    return TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
