"""A search for better settings that survives being killed: optuna, one trial after another.

A killed search that goes on gives the trials that an uninterrupted one would have given:

- A proposal is a function of the finished trials, the seed and the trial's number alone
  (`hwa.sampler`): the sampler is made anew for each.
- A trial that a dead process left running is started again, in place: with its number, since
  Hyperband's brackets depend on it, its setting, and the reports it had made. The number of starts
  is in the storage; when three processes died in it, the trial counts as failed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import optuna
from optuna.trial import FrozenTrial, TrialState

from analog_bench.hwa.sampler import SearchPlan, Space, check_setting, propose, suggest
from analog_bench.hwa.search_storage import open_study
from analog_bench.hwa.trial import SearchResult, Setting, State, Trial

MOST_STARTS = 3
"""Processes that may die in a trial before it counts as failed."""
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)

Report: TypeAlias = Callable[[int, float], bool]
"""Takes a step, from 1, and the value there; returns whether to stop."""
Objective: TypeAlias = Callable[[Setting, Report], float]
"""Takes a setting and a report; returns the value, which is not looked at after a stop."""


class Watcher(Protocol):
    """Is told of each trial of a search."""

    def begin(self, number: int, setting: Setting, start: int) -> None:
        """A trial starts, for the first time (`start` 1) or again."""

    def reported(self, number: int, step: int, value: float) -> None:
        """A trial reported a value; after another start, also values reported before."""

    def end(self, trial: Trial) -> None:
        """A trial ended."""


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
    """Search, or go on with the search in `folder`.

    The first trial is the default setting, which is never pruned. An error in the objective leaves
    its trial to be started again by the next call.

    Args:
        plan: How to search.
        space: What may be changed.
        default: A point of the space.
        objective: Must depend on nothing but the setting.
        folder: Of the storage; made where there is none.
        made_with: Everything else that the values depend on, as plain values.
        watchers: Told of every trial of this call.

    Returns:
        All trials of the folder's search, those made before included.

    Raises:
        UsageError: The default lies outside the space; the folder's search was made with something
            else, or is under way in another process.
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
        trials = tuple(_trial_of(frozen) for frozen in study.get_trials(states=_FINISHED))
    return SearchResult(trials, plan.direction)


def _next(
    study: optuna.Study, plan: SearchPlan, space: Space, default: Setting
) -> optuna.Trial | None:
    left = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    if left:
        return _resumed(study, left[0])
    if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        history = study.get_trials(deepcopy=False)
        setting = propose(plan, space, history, len(history)) if history else dict(default)
        # Queued whole: a process that dies while it writes leaves no trial with half a setting.
        study.enqueue_trial(setting)
    return study.ask()


def _resumed(study: optuna.Study, left: FrozenTrial) -> optuna.Trial | None:
    if left.user_attrs.get("stopped", False):
        study.tell(left.number, state=TrialState.PRUNED)
        return None
    if left.user_attrs.get("starts", 0) >= MOST_STARTS:
        study.tell(left.number, state=TrialState.FAIL)
        return None
    # Optuna would make a new trial of it; there is no other way to the number.
    return optuna.Trial(study, left._trial_id)


def _run(
    study: optuna.Study,
    trial: optuna.Trial,
    plan: SearchPlan,
    space: Space,
    objective: Objective,
    watchers: Sequence[Watcher],
) -> None:
    setting = suggest(trial, space)
    starts = trial.user_attrs.get("starts", 0)
    trial.set_user_attr("starts", starts + 1)
    last = max(_frozen(study, trial).intermediate_values, default=0)
    stopped = False

    def report(step: int, value: float) -> bool:
        nonlocal stopped
        for watcher in watchers:
            watcher.reported(trial.number, step, value)
        if step > last:
            trial.report(value, step)
        # The process before asked the pruner about all steps but, perhaps, its last.
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
        # Only silent deaths count: this process can say what is wrong.
        trial.set_user_attr("starts", starts)
        raise
    if stopped or not math.isfinite(value):
        # Optuna's samplers pass over failed trials, but keep away from pruned ones.
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, value)
    ended = _trial_of(_frozen(study, trial))
    for watcher in watchers:
        watcher.end(ended)


def _frozen(study: optuna.Study, trial: optuna.Trial) -> FrozenTrial:
    return study.get_trials(deepcopy=False)[trial.number]


def _trial_of(frozen: FrozenTrial) -> Trial:
    reports = dict(sorted(frozen.intermediate_values.items()))
    complete = frozen.state == TrialState.COMPLETE
    state: State = "complete" if complete else "failed"
    if frozen.state == TrialState.PRUNED:
        pruned = frozen.user_attrs.get("stopped", False) and all(
            map(math.isfinite, reports.values())
        )
        state = "pruned" if pruned else "diverged"
    return Trial(
        number=frozen.number,
        state=state,
        setting=dict(frozen.params),
        value=frozen.value if complete else None,
        reports=reports,
        starts=frozen.user_attrs.get("starts", 0),
        seconds=None if frozen.duration is None else frozen.duration.total_seconds(),
    )
