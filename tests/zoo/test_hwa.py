"""HWA weights on disk: written, told apart, put back to the bit that int8 allows, refused."""

import json
import subprocess
import sys

import pytest
import torch

from analog_bench.analog.layer_manifest import manifest, prepare
from analog_bench.errors import WeightsError
from analog_bench.zoo.hwa_folder import DELTA, is_hwa, read_hwa_record, shipped_hwa
from analog_bench.zoo.hwa_weights import float_state, load_hwa, ship_hwa
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.weight_record import RECORD, WEIGHTS
from tests.tiny_gpt2 import model_of, spec_of, tokenizer_of
from tests.tiny_teacher import teacher_of

RANGES = {"h.0.mlp.c_fc": (2.5,), "lm_head": (1.25, 0.3)}
IDS = torch.arange(12).view(2, 6)


@pytest.fixture(scope="module")
def direct():
    tokenizer = tokenizer_of()
    spec = spec_of(tokenizer)
    return LoadedModel(spec, prepare(model_of(tokenizer)), tokenizer, "a" * 64)


def changed(direct, scale=1e-2):
    """Return the parameters of the direct model with another head and first block."""
    state = {name: tensor.clone() for name, tensor in float_state(direct.model).items()}
    generator = torch.Generator().manual_seed(1)
    for name in state:
        if "h.0" in name or "lm_head" in name:
            state[name] += scale * torch.randn(state[name].shape, generator=generator)
    return state


def ship(direct, folder, state=None, **options):
    given = {"input_ranges": RANGES, "recipe": {"steps": 3}, "results": {"f1": 1.5}, **options}
    return ship_hwa(direct, changed(direct) if state is None else state, folder, **given)


def outputs(model):
    with torch.inference_mode():
        return model(input_ids=IDS).logits


def test_float16_brings_the_weights_back_and_int8_nearly(direct, tmp_path):
    state = changed(direct)
    for dtype, tolerance in (("float16", 2**-11 * 5e-2), ("int8", 5e-2 / 127)):
        ship(direct, tmp_path / dtype, dtype=dtype)
        found = float_state(load_hwa(direct, tmp_path / dtype).model)
        assert set(found) == set(state)
        for name in state:
            torch.testing.assert_close(found[name], state[name], rtol=0, atol=tolerance)


def test_the_digital_model_is_left_alone_and_the_head_stays_its_own(direct, tmp_path):
    before = outputs(direct.model)
    ship(direct, tmp_path)
    loaded = load_hwa(direct, tmp_path)
    assert torch.equal(outputs(direct.model), before)
    assert not torch.equal(outputs(loaded.model), before)
    assert not loaded.model.training
    assert torch.equal(loaded.model.transformer.wte.weight, direct.model.transformer.wte.weight)
    assert not torch.equal(loaded.model.lm_head.weight, direct.model.lm_head.weight)
    assert manifest(loaded.model) == manifest(direct.model)


def test_ranges_and_record_come_back(direct, tmp_path):
    record = ship(direct, tmp_path)
    assert read_hwa_record(tmp_path) == record
    assert load_hwa(direct, tmp_path).input_ranges == RANGES
    assert direct.input_ranges == {}


def test_the_fingerprint_is_that_of_weights_change_and_ranges(direct, tmp_path):
    ship(direct, tmp_path / "a")
    ship(direct, tmp_path / "again", recipe={"steps": 4})
    ship(direct, tmp_path / "other weights", changed(direct, 2e-2))
    ship(direct, tmp_path / "other ranges", input_ranges={"lm_head": (1.25, 0.4)})
    prints = [load_hwa(direct, tmp_path / n).weights_sha256 for n in ("a", "again")]
    assert prints[0] == prints[1] != direct.weights_sha256
    for name in ("other weights", "other ranges"):
        assert load_hwa(direct, tmp_path / name).weights_sha256 != prints[0]


def test_a_digital_adapter_comes_back_beside_its_layer(tmp_path):
    direct = teacher_of(tmp_path)
    path = "bert.encoder.layer.0.output.dense"
    state = dict(float_state(direct.model))
    state[f"{path}.adapter.down.weight"] = torch.randn(3, 48)
    state[f"{path}.adapter.up.weight"] = torch.randn(32, 3)
    ship(direct, tmp_path / "hwa", state, input_ranges={})
    loaded = load_hwa(direct, tmp_path / "hwa")
    x = torch.randn(4, 48)
    layer, plain = loaded.model.get_submodule(path), direct.model.get_submodule(path)
    delta = x @ state[f"{path}.adapter.down.weight"].T @ state[f"{path}.adapter.up.weight"].T
    torch.testing.assert_close(layer(x), plain(x) + delta)
    added = {layer.name for layer in manifest(loaded.model)} - {
        layer.name for layer in manifest(direct.model)
    }
    public = "encoder.layer.0.output.dense.adapter"
    assert added == {f"{public}.down", f"{public}.up"}


def test_an_adapter_that_does_not_fit_is_refused(tmp_path):
    direct = teacher_of(tmp_path)
    path = "bert.encoder.layer.0.output.dense.adapter"
    state = dict(float_state(direct.model))
    state |= {f"{path}.down.weight": torch.ones(3, 47), f"{path}.up.weight": torch.ones(32, 3)}
    ship(direct, tmp_path / "hwa", state, input_ranges={})
    with pytest.raises(WeightsError, match="does not fit"):
        load_hwa(direct, tmp_path / "hwa")


def test_weights_for_another_model_are_refused(direct, tmp_path):
    ship(direct, tmp_path)
    other = LoadedModel(direct.spec, direct.model, direct.tokenizer, "b" * 64)
    with pytest.raises(WeightsError, match="trained from other weights of tiny"):
        load_hwa(other, tmp_path)


def test_damage_is_one_clear_line(direct, tmp_path):
    with pytest.raises(WeightsError, match="no HWA weights"):
        load_hwa(direct, tmp_path / "nowhere")
    ship(direct, tmp_path)
    whole = (tmp_path / DELTA).read_bytes()
    (tmp_path / DELTA).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(WeightsError, match="expected sha256"):
        load_hwa(direct, tmp_path)
    (tmp_path / DELTA).unlink()
    with pytest.raises(WeightsError, match="cannot read"):
        load_hwa(direct, tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("direct", 7, "direct: expected `str`, got `int`"),
        ("direct", "f" * 63, "direct: expected `str` matching"),
        ("input_ranges", {"lm_head": [0.0]}, "input_ranges.*expected `float` > 0"),
        ("input_ranges", {"lm_head": []}, "input_ranges.*length >= 1"),
        ("files", {}, "sha256"),
        ("recipe", {"a": [1]}, "recipe.*got `array`"),
        ("further", {}, "unknown field `further`"),
    ],
)
def test_a_record_of_another_form_is_refused(direct, tmp_path, key, value, words):
    ship(direct, tmp_path)
    document = json.loads((tmp_path / RECORD).read_text())
    (tmp_path / RECORD).write_text(json.dumps({**document, key: value}))
    with pytest.raises(WeightsError, match=words):
        load_hwa(direct, tmp_path)


def test_folders_are_told_apart(direct, tmp_path):
    assert shipped_hwa("bert") == WEIGHTS / "bert" / "hwa"
    assert not is_hwa(tmp_path)
    assert not is_hwa(WEIGHTS / "bert")
    ship(direct, tmp_path)
    assert is_hwa(tmp_path)
    (tmp_path / "digital").mkdir()
    (tmp_path / "digital" / RECORD).write_text((WEIGHTS / "bert" / RECORD).read_text())
    with pytest.raises(WeightsError, match="not HWA weights"):
        ship(direct, tmp_path / "digital")


def test_telling_folders_apart_needs_no_torch():
    code = "import analog_bench.zoo.hwa_folder, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
