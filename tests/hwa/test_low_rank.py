"""Low-rank adapters: in training, in the weights that are shipped, and on chips."""

from dataclasses import replace

import pytest
import torch

from analog_bench.analog.chip import install
from analog_bench.analog.input_ranges import observe_input_ranges
from analog_bench.analog.layer_manifest import coverage, manifest
from analog_bench.engine.runner import Runner
from analog_bench.hwa.low_rank import MergedAdapters
from analog_bench.hwa.training_data import make_data
from analog_bench.hwa.training_loop import train
from analog_bench.noise import Ideal, Preset
from analog_bench.simulators.aihwkit.training_tiles import training_config
from analog_bench.simulators.registry import find_simulator
from analog_bench.simulators.trainable_tiles import trainable_tiles
from analog_bench.zoo.hwa_weights import float_state, load_hwa, ship_hwa
from tests.hwa.conftest import LM_RECIPE

RECIPE = replace(LM_RECIPE, rank=3, steps=12, validate_every=6, warmup=2)
LAYER = "h.0.mlp.c_fc"
PATH = f"transformer.{LAYER}"


@pytest.fixture(scope="module")
def data(lm, prose):
    return make_data(lm, prose, RECIPE)


@pytest.fixture(scope="module", params=["digital", "merged"])
def trained(request, lm, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    recipe = replace(RECIPE, adapter=request.param)
    return recipe, train(recipe, lm, data, folder, save_steps=4), folder


def test_it_closes_part_of_the_gap(trained):
    _, outcome, _ = trained
    assert outcome.best_step > 0
    assert outcome.closed_by(outcome.best) > 0.15


def test_a_killed_training_goes_on_to_the_same_numbers(trained, lm, data, tmp_path):
    recipe, outcome, _ = trained

    def tell(progress):
        if progress.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, lm, data, tmp_path, tell=tell, save_steps=4)
    again = train(recipe, lm, data, tmp_path, save_steps=4)
    assert again.best == outcome.best
    assert all(torch.equal(again.state[n], outcome.state[n]) for n in outcome.state)


def test_the_change_of_each_matrix_is_what_the_rank_allows(trained, lm):
    recipe, outcome, _ = trained
    direct = float_state(lm.model)
    changed = {n for n, t in outcome.state.items() if n not in direct or (t != direct[n]).any()}
    if recipe.adapter == "digital":
        # The frozen base is on tiles, to the bit; only adapters are new.
        assert all(".adapter." in name for name in changed)
        assert outcome.state[f"{PATH}.adapter.down.weight"].shape == (3, 32)
        assert outcome.state[f"{PATH}.adapter.up.weight"].abs().max() > 0
    else:
        assert set(direct) == set(outcome.state)
        assert f"{PATH}.weight" in changed
        assert f"{PATH}.bias" not in changed


def test_a_digital_adapter_stays_digital_on_every_chip(trained, lm, data, tmp_path):
    recipe, outcome, _ = trained
    ranges = outcome.input_ranges
    ship_hwa(lm, outcome.state, tmp_path, input_ranges=ranges, recipe={}, results={})
    hwa = load_hwa(lm, tmp_path)
    products = [layer for layer in manifest(hwa.model) if layer.kind == "matmul"]
    adapters = [layer.name for layer in products if ".adapter." in layer.name]
    assert len(adapters) == (2 * len(outcome.layers) if recipe.adapter == "digital" else 0)
    runner = Runner(hwa.model, data.task, seed=1, weights=hwa.weights_sha256)
    clean = runner.digital().mean["cross_entropy"]
    setup = {"layers": outcome.layers, "chip": 0, "seed": 1}
    setup["simulator"] = find_simulator(recipe.tile)
    with install(hwa.model, noise=Ideal(), **setup) as chip:
        found = coverage(hwa.model, manifest(lm.model) if not adapters else products)
        with chip.reading(batch=0), torch.inference_mode():
            on_tiles = data.task.run(hwa.model, 0)
    assert list(found.digital) == adapters
    assert (found.weights < 1.0) == bool(adapters)
    with torch.inference_mode():
        torch.testing.assert_close(on_tiles, data.task.run(hwa.model, 0), rtol=1e-3, atol=1e-3)
    with install(hwa.model, noise=Preset(recipe.preset), input_ranges=ranges, **setup) as chip:
        chip.drift_to(86_400.0)
        adapter = hwa.model.get_submodule(PATH)._modules.get("adapter")
        if adapters:
            name = f"{PATH}.adapter.up.weight"
            assert torch.equal(adapter.up.weight, outcome.state[name])
        else:
            assert adapter is None
    assert runner.digital().mean["cross_entropy"] == clean


def test_merged_gradients_are_those_of_the_factors(lm, data):
    config = training_config(
        RECIPE.preset, modifier="none", modifier_std=0.0, clip_sigma=None, bfloat16=False
    )
    config.forward.is_perfect = True
    ranges = observe_input_ranges(lm.model, [LAYER], lambda: data.run_batch(lm.model, 0))
    wide = {name: 100 * value for name, value in ranges.items()}
    linear = lm.model.get_submodule(PATH)
    x = torch.randn(5, linear.in_features)
    with trainable_tiles(lm.model, [LAYER], config, wide, seed=1) as tiles:
        merged = MergedAdapters(tiles, 3, seed=2)
        down, up = merged.parameters
        with torch.no_grad():
            up.normal_(std=0.1)
        merged.write()
        lm.model.get_submodule(PATH)(x).square().sum().backward()
        merged.take_gradients()
        found = [down.grad.clone(), up.grad.clone()]
    down.grad = up.grad = None
    weight = linear.weight.detach() + up @ down
    torch.nn.functional.linear(x, weight, linear.bias.detach()).square().sum().backward()
    for mine, theirs in zip(found, (down.grad, up.grad), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
