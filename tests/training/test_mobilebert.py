"""The recipe behind the embedded MobileBERT, trained for real: two blocks, 32 wide, a few steps."""

import json
from dataclasses import replace

import pytest

from analog_bench.errors import DataError, UsageError
from tests.tiny_teacher import questions_of, student_of, teacher_of
from tests.training.conftest import same, weights
from training.mobilebert import DistilRecipe, train
from training.two_phases import LOG

RECIPE = DistilRecipe(
    steps=6,
    decay_steps=4,
    batch=4,
    learning_rate=3e-3,
    warmup=2,
    fit_windows=40,
    max_length=30,
    stride=4,
    held_out=1,
    held_out_questions=5,
    seed=3,
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return teacher_of(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def questions():
    return questions_of(60)


@pytest.fixture(scope="module")
def go(teacher, questions):
    def started(folder, recipe=RECIPE, rows=questions, by=teacher, **more):
        return train(recipe, student_of(), by, rows, folder, save_steps=2, **more)

    return started


def test_it_tells_what_it_does(whole):
    told = whole.told
    steps = [(report.phase, report.step) for report in told]
    assert steps == [*(("stable", step) for step in (2, 4, 6)), ("decay", 2), ("decay", 4)]
    lines = [json.loads(line) for line in (whole.folder / LOG).read_text().splitlines()]
    assert [line["held_out_f1"] for line in lines] == [report.held_out_f1 for report in told]
    assert all(0 <= report.held_out_f1 <= 100 for report in told)


@pytest.mark.parametrize("part", ["states", "answers", "truth"])
def test_each_loss_falls_where_it_is_the_only_one(go, tmp_path, part):
    weights = {"states": 0.0, "decay_states": 0.0, "answers": 0.0, "truth": 0.0, part: 1.0}
    if part == "states":
        weights["decay_states"] = 1.0
    told = []
    go(
        tmp_path / part,
        replace(RECIPE, steps=30, decay_steps=10, fit_windows=0, **weights),
        tell=told.append,
    )
    first, last = (getattr(report, part) for report in (told[0], told[-1]))
    assert last < 0.8 * first


def test_a_start_from_the_teacher_is_ahead(whole, go, tmp_path):
    told = []
    go(tmp_path / "drawn", replace(RECIPE, fit_windows=0), tell=told.append)
    assert whole.told[0].states < 0.5 * told[0].states
    assert whole.told[-1].states < 0.7 * told[-1].states


def test_a_killed_training_goes_on_to_the_same_weights(whole, go, killed):
    folder, first = killed
    told = []
    again = go(folder, tell=told.append)
    assert same(weights(again), whole.weights)
    assert (told[0].phase, told[0].step) == first


def test_a_resumed_training_is_not_one_started_anew(whole, go, altered):
    assert not same(weights(go(altered("qa_outputs.bias"))), whole.weights)


def test_more_steps_go_on_from_before_the_decay(go, copied, tmp_path):
    longer = replace(RECIPE, steps=8)
    told = []
    on = go(copied, longer, tell=told.append)
    assert [(r.phase, r.step) for r in told] == [("stable", 8), ("decay", 2), ("decay", 4)]
    assert same(weights(on), weights(go(tmp_path / "anew", longer)))


def test_a_finished_training_is_handed_back(whole, go):
    told = []
    again = go(whole.folder, tell=told.append)
    assert told == []
    assert same(weights(again), whole.weights)
    assert again.held_out_f1 == pytest.approx(whole.told[-1].held_out_f1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 4}, "seed was 3 and is now 4"),
        ({"learning_rate": 0.01}, r"learning_rate was 0.003 and is now 0.01"),
        ({"steps": 2}, "stands at step 6, beyond the 2 asked for"),
    ],
)
def test_checkpoints_of_another_recipe_are_not_gone_on_from(whole, go, changes, said):
    with pytest.raises(UsageError, match=said) as caught:
        go(whole.folder, replace(RECIPE, **changes))
    assert "\n" not in str(caught.value)


def test_checkpoints_of_another_teacher_or_data_are_not_gone_on_from(whole, go, tmp_path):
    with pytest.raises(UsageError, match="teacher was"):
        go(whole.folder, by=teacher_of(tmp_path, seed=1))
    with pytest.raises(UsageError, match="data was"):
        go(whole.folder, rows=questions_of(59))


def test_too_few_articles_or_windows(go, tmp_path, questions):
    with pytest.raises(DataError, match="holds 4 articles, of which 4 are to be"):
        go(tmp_path / "a", replace(RECIPE, held_out=4))
    with pytest.raises(DataError, match="too few for batches of 500"):
        go(tmp_path / "b", replace(RECIPE, batch=500))


def test_a_recipe_is_plain_numbers():
    assert json.loads(json.dumps(RECIPE.described())) == RECIPE.described()
    assert DistilRecipe(**RECIPE.described()) == RECIPE
