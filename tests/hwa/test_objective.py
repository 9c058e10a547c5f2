"""What a search looks for, on real trainings of the smallest language model there can be."""

import math
from dataclasses import replace

import pytest
from datasets import Dataset

from analog_bench.analog.layer_manifest import prepare
from analog_bench.commands.hwa_progress import SearchDisplay
from analog_bench.errors import UsageError
from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.hwa.search import check_setting
from analog_bench.hwa.search_and_conclude import SCRATCH, run_search
from analog_bench.hwa.search_objective import (
    REPORTS,
    SPACE,
    default_setting,
    objective_of,
    scores_on_fresh_chips,
    with_setting,
)
from analog_bench.hwa.search_storage import SearchPlan
from analog_bench.zoo.model_loading import LoadedModel
from tests.hwa.run_log import read_run
from tests.tiny_gpt2 import PROSE, model_of, spec_of, tokenizer_of

RECIPE = HwaRecipe(
    steps=4, warmup=1, batch=4, chips=1, block=16, validation_examples=1, held_out=1, seed=5
)


@pytest.fixture(scope="module")
def loaded():
    tokenizer = tokenizer_of()
    spec = spec_of(tokenizer)
    model = model_of(tokenizer)
    prepare(model)
    return LoadedModel(spec, model, tokenizer, "a" * 64)


@pytest.fixture(scope="module")
def rows():
    titles = ["one", "two", "three"]
    return Dataset.from_dict({"title": titles, "context": [f"{t}. {PROSE}" for t in titles]})


def test_every_setting_sees_as_many_examples_and_has_as_many_reports_at_most():
    recipe = HwaRecipe()
    assert default_setting(recipe) == {
        "batch": recipe.batch,
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "modifier_std": recipe.modifier_std,
    }
    check_setting(default_setting(recipe), SPACE)
    default = with_setting(recipe, default_setting(recipe))
    assert replace(default, patience=recipe.patience, validate_every=100) == recipe
    for batch in (2, 3, 7, 8, 20, 32):
        setting = {"batch": batch, "learning_rate": 2e-3, "weight_decay": 0.01, "modifier_std": 0.1}
        chosen = with_setting(recipe, setting)
        assert default_setting(chosen) == setting
        assert abs(chosen.steps * batch - recipe.steps * recipe.batch) <= batch / 2
        assert abs(chosen.warmup / chosen.steps - recipe.warmup / recipe.steps) < 0.01
        ends = [*range(0, chosen.steps, chosen.validate_every)[1:], chosen.steps]
        assert len(ends) <= REPORTS
        # The rungs are at the same share of the training for each batch size.
        reports = [REPORTS * step // chosen.steps for step in ends]
        assert sorted(set(reports)) == reports
        assert reports[-1] == REPORTS


def test_the_objectives_report_on_the_way_and_stop_when_told(loaded, rows, tmp_path):
    setting, scratch = default_setting(RECIPE), tmp_path / "scratch"
    told, reports = [], {"metric": {}, "loss": {}}
    values = {
        kind: objective_of(kind, RECIPE, loaded, rows, scratch, told.append)(
            setting, lambda step, value, kind=kind: bool(reports[kind].update({step: value}))
        )
        for kind in reports
    }
    assert list(reports["metric"]) == list(reports["loss"]) == [2, 4, 6, 9]
    assert values["metric"] == min(reports["metric"].values())
    assert values["loss"] == reports["loss"][9]
    made = told[: len(told) // 2]
    assert [progress.step for progress in made] == [0, 1, 2, 3, 4]
    assert list(reports["metric"].values()) == [progress.score for progress in made[1:]]
    assert list(reports["loss"].values()) == [progress.loss for progress in made[1:]]
    told.clear()
    objective_of("metric", RECIPE, loaded, rows, scratch, told.append)(
        setting, lambda step, value: step >= 4
    )
    assert [progress.step for progress in told] == [0, 1, 2]
    assert not scratch.exists()


def test_a_training_that_falls_apart_is_no_number(loaded, rows, tmp_path):
    # No rate of the space does this; the recipe's own may.
    recipe = replace(RECIPE, digital_rate=1e12)
    objective = objective_of("loss", recipe, loaded, rows, tmp_path / "scratch")
    assert math.isnan(objective(default_setting(recipe), lambda step, value: False))
    scores = scores_on_fresh_chips(
        recipe, default_setting(recipe), loaded, rows, tmp_path / "scratch", seed=1, chips=2
    )
    assert len(scores) == 2
    assert all(map(math.isnan, scores))


def test_fresh_chips_are_those_of_the_seed(loaded, rows, tmp_path):
    def scores(seed, **changes):
        setting = {**default_setting(RECIPE), **changes}
        return scores_on_fresh_chips(
            RECIPE, setting, loaded, rows, tmp_path / "scratch", seed=seed, chips=2
        )

    first = scores(1)
    assert len(set(first)) == 2
    assert all(map(math.isfinite, first))
    assert first == scores(1)
    assert set(first).isdisjoint(scores(2))
    assert set(first).isdisjoint(scores(1, learning_rate=1e-2))


def test_a_whole_search_of_a_real_training_goes_on_to_the_same_end(loaded, rows, tmp_path):
    def searched(folder, trials=3, recipe=RECIPE, wandb=None):
        out, plan, display = tmp_path / folder, SearchPlan(trials), SearchDisplay(3)
        return run_search(loaded, rows, recipe, out, plan, display, fresh_chips=3, wandb=wandb)

    begun, _ = searched("out", trials=2)
    found, conclusion = searched("out", wandb="offline")
    assert found.trials[:2] == begun.trials
    whole, same = searched("whole")
    assert [t.value for t in found.trials] == [t.value for t in whole.trials]
    assert [t.params for t in found.trials] == [t.params for t in whole.trials]
    assert conclusion == same
    assert found.direction == "minimize"
    assert not (tmp_path / "out" / SCRATCH).exists()
    runs = [read_run(path) for path in (tmp_path / "out").rglob("*.wandb")]
    assert {run["name"] for run in runs} == {"trial 2", "conclusion"}
    (concluded,) = (run["summary"] for run in runs if run["name"] == "conclusion")
    assert concluded["verdict"] == conclusion.verdict
    assert len(conclusion.default_scores) == (3 if conclusion.best else 0)
    with pytest.raises(UsageError, match="steps was 4 and is now 5"):
        searched("out", recipe=replace(RECIPE, steps=5))
