"""Shipped weights that need no base: a whole model with its tokeniser."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from msgspec import structs

from analog_bench.analog.layer_manifest import manifest, prepare
from analog_bench.errors import WeightsError
from analog_bench.zoo import model_loading as load_module
from analog_bench.zoo.embedded_weights import read_tensors
from analog_bench.zoo.model_builder import observe
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import find_embedded
from analog_bench.zoo.weight_record import WEIGHTS, read_record, write_record
from tests.tiny_gpt2 import PROSE, config_of, model_of, tokenizer_of
from training.shipping import ship_whole

SPEC = find_embedded("distilgpt2")


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of()


def configured(folder, config):
    """Let the embedded DistilGPT2 have another configuration; return its specification."""
    (folder / SPEC.name).mkdir(parents=True, exist_ok=True)
    config.to_json_file(folder / SPEC.name / "config.json")
    return replace(SPEC, structure=observe(config, "tiny"))


@pytest.fixture
def spec(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(load_module, "WEIGHTS", tmp_path / "configs")
    return configured(tmp_path / "configs", config_of(tokenizer))


@pytest.fixture
def shipped(tokenizer, tmp_path):
    """Ship a random model in half precision; return its folder and the model rounded likewise."""
    model = model_of(tokenizer).half().float()
    folder = tmp_path / "distilgpt2"
    ship_whole(model.state_dict(), tokenizer.backend_tokenizer, folder, {"seed": 1}, {"x": 2.0})
    return folder, model


def loaded(spec, folder):
    return load(spec, lock_path=Path("none"), shipped=folder)


def test_it_loads_with_the_same_logits_and_tokens(spec, shipped, tokenizer):
    folder, model = shipped
    found = loaded(spec, folder)
    ids = found.tokenizer(PROSE[:150], return_tensors="pt")["input_ids"]
    assert ids.tolist() == tokenizer(PROSE[:150], return_tensors="pt")["input_ids"].tolist()
    with torch.no_grad():
        assert torch.allclose(found.model(ids).logits, model(ids).logits, atol=1e-6)
    assert not found.model.training
    assert {p.dtype for p in found.model.parameters()} == {torch.float32}
    assert found.tokenizer.eos_token_id == found.model.config.eos_token_id == 0


def test_prepared_every_matrix_product_is_a_linear_layer(spec, shipped):
    folder, model = shipped
    found = loaded(spec, folder).model
    prepare(found)
    products = [layer for layer in manifest(found) if layer.kind == "matmul"]
    assert len(products) == 2 * 4 + 1
    assert all(type(found.get_submodule(layer.path)) is torch.nn.Linear for layer in products)
    ids = torch.arange(1, 30)[None]
    with torch.no_grad():
        assert torch.allclose(found(ids).logits, model(ids).logits, atol=1e-5)


def test_the_tied_head_is_stored_once_and_in_half_precision(shipped):
    folder, model = shipped
    tensors = read_tensors(folder / "model.safetensors")
    assert "lm_head.weight" not in tensors
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    own = {id(p): p.numel() for p in model.parameters()}
    assert sum(t.numel() for t in tensors.values()) == sum(own.values())
    record = read_record(folder)
    assert (record.form, dict(record.base)) == ("whole", {})
    assert (record.recipe, record.results) == ({"seed": 1}, {"x": 2.0})


def test_other_weights_have_another_fingerprint(spec, shipped, tokenizer):
    folder, _ = shipped
    first = loaded(spec, folder).weights_sha256
    assert loaded(spec, folder).weights_sha256 == first
    state = model_of(tokenizer, seed=1).state_dict()
    ship_whole(state, tokenizer.backend_tokenizer, folder, {}, {})
    assert loaded(spec, folder).weights_sha256 != first


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_an_altered_file_is_refused(spec, shipped, name):
    folder, _ = shipped
    content = bytearray((folder / name).read_bytes())
    content[-2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(WeightsError, match="restore the file from version control"):
        loaded(spec, folder)


def test_a_missing_file_or_folder_is_named(spec, shipped, tmp_path):
    folder, _ = shipped
    (folder / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match=r"must hold .*model.safetensors with tokenizer.json"):
        loaded(spec, folder)
    with pytest.raises(WeightsError, match="no weights are shipped in"):
        loaded(spec, tmp_path / "nowhere")


def test_weights_of_another_shape_are_refused(spec, shipped, tokenizer, tmp_path):
    folder, _ = shipped
    wider = configured(tmp_path / "configs", config_of(tokenizer, n_embd=48, n_inner=96))
    with pytest.raises(WeightsError, match="do not fit its architecture"):
        loaded(wider, folder)
    more = replace(spec, structure=structs.replace(spec.structure, vocabulary=999))
    with pytest.raises(WeightsError, match=r"tokenizer.json has \d+ tokens, distilgpt2 has 999"):
        loaded(more, folder)


def test_a_base_belongs_to_other_forms_only(shipped):
    folder, _ = shipped
    base = {"model.safetensors": "a" * 64}
    with pytest.raises(ValueError, match="base must be empty for a whole model, and only"):
        write_record(folder, base, {}, {})
    record = json.loads((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps({**record, "base": base}))
    with pytest.raises(WeightsError, match="base must be empty for a whole model, and only"):
        read_record(folder)
    record["base"] = {}
    (folder / "record.json").write_text(json.dumps(record))
    assert read_record(folder).form == "whole"


def test_values_beyond_half_precision_are_not_shipped(tokenizer, tmp_path):
    state = model_of(tokenizer).state_dict()
    state["transformer.ln_f.bias"] = state["transformer.ln_f.bias"] + 1e6
    with pytest.raises(WeightsError, match=r"transformer.ln_f.bias holds values that float16"):
        ship_whole(state, tokenizer.backend_tokenizer, tmp_path / "big", {}, {})


@pytest.mark.skipif(not (WEIGHTS / "distilgpt2").is_dir(), reason="no weights are shipped yet")
def test_the_shipped_model_is_small_and_knows_english():
    folder = WEIGHTS / "distilgpt2"
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 15_000_000
    found = load(SPEC, lock_path=Path("none"))
    text = "The capital of France is the city of Paris, which lies on the river Seine."
    ids = found.tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        bits = float(found.model(ids, labels=ids).loss) * (ids.shape[1] - 1) / 0.6931
    assert bits / len(text) < 2.3
    assert read_record(folder).results["wikitext_2_bits_per_byte"] <= 2.0
