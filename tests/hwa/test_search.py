"""The search itself, with the real optuna, on a landscape whose best point is known."""

import math
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from analog_bench.errors import StoreError, UsageError
from analog_bench.hwa.search import MOST_STARTS, starts_of, state_of, value_of
from analog_bench.hwa.search_storage import STORAGE, STUDY, open_study
from tests.hwa import quadratic
from tests.hwa.quadratic import DEFAULT, SPACE, STEPS, descend, height, plan_of, run

ROOT = Path(__file__).parents[2]
BOUNDS = {n: {"low": d.low, "high": d.high, "log": d.log} for n, d in SPACE.items()}
MADE_WITH = {"space": BOUNDS, "default": DEFAULT}


def die_in(folder, trial, step, sampler="tpe", pruner="hyperband", trials=8):
    """Search in a process of its own, which a SIGKILL ends in the trial at the step."""
    words = [sys.executable, "-m", quadratic.__name__, folder, sampler, pruner, trials, trial, step]
    done = subprocess.run(list(map(str, words)), cwd=ROOT, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def alike(found):
    """Return the trials without what an interruption changes: times and numbers of starts."""
    return [
        (t.number, state_of(t), t.params, value_of(t), t.intermediate_values) for t in found.trials
    ]


def places(found):
    return [(trial.number, state_of(trial)) for trial in found.trials]


def test_the_best_of_a_search_is_far_better_than_the_default(tmp_path):
    found = run(tmp_path, plan_of(20), lambda setting, report: height(setting))
    assert [trial.number for trial in found.trials] == list(range(20))
    assert found.default.params == DEFAULT
    assert found.default.value == height(DEFAULT)
    assert found.best is found.ranking[0]
    assert found.best.value == height(found.best.params) < height(DEFAULT) / 4
    # The sampler learned: what it proposes is better than what it began with.
    begun = [trial.value for trial in found.trials[1:6]]
    assert min(t.value for t in found.trials[6:]) < min(begun)


def test_what_is_to_be_large_is_searched_upwards(tmp_path):
    plan = plan_of(7, pruner="none", direction="maximize")
    found = run(tmp_path, plan, lambda setting, report: -height(setting))
    assert found.best.value == max(trial.value for trial in found.trials)
    assert found.ranking[-1].value == min(trial.value for trial in found.trials)


@pytest.mark.parametrize(("sampler", "pruner"), [("tpe", "hyperband"), ("gp", "none")])
def test_a_killed_search_goes_on_to_the_same_trials(tmp_path, sampler, pruner):
    # In trial 6 the sampler has learned already.
    die_in(tmp_path / "killed", 6, 1, sampler, pruner)
    study = optuna.load_study(
        study_name=STUDY, storage=f"sqlite:///{tmp_path / 'killed'}/{STORAGE}"
    )
    left = study.trials[6]
    assert left.state == optuna.trial.TrialState.RUNNING
    gone_on = run(tmp_path / "killed", plan_of(8, sampler, pruner))
    whole = run(tmp_path / "whole", plan_of(8, sampler, pruner))
    assert alike(gone_on) == alike(whole)
    assert [starts_of(trial) for trial in gone_on.trials] == [1] * 6 + [2, 1]
    assert gone_on.trials[6].params == left.params
    assert gone_on.best.value < gone_on.default.value / 2


def test_a_trial_in_which_three_processes_died_has_failed(tmp_path):
    plan = plan_of(3, pruner="none")
    for number, starts in enumerate((MOST_STARTS - 1, MOST_STARTS)):
        with open_study(tmp_path, plan, MADE_WITH) as study:
            study.enqueue_trial(DEFAULT)
            study.ask().set_user_attr("starts", starts)
        run(tmp_path, replace(plan, trials=number + 1))
    found = run(tmp_path, plan)
    assert places(found) == [(0, "complete"), (1, "failed"), (2, "complete")]
    assert [starts_of(trial) for trial in found.trials] == [MOST_STARTS, MOST_STARTS, 1]
    assert value_of(found.trials[1]) is None


def test_a_search_can_be_asked_for_more_trials_and_fewer_change_nothing(tmp_path):
    more = [run(tmp_path / "parts", plan_of(trials)) for trials in (3, 7, 2)]
    assert [len(found.trials) for found in more] == [3, 7, 7]
    assert more[1].trials[:3] == more[0].trials
    assert more[2] == more[1]
    assert alike(more[1]) == alike(run(tmp_path / "whole", plan_of(7)))


def test_another_seed_proposes_other_settings(tmp_path):
    one, other = (run(tmp_path / str(seed), plan_of(3, seed=seed)) for seed in (1, 2))
    assert one.trials[0].params == other.trials[0].params
    assert one.trials[1].params != other.trials[1].params


def test_hyperband_ends_bad_trials_early_and_never_the_default(tmp_path):
    steps = []

    def counted(setting, report):
        def told(step, value):
            steps.append(step)
            return report(step, value)

        return descend(setting, told)

    worst = {"x": -3.0, "rate": 1.0, "batch": 64}
    found = run(tmp_path, plan_of(9), counted, worst)
    pruned = [trial for trial in found.trials if state_of(trial) == "pruned"]
    assert len(pruned) >= 2
    assert len(steps) == sum(len(trial.intermediate_values) for trial in found.trials) < 9 * STEPS
    assert all(set(t.intermediate_values) < {1, 2, 3} and value_of(t) is None for t in pruned)
    assert state_of(found.default) == "complete"
    # It is the worst of all, so whoever was pruned was not pruned for being worse than it.
    complete = [trial.value for trial in found.ranking]
    assert found.default.value == max(complete)


def test_without_a_pruner_every_trial_makes_all_its_reports(tmp_path):
    found = run(tmp_path, plan_of(4, pruner="none"))
    assert {state_of(trial) for trial in found.trials} == {"complete"}
    assert {tuple(trial.intermediate_values) for trial in found.trials} == {(1, 2, 3)}


def test_values_that_are_no_numbers_end_a_trial_as_diverged(tmp_path):
    told = []

    def objective(setting, report):
        if len(told) == 1:
            told.append(report(1, math.inf))
            return 0.0
        told.append(None)
        return math.nan if len(told) == 3 else height(setting)

    found = run(tmp_path, plan_of(4), objective)
    assert places(found)[1:3] == [(1, "diverged"), (2, "diverged")]
    assert told[1] is True
    assert [trial.number for trial in found.ranking] == sorted(
        (0, 3), key=lambda number: found.trials[number].value
    )


def test_an_error_leaves_a_trial_to_be_started_again_as_often_as_one_likes(tmp_path):
    tries = []

    def failing(setting, report):
        tries.append(dict(setting))
        raise OSError("no room")

    for _ in range(MOST_STARTS + 1):
        with pytest.raises(OSError, match="no room"):
            run(tmp_path, plan_of(2), failing)
    assert tries == [DEFAULT] * (MOST_STARTS + 1)
    found = run(tmp_path, plan_of(2), lambda setting, report: height(setting))
    assert places(found) == [(0, "complete"), (1, "complete")]


def test_what_was_queued_or_stopped_when_the_process_died_is_not_lost(tmp_path):
    plan = plan_of(3)
    with open_study(tmp_path, plan, MADE_WITH) as study:
        study.enqueue_trial(DEFAULT)
    assert run(tmp_path, replace(plan, trials=1)).default.params == DEFAULT
    with open_study(tmp_path, plan, MADE_WITH) as study:
        trial = study.ask({"x": optuna.distributions.FloatDistribution(-3.0, 3.0)})
        trial.report(99.0, 1)
        trial.set_user_attr("stopped", True)
    found = run(tmp_path, plan)
    assert places(found)[1] == (1, "pruned")
    assert len(found.trials) == 3


def test_the_storage_is_optunas_own(tmp_path):
    found = run(tmp_path, plan_of(3, pruner="none"))
    study = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{tmp_path / STORAGE}")
    assert study.best_value == found.best.value
    assert study.best_params == found.best.params
    assert study.trials[0].intermediate_values == found.default.intermediate_values


def test_the_folders_name_is_taken_literally(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "a?b#{c}%20[d] 'e'"
    found = run(folder, plan_of(2, pruner="none"))
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert run(folder, plan_of(2, pruner="none")) == found


def test_a_search_says_nothing_of_its_own(tmp_path, capfd):
    run(tmp_path, plan_of(7, "gp", "none"), lambda setting, report: height(setting))
    assert capfd.readouterr() == ("", "")


def test_a_folder_of_another_search_is_refused(tmp_path):
    run(tmp_path, plan_of(1), weights="a")
    with pytest.raises(UsageError, match="weights was 'a' and is now 'b'"):
        run(tmp_path, plan_of(1), weights="b")
    with pytest.raises(UsageError, match="sampler was 'tpe' and is now 'gp'"):
        run(tmp_path, plan_of(1, "gp"), weights="a")


def test_two_searches_in_one_folder_are_refused(tmp_path):
    def greedy(setting, report):
        with pytest.raises(UsageError, match="another process is searching"):
            run(tmp_path, plan_of(1))
        return 1.0

    assert run(tmp_path, plan_of(1), greedy).default.value == 1.0


@pytest.mark.parametrize("broken", ["no database", "a folder"])
def test_a_storage_that_cannot_be_used_is_one_clear_line(tmp_path, broken):
    if broken == "a folder":
        (tmp_path / STORAGE).mkdir()
    else:
        (tmp_path / STORAGE).write_text("no database, but long enough to be read as one " * 99)
    with pytest.raises(StoreError, match=f"cannot use .*{STORAGE}") as told:
        run(tmp_path, plan_of(1))
    assert len(str(told.value).splitlines()) == 1


def test_a_default_outside_the_space_is_refused(tmp_path):
    for name, value, why in (
        ("x", 4.0, "outside the search"),
        ("x", math.nan, "outside the search"),
        ("batch", 8.5, "whole number"),
        ("y", 1.0, "did you mean|known"),
    ):
        with pytest.raises(UsageError, match=why):
            run(tmp_path, plan_of(1), default={**DEFAULT, name: value})
    with pytest.raises(UsageError, match="lacks batch"):
        run(tmp_path, plan_of(1), default={"x": 0.0, "rate": 0.1})
