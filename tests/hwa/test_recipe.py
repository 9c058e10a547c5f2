"""The hyperparameters: what is refused, and how the rate falls."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import pytest
from msgspec import structs

from analog_bench.errors import UsageError
from analog_bench.hwa.hyperparameters import HwaRecipe, recipe_for, trainable_presets
from analog_bench.zoo.hwa_folder import read_hwa_record, shipped_hwa
from analog_bench.zoo.model_specs import find_embedded

RECIPE = HwaRecipe(steps=20, warmup=4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "steps 0 cannot be used: Expected `int` >= 1"),
        ({"batch": 2.5}, "batch 2.5 cannot be used: Expected `int`"),
        ({"rank": -1}, "rank -1 cannot be used: Expected `int` >= 0"),
        ({"learning_rate": 0.0}, "learning_rate 0.0 cannot be used: Expected `float` >= 1e-12"),
        ({"drift_s": float("inf")}, "drift_s inf cannot be used: Expected `float` <= 1"),
        ({"seed": 2**63}, "seed 9223372036854775808 cannot be used: Expected `int` <="),
        ({"learning_rate": 1e308}, "cannot be used: Expected `float` <= 1000000000000.0"),
        ({"chips": True}, "chips True cannot be used"),
        ({"learning_rate": float("nan")}, "learning_rate nan cannot be used"),
        ({"modifier_std": -0.1}, "modifier_std -0.1 cannot be used: Expected `float` >= 0"),
        ({"distillation": 1.5}, "distillation 1.5 cannot be used: Expected `float` <= 1"),
        ({"warmup": 21}, "21 steps of warm-up are more than the 20"),
        ({"preset": "StandardHWATrainingTorc"}, "did you mean 'StandardHWATrainingTorch'"),
        ({"modifier": "add_norma"}, "did you mean 'add_normal'"),
        ({"precision": "float16"}, "no precision 'float16'"),
        ({"modifier": "pcm_noise"}, "pcm_noise needs the C\\+\\+ tile"),
        (
            {"preset": "StandardHWATrainingPreset", "rank": 4, "adapter": "merged"},
            "merged adapter learns on the torch tile only",
        ),
    ],
)
def test_what_cannot_be_trained_with_is_refused(change, words):
    with pytest.raises(UsageError, match=words):
        replace(RECIPE, **change)


def test_the_cpp_tile_has_the_modifiers_of_devices():
    recipe = replace(RECIPE, preset="StandardHWATrainingPreset", modifier="pcm_noise")
    assert recipe.tile == "cpp"
    assert replace(RECIPE, preset="FloatingPointPreset").has_ranges is False
    assert RECIPE.has_ranges
    assert all(
        replace(RECIPE, preset=name).tile == tile.name for name, tile in trainable_presets().items()
    )


@pytest.mark.parametrize("decay", ["cosine", "linear"])
def test_the_rate_rises_and_falls(decay):
    recipe = replace(RECIPE, decay=decay)
    rates = [recipe.rate(step) for step in range(20)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert all(a > b for a, b in pairwise(rates[4:]))
    assert 0.96 < rates[4] < 1.0
    assert 0.0 < rates[-1] < 0.05
    assert sum(rates[4:]) == pytest.approx(8.0)


def test_a_recipe_fits_its_model():
    shipped = recipe_for(find_embedded("bert"), {})
    assert shipped != HwaRecipe()
    found = recipe_for(find_embedded("bert"), {"steps": shipped.steps // 10})
    assert found.warmup == shipped.warmup // 10
    assert recipe_for(find_embedded("bert"), {"warmup": 7}).warmup == 7
    small = structs.replace(find_embedded("distilgpt2").structure, positions=64)
    spec = replace(find_embedded("distilgpt2"), structure=small)
    assert (recipe_for(spec, {}).block, recipe_for(spec, {}).max_length) == (64, 64)
    assert recipe_for(spec, {"block": 32}).block == 32


@pytest.mark.parametrize("name", ["max_length", "block"])
def test_no_more_tokens_than_the_model_has_positions(name):
    with pytest.raises(UsageError, match=f"{name} 513 is more than the 512 positions of bert"):
        recipe_for(find_embedded("bert"), {name: 513})
    assert getattr(recipe_for(find_embedded("bert"), {name: 512}), name) == 512


@pytest.mark.parametrize("model", ["bert", "distilgpt2", "mobilebert"])
def test_shipped_weights_are_of_the_recipe_that_is_the_default(model):
    trained = read_hwa_record(shipped_hwa(model)).recipe
    recipe = recipe_for(find_embedded(model), {}).described()
    assert {name: trained[name] for name in recipe} == recipe


def test_it_needs_no_torch():
    code = "import analog_bench.hwa.hyperparameters, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
