"""A GGUF file of a tiny random Llama, its weights in 4 and 8 bits, as the real one has them."""

import json

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from transformers import LlamaConfig, LlamaForCausalLM

from tests.tiny_gpt2 import PROSE
from training.tokeniser import learn_bpe

HEADS, KEY_HEADS = 4, 2
_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_PERMUTED = {"self_attn.q_proj": HEADS, "self_attn.k_proj": KEY_HEADS}


def write_gguf(path):
    """Write the file; return the model whose weights it holds, rounded as they are in it."""
    backend = learn_bpe([PROSE], 400)
    model = _model(backend.get_vocab_size())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    _add_sizes(writer, model.config)
    _add_tokeniser(writer, json.loads(backend.to_str())["model"])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            stored = parameter.numpy()
            layer, *rest = name.removeprefix("model.").removesuffix(".weight").split(".", 2)[::-1]
            heads = _PERMUTED.get(layer)
            if heads:
                stored = _permuted(stored, heads)
            called = {"embed_tokens": "token_embd", "norm": "output_norm"}.get(layer)
            called = called or f"blk.{rest[0]}.{_NAMES[layer]}"
            kind = Type.F32 if stored.ndim == 1 else Type.Q8_0 if "embd" in called else Type.Q4_1
            packed = gguf.quants.quantize(stored, kind)
            writer.add_tensor(f"{called}.weight", packed, raw_dtype=kind)
            rounded = {Type.F32: np.copy, Type.Q8_0: _from_8_bits, Type.Q4_1: _from_4_bits}[kind](
                packed
            )
            if heads:
                rounded = _unpermuted(rounded, heads)
            parameter.copy_(torch.from_numpy(rounded))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model


def _model(vocabulary):
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        num_key_value_heads=KEY_HEADS,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.3,  # wide enough for predictions that differ
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LlamaForCausalLM(config).eval()


def _add_sizes(writer, config):
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def _add_tokeniser(writer, bpe):
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.CONTROL, *[gguf.TokenType.NORMAL] * (len(tokens) - 1)]
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in bpe["merges"]])
    for add in (writer.add_bos_token_id, writer.add_unk_token_id, writer.add_pad_token_id):
        add(0)
    writer.add_eos_token_id(len(tokens) - 1)  # not the end of a text, as in the real file


# Llama's files have the two halves of what a head rotates side by side, pair by pair.
def _permuted(weights, heads):
    return weights.reshape(heads, 2, -1, weights.shape[1]).swapaxes(1, 2).reshape(weights.shape)


def _unpermuted(weights, heads):
    return weights.reshape(heads, -1, 2, weights.shape[1]).swapaxes(1, 2).reshape(weights.shape)


# 32 weights a block: a scale, an offset, and 4 bits each, of which the low ones come first.
def _from_4_bits(packed):
    blocks = packed.reshape(-1, 20)
    scale, offset = np.split(blocks[:, :4].copy().view(np.float16).astype(np.float32), 2, axis=1)
    steps = np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], axis=1)
    return (steps * scale + offset).astype(np.float32).reshape(packed.shape[0], -1)


def _from_8_bits(packed):
    blocks = packed.reshape(-1, 34)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    return (blocks[:, 2:].view(np.int8) * scale).astype(np.float32).reshape(packed.shape[0], -1)
