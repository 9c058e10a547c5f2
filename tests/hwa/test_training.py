"""Hardware-aware training, for real: on a BERT and a GPT-2 of two blocks, 32 wide."""

import shutil
from dataclasses import replace

import pytest
import torch
from msgspec import structs

from analog_bench.analog.chip import install
from analog_bench.errors import UsageError
from analog_bench.hwa import training_loop
from analog_bench.hwa.loss import distillation_loss
from analog_bench.hwa.planned_layers import layers_on_tiles
from analog_bench.hwa.training_data import make_data
from analog_bench.hwa.training_loop import BEST, train
from analog_bench.hwa.validation import digital_score, validate
from analog_bench.noise import Preset
from analog_bench.simulators.registry import find_simulator
from analog_bench.zoo.hwa_weights import float_state, load_hwa, ship_hwa
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.range_folder import RangeRecord
from tests.hwa.conftest import LM_RECIPE, QA_RECIPE


class Killed(Exception):
    """The process is gone."""


@pytest.fixture(scope="module")
def data(qa, questions):
    return make_data(qa, questions, QA_RECIPE)


@pytest.fixture(scope="module")
def whole(qa, data, tmp_path_factory):
    folder, told = tmp_path_factory.mktemp("whole") / "out", []
    before = {name: tensor.clone() for name, tensor in float_state(qa.model).items()}
    outcome = train(QA_RECIPE, qa, data, folder, tell=told.append, save_steps=2)
    return folder, outcome, told, before


@pytest.fixture(scope="module")
def prose_data(lm, prose):
    return make_data(lm, prose, LM_RECIPE)


@pytest.fixture(scope="module")
def hardened(lm, prose_data, tmp_path_factory):
    return train(LM_RECIPE, lm, prose_data, tmp_path_factory.mktemp("lm") / "out")


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def killing(at):
    def tell(progress):
        if progress.step == at:
            raise Killed

    return tell


def test_it_tells_every_step_and_validates_some(whole):
    _, outcome, told, _ = whole
    assert [p.step for p in told] == list(range(7))
    assert [p.step for p in told if p.score is not None] == [0, 3, 6]
    assert all(len(p.chips) == 2 for p in told if p.score is not None)
    assert outcome.start == told[0].score
    assert outcome.best == max(p.score for p in told if p.score is not None) == told[-1].best
    assert (outcome.metric, outcome.steps, outcome.ended) == ("f1", 6, "finished")


def test_the_digital_model_is_left_alone(whole, qa):
    assert same(float_state(qa.model), whole[3])


def test_everything_on_tiles_and_the_norms_change_and_nothing_else(lm, hardened):
    direct = float_state(lm.model)
    assert hardened.best_step > 0
    changed = {n for n in direct if not torch.equal(direct[n], hardened.state[n])}
    assert changed == set(direct) - {"transformer.wte.weight", "transformer.wpe.weight"}


@pytest.mark.parametrize("at", [1, 5])
def test_a_killed_training_goes_on_to_the_same_numbers(whole, qa, data, tmp_path, at):
    _, outcome, told, _ = whole
    with pytest.raises(Killed):
        train(QA_RECIPE, qa, data, tmp_path, tell=killing(at), save_steps=2)
    (tmp_path / "checkpoint-9.part").write_bytes(b"half a checkp")
    again = []
    resumed = train(QA_RECIPE, qa, data, tmp_path, tell=again.append, save_steps=2)
    assert again[0].step == at // 2 * 2 + 1
    key = {p.step: (p.loss, p.score) for p in told}
    assert {p.step: (p.loss, p.score) for p in again}.items() <= key.items()
    assert same(resumed.state, outcome.state)
    assert (resumed.best, resumed.input_ranges) == (outcome.best, outcome.input_ranges)


def test_a_resumed_training_is_not_one_started_anew(whole, qa, data, tmp_path):
    folder, *_ = whole
    shutil.copytree(folder, tmp_path / "out")
    (tmp_path / "out" / "checkpoint-6.safetensors").unlink()
    told = []
    train(QA_RECIPE, qa, data, tmp_path / "out", tell=told.append)
    assert [p.step for p in told] == [5, 6]


def test_a_finished_training_is_handed_back(whole, qa, data):
    folder, outcome, *_ = whole
    told = []
    again = train(QA_RECIPE, qa, data, folder, tell=told.append)
    assert told == []
    assert same(again.state, outcome.state)
    assert (again.ended, again.best_step) == (outcome.ended, outcome.best_step)


def test_losses_read_together_are_told_as_those_read_one_by_one(
    whole, qa, data, tmp_path, monkeypatch
):
    """As on a GPU, where a training waits for several losses at once."""
    monkeypatch.setitem(training_loop.WAITS_AFTER, "cpu", 5)
    told = []
    outcome = train(QA_RECIPE, qa, data, tmp_path, tell=told.append, save_steps=4)
    one_by_one = [replace(p, seconds=0.0) for p in whole[2]]
    assert [replace(p, seconds=0.0) for p in told][1:] == one_by_one[1:]
    assert same(outcome.state, whole[1].state)
    assert outcome.devices == ("cpu",)


def test_finishing_takes_the_best_so_far(whole, qa, data, tmp_path):
    with pytest.raises(Killed):
        train(QA_RECIPE, qa, data, tmp_path, tell=killing(5), save_steps=2)
    found = train(QA_RECIPE, qa, data, tmp_path, finish=True)
    told = {p.step: p.score for p in whole[2]}
    assert found.steps == 4
    assert found.best == max(told[0], told[3])
    with pytest.raises(UsageError, match="no checkpoint to finish"):
        train(QA_RECIPE, qa, data, tmp_path / "empty", finish=True)


def test_another_recipe_model_or_damage_is_refused(whole, qa, data, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(whole[0], folder)
    with pytest.raises(UsageError, match="steps was 6 and is now 7"):
        train(replace(QA_RECIPE, steps=7), qa, data, folder)
    other = LoadedModel(qa.spec, qa.model, qa.tokenizer, "b" * 64)
    with pytest.raises(UsageError, match="weights was"):
        train(QA_RECIPE, other, data, folder)
    last = folder / "checkpoint-6.safetensors"
    content = last.read_bytes()
    for damaged in (
        content[:-100],
        content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
        content.replace(b'\\"step\\": 6', b'\\"step\\": 5'),
    ):
        assert damaged != content
        last.write_bytes(damaged)
        with pytest.raises(UsageError, match=r"cannot read .*checkpoint-6.*delete it"):
            train(QA_RECIPE, qa, data, folder)
    assert {p.name for p in whole[0].iterdir()} == {
        *("recipe.json", BEST, "checkpoint-4.safetensors", "checkpoint-6.safetensors")
    }


def test_the_caller_and_patience_end_it(qa, data, tmp_path):
    seen = []

    def stop(progress):
        seen.append(progress.step)
        return progress.step == 3

    found = train(QA_RECIPE, qa, data, tmp_path / "stopped", stop=stop)
    assert (found.ended, found.steps, seen) == ("stopped", 3, [3])
    # Nothing learns, so nothing can get better.
    nothing = {"learning_rate": 1e-12, "digital_rate": 1e-12, "range_rate": 0.0, "clip_sigma": 0.0}
    still = replace(QA_RECIPE, patience=2, validate_every=1, chips=1, **nothing)
    found = train(still, qa, data, tmp_path / "patient")
    assert (found.ended, found.steps, found.best_step) == ("patience", 2, 0)


def test_a_diverging_training_ends_with_the_best_before(qa, data, tmp_path, monkeypatch):
    wild = replace(QA_RECIPE, digital_rate=1e12, validate_every=6, optimiser="sgd", warmup=0)
    found = train(wild, qa, data, tmp_path / "one by one")
    assert found.ended == "diverged"
    assert found.best_step == 0
    monkeypatch.setitem(training_loop.WAITS_AFTER, "cpu", 6)
    told = []
    together = train(wild, qa, data, tmp_path / "together", tell=told.append)
    assert (together.ended, together.steps) == (found.ended, found.steps)
    assert told[-1].step == found.steps < 6
    assert same(found.state, float_state(qa.model))


def test_trained_weights_bear_fresh_chips_better(lm, prose_data, hardened, tmp_path):
    """On chips that validation never saw: no score is the luck of the selection."""
    fresh = replace(LM_RECIPE, seed=99, chips=4)
    ranges = hardened.input_ranges
    ship_hwa(lm, hardened.state, tmp_path, input_ranges=ranges, recipe={}, results={})
    hwa = load_hwa(lm, tmp_path)
    first = _ranges(lm, prose_data, hardened.layers)
    direct = validate(lm.model, hardened.layers, first, prose_data, fresh)
    found = validate(hwa.model, hardened.layers, hwa.input_ranges, prose_data, fresh)
    digital = digital_score(lm.model, prose_data)
    assert hardened.digital == pytest.approx(digital)
    assert all(a < b for a, b in zip(found.chips, direct.chips, strict=True))
    assert hardened.closed_by(hardened.best) > 0.4
    assert hardened.closed_by(found.mean) > 0.4


def test_ranges_are_learned_and_reach_the_chips(lm, hardened, prose_data):
    first = _ranges(lm, prose_data, hardened.layers)
    moved = [
        abs(hardened.input_ranges[name][0] / first[name] - 1.0) > 1e-3 for name in hardened.layers
    ]
    assert all(moved)
    with install(
        lm.model,
        layers=hardened.layers,
        noise=Preset(LM_RECIPE.preset),
        chip=0,
        seed=1,
        simulator=find_simulator(LM_RECIPE.tile),
        input_ranges=hardened.input_ranges,
    ):
        layer = lm.model.transformer.h[0].mlp.c_fc
        on_tiles = [float(tile.input_range) for tile in layer.analog_tiles()]
    assert on_tiles == pytest.approx(hardened.input_ranges["h.0.mlp.c_fc"])


def test_given_ranges_are_what_training_starts_from(qa, data, tmp_path):
    recipe = replace(QA_RECIPE, steps=1, warmup=0, range_rate=0.0, chips=1)
    layers = layers_on_tiles(qa.model, recipe)
    record = RangeRecord(
        direct=qa.weights_sha256,
        tile=recipe.tile,
        hardware=recipe.preset,
        input_ranges={layer: (0.25 + n,) for n, layer in enumerate(layers)},
        recipe={},
    )
    found = train(recipe, qa, data, tmp_path, first=record)
    assert found.input_ranges == record.input_ranges
    assert found.start != found.direct
    other = structs.replace(record, input_ranges=dict.fromkeys(layers, (1.0,)))
    for first in (None, other):
        with pytest.raises(UsageError, match="first_ranges"):
            train(recipe, qa, data, tmp_path, first=first)


def _ranges(loaded, data, layers):
    from analog_bench.analog.input_ranges import observe_input_ranges

    return observe_input_ranges(
        loaded.model, layers, lambda: [data.run_batch(loaded.model, n) for n in range(8)]
    )


def test_a_step_is_as_many_batches_as_asked(lm, prose, tmp_path):
    """On hardware without noise in training, where a step's loss can be computed beside it."""
    recipe = replace(
        LM_RECIPE,
        preset="FloatingPointPreset",
        **{"modifier": "none", "clip_sigma": 0.0, "distillation": 0.0, "states": 0.0},
        **{"steps": 2, "warmup": 0, "accumulation": 3, "chips": 1, "precision": "float32"},
    )
    data, told = make_data(lm, prose, recipe), []
    found = train(recipe, lm, data, tmp_path, tell=told.append)
    alone = [
        distillation_loss(lm.model, lm.model, data.batch(n, lm.model.device), recipe)
        for n in range(3)
    ]
    assert told[1].loss == pytest.approx(sum(loss.item() for loss in alone) / 3, rel=1e-4)
    assert found.input_ranges == {}
