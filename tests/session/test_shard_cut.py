"""Cases of a run are cut into shards of about equal cost, the same way everywhere."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analog_bench.errors import UsageError
from analog_bench.noise import Pcm, WhiteOutput
from analog_bench.session.cases import cases_of
from analog_bench.session.shard_cut import cut, stretches
from analog_bench.store.shard import Shard, parse_shard
from analog_bench.study import Budget, Choice, Study
from tests.session.test_case_measurement import SETTINGS

LAYERS = Study(
    name="layers",
    question="which?",
    models=("bert", "distilgpt2"),
    noises=(WhiteOutput(), Pcm()),
    drift_s=(1.0, 60.0),
    budgets={"smoke": Budget(chips=3, examples=8)},
)
WHOLE = replace(LAYERS, name="whole", layers="all")
MOST = 12


def selected(*studies, settings=SETTINGS):
    return [(study, case) for study in studies for case in cases_of(study, settings)]


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60), st.integers(1, 80))
def test_no_stretch_costs_more_than_its_part_and_one_thing(costs, shards):
    numbers = stretches(costs, shards)
    assert all(one <= other for one, other in pairwise(numbers))
    assert 1 <= numbers[0] <= numbers[-1] <= shards
    most = sum(costs) / shards + max(costs)
    for number in set(numbers):
        own = sum(cost for cost, n in zip(costs, numbers, strict=True) if n == number)
        assert own <= most * (1 + 1e-9)


@pytest.mark.parametrize("shards", [1, 2, 5, MOST])
def test_models_and_chips_stay_together(shards):
    pairs = selected(LAYERS, WHOLE)
    number = cut(pairs, SETTINGS, shards).number
    assert number.keys() == {(case.study, case.id) for _, case in pairs}
    assert set(number.values()) == set(range(1, shards + 1))
    times = {}
    for _, case in pairs:
        own = number[case.study, case.id]
        assert times.setdefault((case.study, replace(case, drift_s=0.0)), own) == own
    owners = {
        model: {number[c.study, c.id] for _, c in pairs if c.model == model}
        for model in ("bert", "distilgpt2")
    }
    # The models meet in one shard at most, whatever the studies.
    assert len(owners["bert"] & owners["distilgpt2"]) <= 1


def test_the_cut_does_not_depend_on_the_machine():
    pairs = selected(LAYERS)
    one, other = (cut(pairs, replace(SETTINGS, device=d), 7) for d in ("cpu", "cuda"))
    assert one == other
    assert cut(selected(LAYERS), SETTINGS, 3).selection == one.selection


@pytest.mark.parametrize(
    "changed", [{"chips": 4}, {"examples": 9}, {"choice": Choice(models=("bert",))}]
)
def test_another_selection_has_another_fingerprint(changed):
    settings = replace(SETTINGS, **changed)
    before, after = (cut(selected(LAYERS, settings=s), s, 2) for s in (SETTINGS, settings))
    assert before.selection != after.selection


def test_late_layers_cost_less_unless_nothing_is_replayed():
    layers = replace(LAYERS, models=("bert",), noises=(WhiteOutput(),))
    replayed, computed = (
        list(cut(selected(layers), replace(SETTINGS, replay=replay), 2).number.values()).count(1)
        for replay in (True, False)
    )
    assert replayed < computed


def test_noise_that_is_followed_is_paid_for():
    plain = replace(LAYERS, models=("bert",), noises=(WhiteOutput(),))
    followed = replace(plain, name="followed", propagation=True)
    number = cut(selected(plain, followed), SETTINGS, 2).number
    # By count they would be halved between the studies.
    assert {number[key] for key in number if key[0] == "layers"} == {1}
    assert {number[key] for key in number if key[0] == "followed"} == {1, 2}


@pytest.mark.parametrize(
    "text", ["", "3", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "1 / 4", "a/b", "²/4", "1/9999999"]
)
def test_what_is_no_shard_is_refused_in_one_line(text):
    with pytest.raises(UsageError, match="--shard must be K/N with K from 1 to N, such as 2/8"):
        parse_shard(text)


def test_a_shard_is_read_as_it_is_spelt():
    assert parse_shard("2/8") == Shard(2, 8)
    assert parse_shard(Shard(2, 8).spelt_with("1f2e3d4c")) == Shard(2, 8, "1f2e3d4c")
