"""What is recorded of models: the layers that real ones call, in that order; sizes and task."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from transformers import AutoConfig
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.mistral.modeling_mistral import MistralRMSNorm
from transformers.models.mobilebert.modeling_mobilebert import NoNorm
from transformers.models.opt.modeling_opt import OPTLearnedPositionalEmbedding
from transformers.models.phi3.modeling_phi3 import Phi3RMSNorm
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm
from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm
from transformers.pytorch_utils import Conv1D

from analog_bench.codec import convert, indented, parse, plain
from analog_bench.errors import WeightsError
from analog_bench.zoo.model_builder import observe
from analog_bench.zoo.model_config import CONFIG, read_config
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import EMBEDDED, find_embedded
from analog_bench.zoo.model_structure import Structure
from analog_bench.zoo.weight_record import WEIGHTS
from tests.architectures import DECODERS, ENCODERS, NAMES, config_of, model_of

KINDS = {
    nn.Embedding: "embedding",
    OPTLearnedPositionalEmbedding: "embedding",
    nn.LayerNorm: "norm",
    **dict.fromkeys(
        (LlamaRMSNorm, MistralRMSNorm, Phi3RMSNorm, Qwen2RMSNorm, Qwen3RMSNorm), "norm"
    ),
    NoNorm: "norm",
    nn.Linear: "matmul",
    Conv1D: "matmul",
}
T5 = {"architectures": ["T5ForQuestionAnswering"], "decoder_start_token_id": 0}
NO_BOTTLENECK = {"use_bottleneck": False, "embedding_size": 24, "trigram_input": False}
# Each changes which modules of a MobileBERT are computed.
MOBILE = {
    "layer-norm": {"normalization_type": "layer_norm"},
    "one-ffn": {"num_feedforward_networks": 1},
    "no-bottleneck": NO_BOTTLENECK,
    "trigram-only": {**NO_BOTTLENECK, "trigram_input": True},
    "narrow-embedding": {**NO_BOTTLENECK, "embedding_size": 8},
    "all-from-bottleneck": {"use_bottleneck_attention": True},
    "queries-not-shared": {"key_query_shared_bottleneck": False, "intra_bottleneck_size": 24},
}
MODELS = [
    *((name, {}) for name in NAMES),
    *(("mobilebert", changes) for changes in MOBILE.values()),
]
IDS = [*NAMES, *(f"mobilebert-{name}" for name in MOBILE)]


def called_modules(model):
    """Run the model once; return (path, kind) of the modules with weights, in calling order."""
    called = {}
    for path, module in model.named_modules():
        if type(module) in KINDS:
            module.register_forward_hook(
                lambda m, _in, _out, path=path: called.setdefault(path, KINDS[type(m)]) and None
            )
    with torch.no_grad():
        model(input_ids=torch.arange(12).view(2, 6))
    return list(called.items())


@pytest.mark.parametrize(("name", "changes"), MODELS, ids=IDS)
def test_layers_are_the_modules_that_are_called_in_that_order(name, changes):
    structure = observe(config_of(name, **changes), name)
    assert [(layer.path, layer.kind) for layer in structure.layers] == called_modules(
        model_of(name, **changes)
    )
    assert structure.family == name
    assert structure.task == ("qa" if name in ENCODERS else "lm")
    for layer in structure.layers:
        assert layer.path in (layer.name, f"{structure.base}.{layer.name}")
        inside = [int(part) for part in layer.path.split(".") if part.isdigit()]
        assert layer.block == (inside[0] if inside else None)
    assert convert(parse(indented(plain(structure))), Structure) == structure


@pytest.mark.parametrize("name", DECODERS)
def test_what_a_configuration_says_of_padding_and_caches_changes_nothing(name):
    usual = observe(config_of(name), name)
    for changes in ({"pad_token_id": 3}, {"use_cache": False}, {"pad_token_id": 59}):
        config = config_of(name, **changes)
        before = config.to_dict()
        assert observe(config, name) == usual
        assert config.to_dict() == before


# Others compute any number of tokens: their positions are relative.
LEARNT = [*(name for name in ENCODERS if name != "deberta-v2"), "gpt2", "opt"]


@pytest.mark.parametrize("name", LEARNT)
def test_positions_are_the_tokens_that_a_model_takes(name):
    structure, model = observe(config_of(name), name), model_of(name)
    assert structure.vocabulary == 60
    model(input_ids=torch.ones(1, structure.positions, dtype=torch.long))
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.ones(1, structure.positions + 1, dtype=torch.long))


@pytest.mark.parametrize("name", EMBEDDED)
def test_what_is_recorded_of_embedded_models_is_what_they_are(name):
    spec = find_embedded(name)
    config = read_config(WEIGHTS / name / CONFIG, name)
    assert spec.structure == observe(config, name)
    loaded = load(spec, lock_path=None)
    assert [(layer.path, layer.kind) for layer in spec.layers] == called_modules(loaded.model)
    assert len(loaded.tokenizer) == spec.structure.vocabulary


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("bert", {"architectures": ["BertForMaskedLM"]}, "must name BertForQuestionAnswering or"),
        ("bert", {"architectures": None}, "must name BertForQuestionAnswering or BertLMHeadModel"),
        ("vit", {"architectures": ["ViTModel"]}, "must name none of this family"),
        ("bert", {"id2label": {0: "a", 1: "b", 2: "c"}}, r"id2label is \{.*too many values"),
        ("bert", {"hidden_size": 25}, "hidden_size is 25: The hidden size"),
        ("bloom", {"architectures": ["BloomForCausalLM"]}, "max_position_embeddings must be"),
        ("t5", T5, "max_position_embeddings must be a number above 0, found None"),
    ],
)
def test_models_that_cannot_be_measured_are_refused(name, changes, said):
    sizes = {**ENCODERS, **DECODERS}.get(name, {})
    heads = {"architectures": ["BertForQuestionAnswering"]}
    config = AutoConfig.for_model(name, **{**sizes, **heads, **changes})
    with pytest.raises(WeightsError, match=said) as caught:
        observe(config, "the model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot read x: .*JSON"),
        ("[]", "x is not an object"),
        ('{"model_type": "brt"}', "no model_type 'brt'; did you mean 'bert'"),
        ('{"model_type": null}', "no model_type None"),
        ('{"model_type": "bert", "hidden_size": "x"}', 'x: hidden_size is "x": .*expected int'),
    ],
)
def test_a_configuration_that_is_none_is_refused(tmp_path, text, said):
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(WeightsError, match=said):
        read_config(tmp_path / CONFIG, "x")


def test_importing_specs_imports_nothing_heavy():
    code = (
        "import sys, analog_bench.zoo.model_specs, analog_bench.zoo.weight_record\n"
        "heavy = {'torch', 'transformers', 'huggingface_hub', 'numpy', 'safetensors'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
