"""A hyperparameter search that survives being killed: optuna, one trial after another.

A killed search that is resumed gives the same trials as an uninterrupted one:

- A proposal depends only on the finished trials, the seed and the trial's number: the sampler is
  made anew for each.
- A trial that a dead process left running is started again in place, with its number (on which
  Hyperband's brackets depend), its setting, and the reports it had made. The number of starts is
  in the storage; after three processes died in it, the trial counts as failed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.pruners import NopPruner
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.hwa.search_storage import SearchPlan, open_study
from analog_bench.seeds import derive_seed

STARTUP_TRIALS = 6
"""Trials at random settings (the first is the default) before the sampler learns from them."""
MOST_STARTS = 3
"""Number of processes that may die in a trial before it counts as failed."""
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)

Setting: TypeAlias = Mapping[str, float]
"""The value of each searched hyperparameter, by name."""
Space: TypeAlias = Mapping[str, IntDistribution | FloatDistribution]
"""What a search may change, and the bounds (both included)."""
State: TypeAlias = Literal["complete", "pruned", "diverged", "failed"]
"""How a trial ended: measured; stopped early by the pruner; at a value that is not finite; given
up, because its process died each time it was tried."""
Report: TypeAlias = Callable[[int, float], bool]
"""Function that takes a step, from 1, and its value, and returns whether to stop."""
Objective: TypeAlias = Callable[[Setting, Report], float]
"""Function from a setting and a report to the value, which is ignored after a stop."""


@dataclass(frozen=True)
class SearchResult:
    """All trials of a finished search, in order; number 0 is the default setting's."""

    trials: tuple[FrozenTrial, ...]
    direction: Literal["minimize", "maximize"]

    @property
    def default(self) -> FrozenTrial:
        """The trial of the default setting."""
        return self.trials[0]

    @property
    def ranking(self) -> tuple[FrozenTrial, ...]:
        """The complete trials, best first; ties in order."""
        complete = [t for t in self.trials if t.state == TrialState.COMPLETE]
        sign = 1.0 if self.direction == "minimize" else -1.0
        return tuple(sorted(complete, key=lambda t: sign * (t.value or 0.0)))

    @property
    def best(self) -> FrozenTrial | None:
        """The best complete trial, which may be the default; None if none is complete."""
        return next(iter(self.ranking), None)


class Watcher(Protocol):
    """Receives events about the trials of a search."""

    def begin(self, number: int, setting: Setting, start: int) -> None:
        """A trial starts, for the first time (`start` 1) or again."""

    def reported(self, number: int, step: int, value: float) -> None:
        """A trial reported a value; after another start, also values reported before."""

    def end(self, trial: FrozenTrial) -> None:
        """A trial ended."""


def state_of(trial: FrozenTrial) -> State:
    """Return how a finished trial ended."""
    if trial.state == TrialState.COMPLETE:
        return "complete"
    if trial.state != TrialState.PRUNED:
        return "failed"
    finite = all(map(math.isfinite, trial.intermediate_values.values()))
    return "pruned" if finite and trial.user_attrs.get("stopped", False) else "diverged"


def value_of(trial: FrozenTrial) -> float | None:
    """Return a complete trial's value; optuna gives a pruned one its last report instead."""
    return trial.value if trial.state == TrialState.COMPLETE else None


def starts_of(trial: optuna.Trial | FrozenTrial) -> int:
    """Return how often a trial was started: more than once if its process died."""
    return int(trial.user_attrs.get("starts", 0))


def plain(trial: FrozenTrial) -> dict[str, Any]:
    """Return a finished trial as plain values for JSON; null if a report is not finite."""
    reports = sorted(trial.intermediate_values.items())
    return {
        "number": trial.number,
        "state": state_of(trial),
        "setting": trial.params,
        "value": value_of(trial),
        "reports": {str(n): v if math.isfinite(v) else None for n, v in reports},
        "starts": starts_of(trial),
        "seconds": None if trial.duration is None else trial.duration.total_seconds(),
    }


def search(
    plan: SearchPlan,
    space: Space,
    default: Setting,
    objective: Objective,
    folder: Path,
    *,
    made_with: Mapping[str, Any],
    watchers: Sequence[Watcher] = (),
) -> SearchResult:
    """Search, or resume the search in `folder`; return all its trials, including earlier ones.

    The first trial is the default setting, which is never pruned. If the objective raises an error,
    the next call starts its trial again. The objective must depend only on the setting and on
    `made_with`, plain values. Watchers receive every trial of this call.

    Raises:
        UsageError: The default is outside the space; or the folder's search was made with something
            else or is running in another process.
        StoreError: The storage cannot be read or written.
    """
    check_setting(default, space)
    bounds = {n: {"low": d.low, "high": d.high, "log": d.log} for n, d in space.items()}
    fixed = {**made_with, "space": bounds, "default": dict(default)}
    with open_study(folder, plan, fixed) as study:
        while len(study.get_trials(deepcopy=False, states=_FINISHED)) < plan.trials:
            trial = _next(study, plan, space, default)
            if trial is not None:
                _run(study, trial, plan, space, objective, watchers)
        return SearchResult(tuple(study.get_trials(states=_FINISHED)), plan.direction)


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


def _next(
    study: optuna.Study, plan: SearchPlan, space: Space, default: Setting
) -> optuna.Trial | None:
    left = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    if left:
        return _resumed(study, left[0])
    if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        history = study.get_trials(deepcopy=False)
        setting = _proposal(plan, space, history) if history else dict(default)
        # Queued as a whole: a process that dies while writing leaves no trial with half a setting.
        study.enqueue_trial(setting)
    return study.ask()


def _resumed(study: optuna.Study, left: FrozenTrial) -> optuna.Trial | None:
    if left.user_attrs.get("stopped", False):
        study.tell(left.number, state=TrialState.PRUNED)
        return None
    if starts_of(left) >= MOST_STARTS:
        study.tell(left.number, state=TrialState.FAIL)
        return None
    # Optuna would make a new trial; there is no other way to keep the number.
    return optuna.Trial(study, left._trial_id)


def _proposal(plan: SearchPlan, space: Space, history: Sequence[FrozenTrial]) -> dict[str, Any]:
    # The sampler sees all earlier trials, as BOHB's does (Falkner et al. 2018), and not only those
    # of one Hyperband bracket, as in optuna: 20 trials in three brackets would be little better
    # than random search. numpy takes seeds of 32 bits.
    seed = derive_seed(plan.seed, "search", len(history)) % 2**32
    kind = GPSampler if plan.sampler == "gp" else TPESampler
    sampler: BaseSampler = kind(seed=seed, n_startup_trials=STARTUP_TRIALS)
    study = optuna.create_study(sampler=sampler, pruner=NopPruner(), direction=plan.direction)
    study.add_trials(history)
    return study.ask(dict(space)).params


def _run(
    study: optuna.Study,
    trial: optuna.Trial,
    plan: SearchPlan,
    space: Space,
    objective: Objective,
    watchers: Sequence[Watcher],
) -> None:
    setting = {name: trial._suggest(name, bounds) for name, bounds in space.items()}
    starts = starts_of(trial)
    trial.set_user_attr("starts", starts + 1)
    last = max(_frozen(study, trial).intermediate_values, default=0)
    stopped = False

    def report(step: int, value: float) -> bool:
        nonlocal stopped
        for watcher in watchers:
            watcher.reported(trial.number, step, value)
        if step > last:
            trial.report(value, step)
        # The earlier process asked the pruner about all steps except, perhaps, its last.
        if step < last or step >= plan.steps:
            return False
        # It is asked about the default too, because it compares others with what it was told.
        prune = trial.should_prune() and trial.number > 0
        stopped = prune or not math.isfinite(value)
        if stopped:
            trial.set_user_attr("stopped", True)
        return stopped

    for watcher in watchers:
        watcher.begin(trial.number, setting, starts + 1)
    try:
        value = objective(setting, report)
    except BaseException:
        # Only silent deaths count: this process can report the error.
        trial.set_user_attr("starts", starts)
        raise
    if stopped or not math.isfinite(value):
        # Optuna's samplers ignore failed trials, but avoid pruned ones.
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, value)
    ended = _frozen(study, trial)
    for watcher in watchers:
        watcher.end(ended)


def _frozen(study: optuna.Study, trial: optuna.Trial) -> FrozenTrial:
    return study.get_trials(deepcopy=False)[trial.number]
