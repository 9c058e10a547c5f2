"""The stages of MobileBERT and GPT-2 compute what the models compute, to the bit, from anywhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from analog_bench.analog.manifest import manifest, prepare
from analog_bench.engine.front import Front
from analog_bench.engine.gpt2_walk import gpt2_walk
from analog_bench.engine.mobilebert_walk import mobilebert_walk
from analog_bench.engine.walk import Walk
from analog_bench.errors import UsageError
from analog_bench.tasks.windows import Batch
from tests import tiny_mobilebert

# Each changes which modules of a block are computed, or from what.
MOBILE = {
    "as it is": {},
    "one bottleneck": {"use_bottleneck_attention": True, "key_query_shared_bottleneck": False},
    "no bottleneck": {"use_bottleneck": False},
    "one network": {"num_feedforward_networks": 1},
    "layer norm": {"normalization_type": "layer_norm", "trigram_input": False},
    "deep": {"num_hidden_layers": 4, "num_attention_heads": 3},
}


def mobile(name: str = "as it is") -> nn.Module:
    return tiny_mobilebert.model_of(**MOBILE[name])


def gpt2(blocks: int = 2, heads: int = 2, **more: object) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(blocks)
        config = GPT2Config(
            vocab_size=60,
            n_positions=32,
            n_embd=24,
            n_layer=blocks,
            n_head=heads,
            initializer_range=0.3,
            bos_token_id=0,
            eos_token_id=0,
            **more,
        )
        return prepare(GPT2LMHeadModel(config).eval())


def text(inputs: int, tokens: int) -> Batch:
    """Blocks of text come without padding."""
    ids = torch.randint(0, 60, (inputs, tokens), generator=torch.Generator().manual_seed(tokens))
    return Batch(tuple(range(inputs)), ids, torch.zeros_like(ids), torch.ones_like(ids))


def answers(model: nn.Module, batch: Batch) -> Tensor:
    with torch.inference_mode():
        out = model(
            input_ids=batch.input_ids,
            token_type_ids=batch.token_type_ids,
            attention_mask=batch.attention_mask,
        )
    return torch.stack([out.start_logits, out.end_logits], dim=-1)


def predictions(model: nn.Module, batch: Batch) -> Tensor:
    with torch.inference_mode():
        return model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits


def resumed_everywhere(walk: Walk, batch: Batch) -> list[Tensor]:
    with torch.inference_mode():
        state = walk.begin(batch)
        outputs = [walk.resume(state, 0)]
        for n, stage in enumerate(walk.stages, start=1):
            state = stage.run(state)
            outputs.append(walk.resume(state, n))
    return outputs


@pytest.mark.parametrize("name", MOBILE)
def test_mobilebert_at_every_boundary(tokens, name):
    model = mobile(name)
    walk = mobilebert_walk(model)
    for batch in tokens.batches:
        wanted = answers(model, batch)
        assert bool(wanted.std() > 0.1)
        outputs = resumed_everywhere(walk, batch)
        assert len(outputs) == len(walk.stages) + 1
        assert all(torch.equal(out, wanted) for out in outputs)


@pytest.mark.parametrize(("blocks", "heads"), [(1, 1), (2, 4), (6, 3)])
@pytest.mark.parametrize(("inputs", "length"), [(1, 32), (3, 9), (2, 1)])
def test_gpt2_at_every_boundary(blocks, heads, inputs, length):
    model = gpt2(blocks, heads)
    batch = text(inputs, length)
    outputs = resumed_everywhere(gpt2_walk(model), batch)
    wanted = predictions(model, batch)
    assert len(outputs) == 2 * blocks + 3
    assert all(torch.equal(out, wanted) for out in outputs)


@pytest.mark.parametrize(
    "options", [{"scale_attn_by_inverse_layer_idx": True}, {"activation_function": "relu"}]
)
def test_options_of_gpt2_count(options):
    batch = text(2, 12)
    model = gpt2(**options)
    wanted = predictions(model, batch)
    assert torch.equal(resumed_everywhere(gpt2_walk(model), batch)[2], wanted)
    assert not torch.equal(predictions(gpt2(), batch), wanted)


def test_gpt2_does_not_look_ahead():
    walk, batch = gpt2_walk(gpt2()), text(2, 12)
    ids = batch.input_ids.clone()
    ids[:, 8] = (ids[:, 8] + 1) % 60
    before, after = (resumed_everywhere(walk, b)[0] for b in (batch, replace(batch, input_ids=ids)))
    assert torch.equal(before[:, :8], after[:, :8])
    assert not torch.equal(before[:, 8:], after[:, 8:])


def test_gpt2_with_an_attention_that_needs_a_mask_is_refused():
    model = gpt2()
    model.set_attn_implementation("eager")
    with pytest.raises(UsageError, match="'sdpa' only, found 'eager'"):
        gpt2_walk(model)


def test_padding_is_not_attended_to_but_is_a_neighbour(tokens):
    """Of padding MobileBERT's last token sees the first, through its trigram embedding alone."""
    batch = tokens.batches[1]
    last = batch.attention_mask.sum(dim=1)
    places = torch.arange(batch.input_ids.shape[1])
    walk = mobilebert_walk(mobile())

    def logits(first_padded: int) -> Tensor:
        beyond = places >= (last + first_padded)[:, None]
        ids = torch.where(beyond, 13, batch.input_ids)
        return resumed_everywhere(walk, replace(batch, input_ids=ids))[0]

    kept = batch.attention_mask.bool()
    before = resumed_everywhere(walk, batch)[0]
    assert torch.equal(logits(1)[kept], before[kept])
    assert not torch.equal(logits(1), before)
    assert not torch.equal(logits(0)[kept], before[kept])


WALKED = [(mobile, mobilebert_walk), (gpt2, gpt2_walk)]


@pytest.mark.parametrize(("make", "cut"), WALKED)
def test_every_layer_is_in_exactly_one_stage_in_order(make, cut):
    model = make()
    walk, layers = cut(model), manifest(model)
    counted = Counter(path for stage in walk.stages for path in stage.layers)
    assert counted == dict.fromkeys([layer.path for layer in layers], 1)
    places = [walk.first_stage([layer.path]) for layer in layers]
    assert places == sorted(places)
    assert set(places) == set(range(len(walk.stages)))


@pytest.mark.parametrize(("make", "cut"), WALKED)
def test_any_order_of_moves_gives_the_same_outputs(make, cut, tokens):
    batches = [text(3, 9), text(2, 5)] if cut is gpt2_walk else tokens.batches
    walk = cut(make())
    front = Front(walk, batches)
    front.move_to(0)
    wanted = list(front.outputs())
    for stage in (3, 3, 5, 2, 0, len(walk.stages) - 1, 4):
        front.move_to(stage)
        assert all(torch.equal(a, b) for a, b in zip(front.outputs(), wanted, strict=True))


def test_gpt2_keeps_one_hidden_state_a_token():
    walk = gpt2_walk(gpt2())
    with torch.inference_mode():
        state = walk.begin(text(3, 9))
        for stage in walk.stages[:-1]:
            state = stage.run(state)
            assert {name: value.shape for name, value in state.items()} == {"hidden": (3, 9, 24)}
