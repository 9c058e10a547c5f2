"""Merging adapters as PEFT does, and storing tuned weights as small differences."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForQuestionAnswering

from analog_bench.errors import WeightsError
from analog_bench.zoo.embedded_weights import tuned_state
from analog_bench.zoo.lora import PREFIX, merge_lora, read_lora_config
from analog_bench.zoo.weight_delta import apply_delta, delta_between
from analog_bench.zoo.weight_record import read_record, write_record
from training.shipping import ship_adapter, ship_delta

HEAD = ("qa_outputs.weight", "qa_outputs.bias")
DELTA_FILE = Path("delta.safetensors")
BASE_HASHES = {"model.safetensors": "1" * 64}
SHA = {"x": "a" * 64}


def tiny_bert(seed):
    torch.manual_seed(seed)
    return BertForQuestionAnswering(
        BertConfig(
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=40,
            vocab_size=50,
            max_position_embeddings=32,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    ).eval()


def base_of(model):
    return {k: v.clone() for k, v in model.state_dict().items() if k not in HEAD}


def logits(model, state=None):
    if state is not None:
        model = copy.deepcopy(model)
        model.load_state_dict(state, strict=True)
    torch.manual_seed(5)
    ids, types = torch.randint(0, 50, (3, 17)), torch.randint(0, 2, (3, 17))
    with torch.no_grad():
        out = model(input_ids=ids, token_type_ids=types)
    return torch.stack([out.start_logits, out.end_logits])


@pytest.fixture(scope="module", params=[(4, 4), (3, 7), (1, 2)], ids=lambda ra: f"r{ra[0]}a{ra[1]}")
def adapted(request, tmp_path_factory):
    """A tiny BERT with an adapter that real PEFT made, trained a little and saved."""
    peft = pytest.importorskip("peft", reason="adapters to merge are made by PEFT")
    rank, alpha = request.param
    model = tiny_bert(1)
    base = base_of(model)
    wrapped = peft.get_peft_model(
        model,
        peft.LoraConfig(
            r=rank,
            lora_alpha=alpha,
            target_modules=["query", "key", "value", "dense"],
            modules_to_save=["qa_outputs"],
        ),
    )
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                # Much larger adapters (0.3, with alpha / r above 2) amplify float32's rounding in
                # the forward pass itself beyond the 1e-6 that the merge is held to.
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    folder = tmp_path_factory.mktemp("adapter")
    wrapped.save_pretrained(folder)
    return base, folder, wrapped.merge_and_unload().eval()


def read(folder):
    config = json.loads((folder / "adapter_config.json").read_text())
    return load_file(folder / "adapter_model.safetensors"), config


def test_our_merge_is_pefts(adapted):
    base, folder, merged = adapted
    tensors, options = read(folder)
    before = {name: tensor.clone() for name, tensor in base.items()}
    state = merge_lora(base, tensors, read_lora_config(options, "x"))
    assert state.keys() == merged.state_dict().keys()
    changed = [name for name in base if not torch.equal(state[name], base[name])]
    assert len(changed) == 2 * 6, "every matrix of both blocks, nothing else"
    ours, theirs = logits(tiny_bert(2), state), logits(merged)
    assert (ours - theirs).abs().max() < 1e-6
    without = {**state, **base}
    assert (ours - logits(tiny_bert(2), without)).abs().max() > 1e-2, "the adapter must matter"
    # One rounding in ours, several in PEFT's: the weights differ by a few units in the last place.
    for name, tensor in merged.state_dict().items():
        assert (state[name] - tensor).abs().max() <= 4 * 2**-24 * tensor.abs().max()
    assert all(torch.equal(before[name], base[name]) for name in before)


def test_a_merge_is_rounded_once(adapted):
    base, folder, _ = adapted
    tensors, options = read(folder)
    config = read_lora_config(options, "x")
    name = "bert.encoder.layer.1.output.dense.weight"
    a, b = (tensors[f"{PREFIX}{name[:-7]}.lora_{x}.weight"].numpy() for x in "AB")
    exact = base[name].numpy().astype(np.longdouble) + (
        np.longdouble(config.alpha) / config.rank
    ) * (b.astype(np.longdouble) @ a.astype(np.longdouble))
    merged = merge_lora(base, tensors, config)[name].numpy()
    assert merged.dtype == np.float32
    # Correct rounding but for the rare number within 1e-15 of a tie.
    assert np.mean(merged == exact.astype(np.float32)) > 0.999


def test_shipped_adapters_load_and_hold_no_local_path(adapted, tmp_path):
    base, folder, merged = adapted
    for dtype, tolerance in (("float32", 1e-6), ("float16", 2e-2)):
        to = tmp_path / dtype
        config = json.loads((folder / "adapter_config.json").read_text())
        checkpoint = tmp_path / f"checkpoint-{dtype}"
        checkpoint.mkdir()
        config["base_model_name_or_path"] = str(tmp_path)
        (checkpoint / "adapter_config.json").write_text(json.dumps(config))
        (checkpoint / "adapter_model.safetensors").write_bytes(
            (folder / "adapter_model.safetensors").read_bytes()
        )
        wrote = ship_adapter(
            checkpoint, to, {"steps": 3}, {"f1": 61.5}, dtype=dtype, base_hashes=BASE_HASHES
        )
        assert str(tmp_path) not in "".join(p.read_text("latin1") for p in to.iterdir())
        assert read_record(to) == wrote
        assert (wrote.form, wrote.recipe, wrote.results) == ("adapter", {"steps": 3}, {"f1": 61.5})
        state, record = tuned_state(base, to, BASE_HASHES)
        assert record == wrote
        assert (logits(tiny_bert(2), state) - logits(merged)).abs().max() < tolerance
    small, large = (tmp_path / d / "adapter_model.safetensors" for d in ("float16", "float32"))
    assert small.stat().st_size < large.stat().st_size


def drop(key):
    return lambda tensors: tensors.pop(key)


LAYER = f"{PREFIX}bert.encoder.layer.0.output.dense"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (drop(f"{LAYER}.lora_A.weight"), "lacks the tensor .*output.dense.lora_A"),
        (drop(f"{LAYER}.lora_B.weight"), "lacks the tensor .*output.dense.lora_B"),
        (
            lambda t: [t.pop(f"{PREFIX}{name}") for name in HEAD],
            "lacks the saved module qa_outputs",
        ),
        (lambda t: t.update({f"{PREFIX}bert.pooler.weight": torch.ones(2)}), "an unknown tensor"),
        (lambda t: t.update({"lm_head.weight": torch.ones(2)}), "unknown tensor lm_head.weight"),
        (
            lambda t: t.update({f"{LAYER}.lora_A.weight": t[f"{LAYER}.lora_A.weight"].T}),
            "lora_A.weight must have the shape",
        ),
        (lambda t: t[f"{LAYER}.lora_B.weight"].fill_(float("nan")), "not finite numbers"),
        (lambda t: [t.pop(k) for k in list(t) if "lora" in k], "lacks the tensor"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused(adapted, spoil, said):
    base, folder, _ = adapted
    tensors, options = read(folder)
    spoil(tensors)
    with pytest.raises(WeightsError, match=said):
        merge_lora(base, tensors, read_lora_config(options, "x"))


PLAIN = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["dense"]}


@pytest.mark.parametrize(
    "change",
    [
        {"peft_type": "LOHA"},
        {"use_dora": True},
        {"use_rslora": True},
        {"fan_in_fan_out": True},
        {"rank_pattern": {"query": 2}},
        {"alpha_pattern": {"query": 2}},
        {"bias": "all"},
        {"lora_bias": True},
        {"init_lora_weights": "pissa"},
        {"something_of_next_year": {"x": 1}},
        {"r": 0},
        {"r": 1.5},
        {"lora_alpha": 0},
        {"target_modules": ".*dense"},
        {"target_modules": []},
        {"modules_to_save": "qa_outputs"},
    ],
    ids=str,
)
def test_adapters_of_other_kinds_are_refused(change):
    assert read_lora_config(PLAIN, "x").scale == 2.0
    with pytest.raises(WeightsError, match=f"x: .*{next(iter(change))}"):
        read_lora_config({**PLAIN, **change}, "x")


def tuned_from(base, seed=3, spread=0.01):
    torch.manual_seed(seed)
    tuned = {
        name: tensor if "embeddings" in name else tensor + spread * torch.randn_like(tensor)
        for name, tensor in base.items()
    }
    return {**tuned, "qa_outputs.weight": torch.randn(2, 24), "qa_outputs.bias": torch.randn(2)}


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_a_delta_brings_back_the_tuned_weights(dtype, tmp_path):
    base = base_of(tiny_bert(1))
    tuned = tuned_from(base)
    ship_delta(base, tuned, tmp_path, {}, {}, dtype=dtype, base_hashes=BASE_HASHES)
    state, record = tuned_state(base, tmp_path, BASE_HASHES)
    assert record.form == "delta"
    assert state.keys() == tuned.keys()
    stored = load_file(tmp_path / "delta.safetensors")
    assert not any("embeddings" in key for key in stored), "what did not change is not stored"
    for name, target in tuned.items():
        if name not in base:
            assert torch.equal(state[name], target)
            continue
        change = (target.double() - base[name].double()).abs()
        # Round to nearest: half a unit in the last of 11 bits, or half of float16's smallest step.
        bound = change * 2**-11 + 2**-25
        if dtype == "int8" and change.dim() == 2:
            bound = (change.amax(dim=1, keepdim=True) / 127 / 2).expand_as(change) * (1 + 1e-6)
        rounding = target.double().abs() * 2**-23
        assert bool(((state[name].double() - target.double()).abs() <= bound + rounding).all())


def test_an_int8_delta_keeps_rows_that_did_not_change():
    base = {"w": torch.randn(3, 4), "b": torch.zeros(3)}
    tuned = {"w": base["w"].clone(), "b": base["b"] + 1}
    tuned["w"][1] += 0.5
    state = apply_delta(base, delta_between(base, tuned, "int8"), DELTA_FILE)
    assert torch.equal(state["w"][[0, 2]], base["w"][[0, 2]])
    assert torch.allclose(state["w"][1], tuned["w"][1], atol=1e-6)
    assert delta_between(base, base, "int8") == {}


def test_weights_that_are_no_pair_have_no_delta():
    base = {"w": torch.zeros(2, 2)}
    with pytest.raises(WeightsError, match="lack w"):
        delta_between(base, {}, "float16")
    with pytest.raises(WeightsError, match=r"w must have the shape \(2, 2\), found \(2, 3\)"):
        delta_between(base, {"w": torch.zeros(2, 3)}, "float16")
    with pytest.raises(WeightsError, match="not finite"):
        delta_between(base, {"w": torch.full((2, 2), float("inf"))}, "float16")
    with pytest.raises(WeightsError, match="too large for float16"):
        delta_between(base, {"w": torch.full((2, 2), 1e6)}, "float16")


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"delta:x": torch.zeros(2, 2).half()}, "unknown tensor delta:x"),
        ({"whole:w": torch.zeros(2, 2)}, "unknown tensor whole:w"),
        ({"w": torch.zeros(2, 2)}, "unknown tensor w"),
        ({"scale:w": torch.ones(2, 1)}, "unknown tensor scale:w"),
        ({"delta:w": torch.zeros(2, 2)}, "must be torch.float16"),
        ({"delta:w": torch.zeros(2, 2, dtype=torch.int8)}, "must be torch.float16"),
        ({"delta:w": torch.zeros(2, 2).half(), "scale:w": torch.ones(2, 1)}, "must be torch.int8"),
        (
            {"delta:w": torch.zeros(2, 2, dtype=torch.int8), "scale:w": torch.ones(2)},
            r"scale:w must have the shape \(2, 1\)",
        ),
        ({"delta:w": torch.zeros(3, 2).half()}, "w must have the shape"),
        ({"whole:v": torch.zeros(2).half()}, "must be torch.float32"),
        ({"whole:v": torch.full((2,), float("nan"))}, "not finite"),
    ],
)
def test_a_delta_that_does_not_fit_is_refused(tensors, said):
    with pytest.raises(WeightsError, match=f"delta.safetensors: .*{said}"):
        apply_delta({"w": torch.ones(2, 2)}, tensors, DELTA_FILE)


@pytest.fixture
def shipped(tmp_path):
    base = {"w": torch.ones(2, 2)}
    folder = tmp_path / "shipped"
    ship_delta(base, {"w": torch.full((2, 2), 2.0)}, folder, {}, {}, base_hashes=BASE_HASHES)
    return base, folder


def test_an_altered_file_is_named_with_both_hashes(shipped):
    base, folder = shipped
    file = folder / "delta.safetensors"
    expected = read_record(folder).files["delta.safetensors"]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(
        WeightsError, match=f"expected sha256 {expected}, found [0-9a-f]{{64}}"
    ) as x:
        tuned_state(base, folder, BASE_HASHES)
    assert str(file) in str(x.value)


def test_weights_need_their_record_their_base_and_one_form(shipped, tmp_path):
    base, folder = shipped
    with pytest.raises(WeightsError, match="made for another base"):
        tuned_state(base, folder, {"model.safetensors": "2" * 64})
    (folder / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"must hold adapter_model\.safetensors with"):
        tuned_state(base, folder, BASE_HASHES)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "delta.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"but record.json records delta.safetensors"):
        tuned_state(base, folder, BASE_HASHES)
    (folder / "record.json").unlink()
    with pytest.raises(WeightsError, match="no weights are shipped"):
        tuned_state(base, folder, BASE_HASHES)
    with pytest.raises(WeightsError, match="found none of them"):
        write_record(tmp_path, BASE_HASHES, {}, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot read"),
        ("[]", "expected `object`, got `array`"),
        ('{"files": {}, "base": {}, "recipe": {}}', "missing required field `results`"),
        (
            '{"files": {}, "base": {}, "recipe": {}, "results": {}}',
            "files must be adapter_model.safetensors with",
        ),
        (
            json.dumps({"files": SHA, "base": SHA, "recipe": {}, "results": {}}),
            "files must be adapter_model.safetensors with",
        ),
        (
            '{"files": 1, "base": {}, "recipe": {}, "results": {}}',
            "files: expected `object`, got `int`",
        ),
    ],
)
def test_a_record_that_is_none_is_refused(tmp_path, text, said):
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(WeightsError, match=said):
        read_record(tmp_path)


def test_a_truncated_file_is_one_clear_line(tmp_path):
    save_file({"w": torch.ones(8, 8)}, tmp_path / "delta.safetensors")
    content = (tmp_path / "delta.safetensors").read_bytes()
    (tmp_path / "delta.safetensors").write_bytes(content[:40])
    write_record(tmp_path, BASE_HASHES, {}, {})
    with pytest.raises(WeightsError, match="cannot read the tensors"):
        tuned_state({}, tmp_path, BASE_HASHES)
