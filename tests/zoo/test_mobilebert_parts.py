"""What is cut from a MobileBERT computes what the whole does without what is missing."""

import copy

import pytest
import torch

from analog_bench.zoo.mobilebert_parts import SubNetwork, order_by_importance, share, whole
from tests.tiny_mobilebert import model_of

IDS = torch.arange(3, 21).view(2, 9)


def logits(model):
    out = model(input_ids=IDS)
    return torch.stack([out.start_logits, out.end_logits])


@pytest.fixture
def model():
    return model_of(num_hidden_layers=3, num_attention_heads=3)


def test_nothing_is_cut(model):
    part = share(model, whole(model.config))
    assert torch.equal(logits(part), logits(model))
    assert whole(part.config) == whole(model.config) == SubNetwork((3, 3, 3), 3, 20)


def test_order_changes_nothing_that_is_computed(model):
    before = logits(model)
    order_by_importance(model)
    torch.testing.assert_close(logits(model), before, rtol=1e-4, atol=1e-3)
    for block in model.mobilebert.encoder.layer:
        into, out = block.intermediate.dense.weight, block.output.dense.weight
        units = into.norm(dim=1) * out.norm(dim=0)
        assert torch.equal(units, units.sort(descending=True).values)


def test_heads_and_units_are_missing(model):
    part = share(model, SubNetwork((3, 3, 3), 1, 7))
    with torch.no_grad():
        for block in model.mobilebert.encoder.layer:
            block.attention.output.dense.weight[:, 4:] = 0.0
            for network in (*block.ffn, block):
                network.output.dense.weight[:, 7:] = 0.0
    torch.testing.assert_close(logits(part), logits(model), rtol=1e-4, atol=1e-3)
    sizes = [tuple(p.shape) for n, p in part.named_parameters() if n.endswith("query.weight")]
    assert sizes == [(4, 12)] * 3


def test_blocks_and_feed_forwards_are_missing(model):
    part = SubNetwork((2, 0, 1), 3, 20)
    assert (part.blocks, part.stands_for) == ((0, 2), (1, 2))
    own = share(model, part)
    blocks = model.mobilebert.encoder.layer
    blocks[0].ffn, blocks[2].ffn = blocks[0].ffn[:1], blocks[2].ffn[:0]
    model.mobilebert.encoder.layer = torch.nn.ModuleList([blocks[0], blocks[2]])
    assert torch.equal(logits(own), logits(model))
    assert own.config.num_hidden_layers == 2
    assert str(part) == "201, 3 heads, 20 wide"


def test_gradients_are_those_of_the_whole(model):
    part = SubNetwork((2, 0, 1), 2, 7)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    cut = share(copy.deepcopy(model), part)
    logits(cut).square().sum().backward()
    wanted = cut.mobilebert.encoder.layer[1].output.dense.weight.grad
    for _ in range(2):  # they add up
        logits(share(model, part)).square().sum().backward()
    blocks = model.mobilebert.encoder.layer
    found = blocks[2].output.dense.weight.grad
    torch.testing.assert_close(found[:, :7], 2 * wanted)
    assert not found[:, 7:].any()
    assert not any(p.grad.any() for p in blocks[1].parameters())


def test_noise_is_seen_and_not_kept(model):
    before = copy.deepcopy(model.state_dict())
    part = share(model, whole(model.config), lambda weight: weight + 1.0)
    weight = model.mobilebert.encoder.layer[0].intermediate.dense.weight
    assert torch.equal(part.mobilebert.encoder.layer[0].intermediate.dense.weight, weight + 1.0)
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())


def test_a_copy_shares_nothing(model):
    own = copy.deepcopy(share(model, SubNetwork((3, 0, 3), 2, 7)))
    pointers = {p.data_ptr() for p in model.parameters()}
    assert pointers.isdisjoint({p.data_ptr() for p in own.parameters()})
