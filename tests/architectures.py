"""Small random models of many architectures, as transformers builds them from a configuration."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForQuestionAnswering
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
)

_ENCODER = {
    "vocab_size": 60,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 40,
    # Larger than usual, so that noise in any layer shows in the logits.
    "initializer_range": 0.3,
}
_DECODER = {"vocab_size": 60, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None}
_GROUPED = {**_ENCODER, **_DECODER, "num_key_value_heads": 1}
ENCODERS: dict[str, dict[str, Any]] = {
    "bert": _ENCODER,
    "roberta": {**_ENCODER, "type_vocab_size": 2, "pad_token_id": 0},
    "distilbert": {
        "vocab_size": 60,
        "dim": 24,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dim": 40,
        "max_position_embeddings": 40,
        "initializer_range": 0.3,
    },
    "electra": {**_ENCODER, "embedding_size": 16},
    "albert": {**_ENCODER, "embedding_size": 16, "num_hidden_layers": 3},
    "mobilebert": {
        **_ENCODER,
        "embedding_size": 16,
        "intra_bottleneck_size": 12,
        "num_feedforward_networks": 2,
    },
    "deberta-v2": {
        **_ENCODER,
        "type_vocab_size": 0,
        "position_biased_input": False,
        "relative_attention": True,
        "position_buckets": 8,
        "pos_att_type": ["p2c", "c2p"],
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
    },
}
DECODERS: dict[str, dict[str, Any]] = {
    "gpt2": {
        **_DECODER,
        "n_embd": 24,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 40,
        "initializer_range": 0.3,
    },
    "gpt_neox": {**_ENCODER, **_DECODER},
    "llama": _GROUPED,
    "mistral": _GROUPED,
    "phi3": _GROUPED,
    "qwen2": {**_GROUPED, "tie_word_embeddings": True},
    "qwen3": {**_GROUPED, "head_dim": 8},
    "opt": {
        **_DECODER,
        "hidden_size": 24,
        "word_embed_proj_dim": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "ffn_dim": 40,
        "max_position_embeddings": 40,
        "init_std": 0.3,
    },
}
NAMES = (*ENCODERS, *DECODERS)
_HEADS = dict.fromkeys(ENCODERS, MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES)
_HEADS |= dict.fromkeys(DECODERS, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def config_of(name: str, **changes: Any) -> Any:
    """Return the configuration of a small model, with the name of its head."""
    sizes = {**ENCODERS, **DECODERS}[name]
    heads = {"architectures": [_HEADS[name][name]]}
    return AutoConfig.for_model(name, **{**sizes, **heads, **changes})


def model_of(name: str, **changes: Any) -> nn.Module:
    """Return a small random model, in evaluation mode; the same one at each call."""
    config = config_of(name, **changes)
    head = AutoModelForQuestionAnswering if name in ENCODERS else AutoModelForCausalLM
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model: nn.Module = head.from_config(config).eval()
    return model
