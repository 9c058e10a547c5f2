"""Shapes, observed without weights, against torch's own count of what the real models compute."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from analog_bench.analog.layer_manifest import manifest
from analog_bench.planning.shape_tracing import trace
from analog_bench.zoo.model_builder import runnable_outline, task_of
from tests.architectures import NAMES, config_of, model_of

TOKENS = 12


@pytest.mark.parametrize("name", NAMES)
def test_all_that_is_multiplied_is_counted(name):
    model = model_of(name)
    shape = trace(runnable_outline(model.config, task_of(model.config, name)), TOKENS)
    # Its layers are those of a real pass, in that order and of those sizes.
    real = manifest(model)
    assert [layer.name for layer in shape.layers] == [layer.name for layer in real]
    assert [layer.weights for layer in shape.layers] == [layer.weights for layer in real]
    model.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=torch.zeros(1, TOKENS, dtype=torch.long))
    assert shape.macs == counter.get_total_flops() // 2
    assert shape.attention_macs > 0
    assert shape.exponentials == exponentials(model.config)


def exponentials(config):
    return config.num_hidden_layers * config.num_attention_heads * TOKENS**2


def test_blocks_that_share_layers_compute_them_several_times():
    config = config_of("albert")
    shape = trace(runnable_outline(config, "qa"), TOKENS)
    vectors = {x.vectors for x in shape.layers if x.block is not None}
    assert vectors == {TOKENS * config.num_hidden_layers}


def test_keys_that_heads_share_are_held_once():
    config = config_of("llama")
    shape = trace(runnable_outline(config, "lm"), TOKENS)
    width = config.hidden_size // config.num_attention_heads * config.num_key_value_heads
    assert shape.cached == 2 * TOKENS * width * config.num_hidden_layers
