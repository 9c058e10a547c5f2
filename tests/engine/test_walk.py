"""The stages compute what the model computes, to the bit, from wherever they are resumed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForQuestionAnswering

from analog_bench.analog.manifest import manifest
from analog_bench.engine.bert_walk import bert_walk
from analog_bench.engine.walk import attention_bias
from analog_bench.tasks.windows import Batch


def whole(model: nn.Module, batch: Batch) -> Tensor:
    with torch.inference_mode():
        out = model(
            input_ids=batch.input_ids,
            token_type_ids=batch.token_type_ids,
            attention_mask=batch.attention_mask,
        )
    return torch.stack([out.start_logits, out.end_logits], dim=-1)


def resumed_everywhere(model: nn.Module, batch: Batch) -> list[Tensor]:
    walk = bert_walk(model)
    with torch.inference_mode():
        state = walk.begin(batch)
        outputs = [walk.resume(state, 0)]
        for n, stage in enumerate(walk.stages, start=1):
            state = stage.run(state)
            outputs.append(walk.resume(state, n))
    return outputs


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("batch", [0, 1, 2])
def test_tiny_models_at_every_boundary(tokens, blocks, heads, batch):
    torch.manual_seed(blocks)
    config = BertConfig(
        vocab_size=60,
        hidden_size=24,
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        intermediate_size=40,
        max_position_embeddings=32,
        initializer_range=0.3,
    )
    model = BertForQuestionAnswering(config).eval()
    wanted = whole(model, tokens.batches[batch])
    outputs = resumed_everywhere(model, tokens.batches[batch])
    assert len(outputs) == 4 * blocks + 3
    assert all(torch.equal(out, wanted) for out in outputs)


def test_embedded_model_at_every_boundary(embedded, questions):
    padded = next(b for b in questions.batches if int(b.attention_mask.min()) == 0)
    outputs = resumed_everywhere(embedded.model, padded)
    wanted = whole(embedded.model, padded)
    assert all(torch.equal(out, wanted) for out in outputs)


def test_padding_is_not_attended_to(tiny, tokens):
    batch = tokens.batches[1]
    other = torch.where(batch.attention_mask == 1, batch.input_ids, 13)
    changed = Batch(batch.windows, other, batch.token_type_ids, batch.attention_mask)
    kept = batch.attention_mask.bool()
    before, after = (resumed_everywhere(tiny, b)[0] for b in (batch, changed))
    assert torch.equal(before[kept], after[kept])
    assert not torch.equal(before, after)


def test_bias_hides_padding_only():
    bias = attention_bias(torch.tensor([[1, 1, 0]]), torch.float32)
    low = torch.finfo(torch.float32).min
    assert bias.shape == (1, 1, 3, 3)
    assert bias[0, 0].tolist() == [[0.0, 0.0, low]] * 3


def test_every_layer_is_in_exactly_one_stage(embedded, tiny):
    for model in (embedded.model, tiny):
        stages = bert_walk(model).stages
        counted = Counter(path for stage in stages for path in stage.layers)
        assert counted == dict.fromkeys([layer.path for layer in manifest(model)], 1)


def test_stages_are_in_the_order_of_computation(embedded):
    walk = bert_walk(embedded.model)
    places = [walk.first_stage([layer.path]) for layer in manifest(embedded.model)]
    assert places == sorted(places)
    assert set(places) == set(range(len(walk.stages)))


def test_first_stage_of_several_layers(tiny):
    walk = bert_walk(tiny)
    assert walk.first_stage(["qa_outputs", "bert.encoder.layer.1.output.dense"]) == 8
    with pytest.raises(KeyError, match="nowhere"):
        walk.first_stage(["qa_outputs", "nowhere"])
