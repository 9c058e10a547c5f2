"""The layer names computed from numbers are the modules that real models call, in that order."""

import json
import subprocess
import sys

import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    GPT2Config,
    GPT2LMHeadModel,
    MobileBertConfig,
    MobileBertForQuestionAnswering,
)
from transformers.models.mobilebert.modeling_mobilebert import NoNorm
from transformers.pytorch_utils import Conv1D

from analog_bench.codec import convert
from analog_bench.errors import UsageError, WeightsError
from analog_bench.zoo.architecture import Architecture, architecture_of
from analog_bench.zoo.layers import layer_name, layer_names, module_path

KINDS = {
    nn.Embedding: "embedding",
    nn.LayerNorm: "norm",
    NoNorm: "norm",
    nn.Linear: "matmul",
    Conv1D: "matmul",
}
TINY = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 40}
MOBILE = {**TINY, "num_hidden_layers": 2, "embedding_size": 8, "intra_bottleneck_size": 12}
MOBILE_PLAIN = {**MOBILE, "use_bottleneck": False, "embedding_size": 16, "trigram_input": False}
GPT2 = {"n_embd": 16, "n_head": 2, "n_positions": 32, "vocab_size": 40}

MODELS = {
    "bert-1": (BertForQuestionAnswering, BertConfig, {**TINY, "num_hidden_layers": 1}),
    "bert-3": (BertForQuestionAnswering, BertConfig, {**TINY, "num_hidden_layers": 3}),
    "gpt2-1": (GPT2LMHeadModel, GPT2Config, {**GPT2, "n_layer": 1}),
    "gpt2-3": (GPT2LMHeadModel, GPT2Config, {**GPT2, "n_layer": 3, "n_inner": 20}),
} | {
    f"mobilebert-{name}": (MobileBertForQuestionAnswering, MobileBertConfig, numbers)
    for name, numbers in {
        "usual": MOBILE,
        "layer-norm": {**MOBILE, "normalization_type": "layer_norm"},
        "one-ffn": {**MOBILE, "num_feedforward_networks": 1},
        "no-bottleneck": MOBILE_PLAIN,
        "trigram-only": {**MOBILE_PLAIN, "trigram_input": True},
        "narrow-embedding": {**MOBILE_PLAIN, "embedding_size": 8},
        "all-from-bottleneck": {**MOBILE, "use_bottleneck_attention": True},
        "queries-not-shared": {
            **MOBILE,
            "key_query_shared_bottleneck": False,
            "intra_bottleneck_size": 16,
        },
    }.items()
}


def called_modules(model):
    """Run the model once; return (path, kind) of the modules with weights, in calling order."""
    called = []
    for path, module in model.named_modules():
        if type(module) in KINDS:
            module.register_forward_hook(
                lambda m, _in, _out, path=path: called.append((path, KINDS[type(m)]))
            )
    with torch.no_grad():
        model.eval()(input_ids=torch.arange(12).view(2, 6))
    return called


@pytest.mark.parametrize("which", MODELS)
def test_names_are_the_modules_that_are_called_in_that_order(which):
    model_class, config_class, numbers = MODELS[which]
    model = model_class(config_class(**numbers))
    saved = {**model.config.to_dict(), "architectures": [model_class.__name__]}
    architecture = architecture_of(json.loads(json.dumps(saved, default=str)), which)
    layers = layer_names(architecture)
    family = architecture.family
    assert [(module_path(family, x.name), x.kind) for x in layers] == called_modules(model)
    for layer in layers:
        assert layer_name(family, module_path(family, layer.name)) == layer.name
        inside = [int(part) for part in layer.name.split(".")[:3] if part.isdigit()]
        assert layer.block == (inside[0] if inside else None)


@pytest.mark.parametrize("which", MODELS)
def test_an_architecture_survives_json(which):
    model_class, config_class, numbers = MODELS[which]
    saved = {**config_class(**numbers).to_dict(), "architectures": [model_class.__name__]}
    architecture = architecture_of(saved, which)
    node = json.loads(json.dumps(architecture.as_json()))
    assert convert(node, Architecture) == architecture


def test_mobilebert_defaults_are_those_of_transformers():
    full = {**MobileBertConfig().to_dict(), "architectures": ["MobileBertForQuestionAnswering"]}
    sparse = {
        key: full[key] for key in ("model_type", "architectures", *TINY, "max_position_embeddings")
    } | {"num_hidden_layers": full["num_hidden_layers"]}
    assert architecture_of(sparse, "sparse") == architecture_of(full, "full")


BERT = {
    **TINY,
    "model_type": "bert",
    "architectures": ["BertForQuestionAnswering"],
    "num_hidden_layers": 2,
    "max_position_embeddings": 32,
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "t5"}, "model_type 't5' is not supported"),
        ({"architectures": ["BertForMaskedLM"]}, "must name BertForQuestionAnswering"),
        ({"architectures": None}, "must name BertForQuestionAnswering"),
        ({"is_decoder": True}, "is_decoder = True is not supported"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type = 'relative_key'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be a number above 0, found 0"),
        ({"hidden_size": None}, "hidden_size must be a number above 0, found None"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "2 outputs"),
    ],
)
def test_configurations_that_would_be_misread_are_refused(change, said):
    assert architecture_of(BERT, "good").blocks == 2
    with pytest.raises(WeightsError, match=said):
        architecture_of({**BERT, **change}, "config.json")


def test_a_path_outside_the_model_has_no_layer_name():
    assert layer_name("gpt2", "lm_head") == "lm_head"
    for path in ("encoder.layer.0", "bert.", "bertha.x"):
        with pytest.raises(UsageError, match="is no module of a bert model"):
            layer_name("bert", path)


def test_importing_specs_imports_nothing_heavy():
    code = (
        "import sys, analog_bench.zoo.specs, analog_bench.zoo.record\n"
        "heavy = {'torch', 'transformers', 'huggingface_hub', 'numpy', 'safetensors'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
