"""A GPT-2 of a few kilobytes with a real byte-level tokeniser, for tests."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from analog_bench.zoo.model_builder import observe
from analog_bench.zoo.model_specs import ModelSpec
from analog_bench.zoo.tokenizer import make_tokenizer
from training.tokeniser import learn_bpe

PROSE = (
    "The fox saw a red barn near the old mill, and the green pond by the blue gate. "
    "Nine geese — all of them grey — slept there; nobody's dog barked.\n\n"
    "In Zürich the trams run until one o'clock. A ticket costs 4.40 francs, about £3.90.\n"
) * 6


def tokenizer_of(text=PROSE, vocabulary=400, positions=64):
    return make_tokenizer(learn_bpe([text], vocabulary), positions)


def config_of(tokenizer, positions=64, **changes):
    sizes = {"n_positions": positions, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_inner": 64}
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    drops = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    config = GPT2Config(vocab_size=len(tokenizer), **{**sizes, **ends, **drops, **changes})
    config.architectures = ["GPT2LMHeadModel"]
    return config


def spec_of(tokenizer, positions=64):
    return ModelSpec("tiny", "embedded", None, observe(config_of(tokenizer, positions), "tiny"))


def model_of(tokenizer, seed=0, positions=64, scale=4.0):
    """Return a random model; a larger scale than GPT-2's makes its predictions differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GPT2LMHeadModel(config_of(tokenizer, positions))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter.mul_(scale)
    return model.eval()
