"""A BERT that gives labels, of a few kilobytes, with the embedded BERT's tokeniser, for tests."""

import torch
from transformers import BertConfig, BertForSequenceClassification

from analog_bench.zoo.minilm_base import find_base
from analog_bench.zoo.model_builder import observe
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.model_specs import ModelSpec
from analog_bench.zoo.tokenizer import read_tokenizer

QNLI = ("entailment", "not_entailment")


def config_of(labels=QNLI, **changes):
    sizes = {
        "vocab_size": 30522,
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 128,
        # Larger than usual, so that texts get different labels.
        "initializer_range": 0.5,
    }
    config = BertConfig(**{**sizes, "id2label": dict(enumerate(labels)), **changes})
    config.architectures = ["BertForSequenceClassification"]
    return config


def classifier(labels=QNLI, **changes):
    """Return a small random classifier, loaded; the same one at each call."""
    config = config_of(labels, **changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        model = BertForSequenceClassification._from_config(config, attn_implementation="sdpa")
    spec = ModelSpec("tiny", "embedded", None, observe(config, "tiny"))
    tokenizer = read_tokenizer(find_base().tokenizer, config.max_position_embeddings)
    return LoadedModel(spec, model.eval(), tokenizer, "a" * 64)
