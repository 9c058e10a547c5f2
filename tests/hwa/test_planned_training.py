"""Training by a plan, on a GPT-2 of two blocks: who learns, who is rounded, who stays."""

import pytest
import torch

from analog_bench.analog.layer_manifest import manifest
from analog_bench.errors import UsageError
from analog_bench.hwa.planned_layers import in_int8
from analog_bench.hwa.shipping import ship_outcome
from analog_bench.hwa.training_data import make_data
from analog_bench.hwa.training_loop import train
from analog_bench.hwa.validation import validate
from analog_bench.planning.plan_record import layers_of, name_of
from analog_bench.zoo.hwa_folder import read_hwa_record
from analog_bench.zoo.hwa_weights import float_state, load_hwa
from tests.hwa.conftest import LM_RECIPE

HOWS = ("analog", "int8", "digital")


@pytest.fixture(scope="module")
def plan(lm):
    """Return a plan that ends in INT8, so that what learns does so through rounded inputs."""
    products = [layer.name for layer in manifest(lm.model) if layer.kind == "matmul"]
    return {name: HOWS[n % 3] for n, name in enumerate(products)} | {products[-1]: "int8"}


@pytest.fixture(scope="module")
def data(lm, prose):
    return make_data(lm, prose, LM_RECIPE)


@pytest.fixture(scope="module")
def outcome(lm, data, plan, tmp_path_factory):
    return train(LM_RECIPE, lm, data, tmp_path_factory.mktemp("planned") / "out", plan=plan)


def test_only_its_analog_layers_are_on_tiles_and_only_those_and_biases_learn(lm, outcome, plan):
    analog = layers_of(plan, "analog")
    assert outcome.layers == analog
    assert set(outcome.input_ranges) == set(analog)
    assert outcome.best_step > 0
    paths = {layer.name: layer.path for layer in manifest(lm.model) if layer.kind == "matmul"}
    direct = float_state(lm.model)
    changed = {name for name in direct if not torch.equal(direct[name], outcome.state[name])}
    matrices = {f"{paths[name]}.weight" for name in paths}
    assert changed & matrices == {f"{paths[name]}.weight" for name in analog}
    # Their biases are digital, and learn like the norms.
    assert f"{paths['h.0.attn.c_proj']}.bias" in changed
    assert plan["h.0.attn.c_proj"] == "int8"


def test_what_is_shipped_says_by_which_plan_and_scores_with_the_int8_layers(
    lm, data, outcome, plan, tmp_path
):
    shipped = ship_outcome(lm, LM_RECIPE, data, outcome, tmp_path / "ship")
    assert read_hwa_record(tmp_path / "ship").recipe["layers"] == name_of(plan)
    assert shipped.hwa.mean == pytest.approx(outcome.best, rel=0.05)  # written small
    hwa = load_hwa(lm, tmp_path / "ship")
    with in_int8(hwa.model, plan):
        found = validate(hwa.model, outcome.layers, hwa.input_ranges, data, LM_RECIPE)
    assert found == shipped.hwa


def test_another_plan_does_not_go_on_from_its_checkpoints(lm, data, outcome, plan, tmp_path):
    train(LM_RECIPE, lm, data, tmp_path, plan=plan, stop=lambda progress: True)
    other = plan | {next(iter(plan)): "digital"}
    with pytest.raises(UsageError, match=f"layers was '{name_of(plan)}' and is now"):
        train(LM_RECIPE, lm, data, tmp_path, plan=other)
