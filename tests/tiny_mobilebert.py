"""A MobileBERT of a few kilobytes with all of its structure, for tests."""

import torch
from transformers import MobileBertConfig, MobileBertForQuestionAnswering


def model_of(vocabulary=60, positions=32, seed=0, **changes):
    """Return a random model of two blocks; `changes` are options of its configuration."""
    options = {
        "vocab_size": vocabulary,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 20,
        "max_position_embeddings": positions,
        "embedding_size": 10,
        "intra_bottleneck_size": 12,
        "num_feedforward_networks": 3,
        # Larger than usual, so that noise in any layer shows in the logits.
        "initializer_range": 0.3,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MobileBertForQuestionAnswering(MobileBertConfig(**{**options, **changes}))
    return model.eval()
