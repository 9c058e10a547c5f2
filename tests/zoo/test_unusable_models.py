"""Models of the hub that cannot be measured: one line says so, before anything is."""

import json
import struct

import pytest
import torch

from analog_bench.errors import BenchError
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.model_builder import observe
from analog_bench.zoo.model_config import CONFIG, read_config
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import find
from tests.tiny_hub import (
    BERT,
    COMMIT,
    GPT2,
    WEIGHTS,
    cached_bert,
    cached_gpt2,
    lock_snapshot,
    with_json,
    with_tensors,
)

QUERY = "bert.encoder.layer.0.attention.self.query.weight"
EMBEDDING = "transformer.wte.weight"


def load_cached(folder, hub_id=BERT):
    lock = folder / "zoo.lock.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "hub"))
        return load(find(hub_id, "hub", read_lock(lock)), lock_path=lock)


def refusal(folder, hub_id=BERT):
    with pytest.raises(BenchError) as caught:
        load_cached(folder, hub_id)
    text = str(caught.value)
    assert text.startswith((hub_id, f"the weights of {hub_id} (model.safetensors)"))
    assert "\n" not in text
    return text


def as_config(**fields):
    return with_json(CONFIG, **fields)


def changed_gpt2(folder, change):
    """Change a GPT-2 and lock it again, as a download that was locked so would be."""
    cached_gpt2(folder)
    snapshot = next((folder / "hub").glob(f"*/snapshots/{COMMIT}"))
    structure = read_lock(folder / "zoo.lock.json").models[GPT2].structure
    change(snapshot)
    lock_snapshot(folder, GPT2, structure)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"hidden_act": "gleu"}, 'hidden_act is "gleu": '),
        ({"hidden_act": 5}, "hidden_act is 5: "),
        ({"num_attention_heads": 3}, "The hidden size (16) is not a multiple of the number of"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0: "),
        ({"num_attention_heads": -2}, "num_attention_heads is -2: "),
        ({"id2label": 5}, "id2label is 5: "),
        ({"id2label": {"x": "a"}}, 'id2label is {"x": "a"}: '),
        ({"num_labels": 3}, 'id2label is {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}: '),
        ({"num_labels": 10**9}, "num_labels is 1000000000, and at most 10000 are measured"),
        ({"hidden_size": "16"}, 'hidden_size is "16": '),
        ({"hidden_size": -16}, "hidden_size is -16: "),
        ({"intermediate_size": [24]}, "intermediate_size is [24]: "),
        ({"vocab_size": None}, "vocab_size is null: "),
        ({"max_position_embeddings": 0}, "max_position_embeddings is 0: "),
        ({"layer_norm_eps": "small"}, 'layer_norm_eps is "small": '),
        ({"hidden_dropout_prob": 7}, "hidden_dropout_prob is 7: "),
        ({"pad_token_id": 10**6}, "pad_token_id is 1000000: "),
        ({"dtype": "float33"}, 'dtype is "float33": '),
        ({"dtype": "load"}, 'dtype is "load": '),
        ({"auto_map": 5}, "auto_map is 5, and must be left out: it names code beside"),
        ({"to_dict": 5}, "to_dict is 5: "),
        ({"architectures": 5}, "architectures must name BertForQuestionAnswering or"),
        ({"architectures": [["BertForQuestionAnswering"]]}, "architectures must name"),
        ({"num_hidden_layers": 100_000}, "num_hidden_layers is 100000, and at most 10000"),
        ({"num_hidden_layers": 5_000}, "num_hidden_layers is 5000: the model has more than"),
        ({"quantization_config": {"quant_method": "x"}}, 'quantization_config is {"quant_method"'),
        ({"quantization_config": {}}, "quantization_config is {}, and must be left out"),
        ({"compression_config": 5}, "compression_config is 5, and must be left out"),
        ({"return_dict": False}, "return_dict is false, and must be true or left out"),
        ({"output_hidden_states": True}, "output_hidden_states is true, and must be false or"),
        ({"output_attentions": True}, "output_attentions is true, and must be false or left out"),
        ({"chunk_size_feed_forward": 3}, "chunk_size_feed_forward is 3, and must be 0 or left"),
        ({"transformers_weights": "b.safetensors"}, 'transformers_weights is "b.safetensors", and'),
    ],
    ids=str,
)
def test_a_configuration_that_cannot_be_measured_names_the_field(tmp_path, fields, why):
    cached_bert(tmp_path, as_config(**fields))
    text = refusal(tmp_path)
    assert text.startswith(f"{BERT}: {CONFIG}: ")
    assert why in text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"hidden_size": 10**9}, "hidden_size is 1000000000: a model of "),
        ({"intermediate_size": 10**12}, "intermediate_size is 1000000000000: a model of "),
        ({"num_hidden_layers": 1}, "bert.encoder.layer.1.attention.output.LayerNorm.bias is unk"),
        ({"num_hidden_layers": -1}, "bert.encoder.layer.0.attention.output.LayerNorm.bias is unk"),
        ({"num_hidden_layers": 3}, "bert.encoder.layer.2.attention.output.LayerNorm.bias is miss"),
        ({"type_vocab_size": 3}, "has the shape (2, 16), and (3, 16) by its config.json"),
        ({"max_position_embeddings": 10**9}, "max_position_embeddings is 1000000000: a model of "),
        ({"layer_norm_eps": -1.0}, "computes values that are not finite numbers"),
    ],
    ids=str,
)
def test_a_configuration_that_its_weights_contradict(tmp_path, fields, why):
    lock = cached_bert(tmp_path, as_config(**fields))
    config = next(lock.parent.glob(f"hub/*/snapshots/*/{CONFIG}"))
    lock_snapshot(tmp_path, BERT, observe(read_config(config, BERT), BERT))
    assert why in refusal(tmp_path)


@pytest.mark.parametrize("fields", [{"num_hidden_layers": 1}, {"max_position_embeddings": 63}])
def test_a_configuration_that_the_lock_file_contradicts(tmp_path, fields):
    cached_bert(tmp_path, as_config(**fields))
    assert f"add it again: `analog-bench zoo add {BERT} --revision {COMMIT}`" in refusal(tmp_path)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, "vocab.txt"])
def test_a_lock_file_that_lacks_a_file(tmp_path, name):
    cached_bert(tmp_path, lambda snapshot: (snapshot / name).unlink())
    assert "add it again" in refusal(tmp_path)


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int64", "bool", "complex64", "float8_e4m3fn", "float8_e5m2"]
)
@pytest.mark.parametrize("prefix", ["bert.", ""])
def test_weights_of_other_types_than_floats_are_refused(tmp_path, dtype, prefix):
    def cast(tensors):
        cast = {**tensors, QUERY: (100 * tensors[QUERY]).to(getattr(torch, dtype))}
        return {name.replace("bert.", prefix): tensor for name, tensor in cast.items()}

    cached_bert(tmp_path, with_tensors(cast))
    name = QUERY.replace("bert.", prefix)
    assert f"{name} is stored as {dtype}, and only float32, float16" in refusal(tmp_path)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_weights_of_other_floats_are_read(tmp_path, dtype):
    def cast(tensors):
        counter = {"bert.embeddings.position_ids": torch.arange(64)[None]}
        return {name: t.to(getattr(torch, dtype)) for name, t in tensors.items()} | counter

    cached_bert(tmp_path, with_tensors(cast))
    assert {p.dtype for p in load_cached(tmp_path).model.parameters()} == {torch.float32}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    def spoil(tensors):
        spoiled = tensors[QUERY].double()
        spoiled[3, 5] = value
        return {**tensors, QUERY: spoiled}

    cached_bert(tmp_path, with_tensors(spoil))
    assert f"hold values in {QUERY} that are not finite" in refusal(tmp_path)


def with_header(header, body=b""):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return lambda s: (s / WEIGHTS).write_bytes(struct.pack("<Q", len(raw)) + raw + body)


@pytest.mark.parametrize(
    "change",
    [
        lambda snapshot: (snapshot / WEIGHTS).write_bytes(b""),
        lambda snapshot: torch.save({"a": 1}, snapshot / WEIGHTS),
        with_header([1]),
        with_header({"a": {"dtype": "F6_E2M3", "shape": [4], "data_offsets": [0, 3]}}, b"123"),
        with_header({"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4]}}, b"1234"),
        with_header({"a": {"dtype": "F32", "shape": [0, 2**63], "data_offsets": [0, 0]}}),
    ],
)
def test_weights_in_no_file_of_weights(tmp_path, change):
    cached_bert(tmp_path, change)
    with pytest.raises(
        BenchError, match=r"^cannot read the tensors in .*model\.safetensors: "
    ) as x:
        load_cached(tmp_path)
    assert "\n" not in str(x.value)


def test_weights_that_no_head_needs_may_be_there_but_none_of_a_block(tmp_path):
    pooler = {"bert.pooler.dense.weight": torch.ones(16, 16)}
    cached_bert(tmp_path / "pooler", with_tensors(lambda tensors: tensors | pooler))
    load_cached(tmp_path / "pooler")
    name = "bert.encoder.layer.0.attention.self.distance_embedding.weight"
    cached_bert(tmp_path / "more", with_tensors(lambda t: t | {name: torch.ones(127, 8)}))
    assert f"{name} is unknown to it" in refusal(tmp_path / "more")


def own_head(tensors):
    return tensors | {"lm_head.weight": 2 * tensors[EMBEDDING]}


@pytest.mark.parametrize(
    ("tied", "edit", "why"),
    [
        (True, own_head, "hold a lm_head.weight of its own, which config.json ties to another"),
        (False, lambda tensors: tensors, "lm_head.weight is missing"),
        (True, lambda t: t | {"lm_head.weight": t[EMBEDDING].char()}, "lm_head.weight is stored"),
    ],
)
def test_a_head_that_is_tied_and_is_not(tmp_path, tied, edit, why):
    def change(snapshot):
        as_config(tie_word_embeddings=tied)(snapshot)
        with_tensors(edit)(snapshot)

    changed_gpt2(tmp_path, change)
    assert why in refusal(tmp_path, GPT2)


@pytest.mark.parametrize(
    ("tied", "edit"),
    [(True, lambda t: t | {"lm_head.weight": t[EMBEDDING].clone()}), (False, own_head)],
)
def test_a_head_that_agrees_is_read(tmp_path, tied, edit):
    def change(snapshot):
        as_config(tie_word_embeddings=tied, use_cache=False)(snapshot)
        with_tensors(edit)(snapshot)

    changed_gpt2(tmp_path, change)
    model = load_cached(tmp_path, GPT2).model
    share = model.lm_head.weight.data_ptr() == model.transformer.wte.weight.data_ptr()
    assert share == tied


def test_token_types_that_the_model_cannot_tell_apart(tmp_path):
    cached_bert(tmp_path / "one", type_vocab_size=1)
    load_cached(tmp_path / "one")

    def five_types(snapshot):
        from transformers import BertTokenizerFast

        BertTokenizerFast(vocab=str(snapshot / "vocab.txt")).save_pretrained(snapshot)
        both = [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 5}}]
        post = {"type": "TemplateProcessing", "single": both[:1], "pair": both}
        with_json("tokenizer.json", post_processor={**post, "special_tokens": {}})(snapshot)
        with_json("tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")(snapshot)

    cached_bert(tmp_path / "five", five_types)
    assert "cannot compute 64 tokens" in refusal(tmp_path / "five")
