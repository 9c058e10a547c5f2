"""INT8 arithmetic against sums of integers."""

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForQuestionAnswering

from analog_bench.analog.chip import install
from analog_bench.analog.digital_integers import rounded
from analog_bench.errors import UsageError
from analog_bench.noise import Int8

QUERY = "encoder.layer.0.attention.self.query"


@pytest.fixture
def bert():
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=16,
    )  # fmt: skip
    return BertForQuestionAnswering(config).eval()


def query_of(model):
    return model.get_submodule(f"bert.{QUERY}")


def in_integers(layer, x, bits=8):
    """Compute y = W x + b as an integer unit does: sums of whole numbers, then both scales."""
    most = 2 ** (bits - 1) - 1
    weight, x = layer.weight.double(), x.double()
    w_scale = weight.abs().amax(1) / most
    x_scale = x.abs().amax(-1, keepdim=True) / most
    w_whole = (weight / w_scale[:, None]).round().long()
    x_whole = (x / x_scale).round().long()
    assert int(w_whole.abs().max()) == int(x_whole.abs().max()) == most
    return (x_whole @ w_whole.T).double() * x_scale * w_scale + layer.bias


@pytest.mark.parametrize("bits", [8, 4])
def test_a_layer_computes_what_integers_give(bert, bits):
    query, x = query_of(bert), torch.randn(3, 5, 32)
    clean = query(x)
    with install(bert, layers=[QUERY], noise=Int8(bits), chip=0, seed=1) as chip:
        with chip.reading(0):
            found = query(x)
        assert chip.fingerprint == ()
    wanted = in_integers(query, x, bits)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)
    error = float((found - clean).norm() / clean.norm())
    assert (0.002 < error < 0.02) if bits == 8 else error > 0.05
    # The layer is itself again, to the bit.
    assert torch.equal(query(x), clean)
    assert not query._forward_pre_hooks


def test_layers_before_it_learn_through_the_rounding(bert):
    query, x = query_of(bert), torch.randn(3, 32, requires_grad=True)
    with install(bert, layers=[QUERY], noise=Int8(), chip=0, seed=1):
        found = query(x)
        found.sum().backward()
        # As if inputs were not rounded: the gradient is that of a product with rounded weights.
        torch.testing.assert_close(x.grad, query.weight.sum(0).expand(3, -1))
        with torch.no_grad():
            torch.testing.assert_close(found, query(x), rtol=1e-5, atol=1e-6)


def test_chips_do_not_differ(bert):
    ids = torch.randint(0, 50, (2, 8))
    outputs = []
    for chip in range(2):
        with install(bert, layers=[QUERY, "qa_outputs"], noise=Int8(), chip=chip, seed=chip):
            outputs.append(bert(input_ids=ids).start_logits)
    assert torch.equal(*outputs)


def test_embeddings_and_norms_have_rounded_weights_alone(bert):
    words, norm = "embeddings.word_embeddings", "embeddings.LayerNorm"
    table = bert.bert.embeddings.word_embeddings.weight.clone()
    with install(bert, layers=[words, norm], noise=Int8(), chip=0, seed=1):
        here = bert.bert.embeddings.word_embeddings.weight
        torch.testing.assert_close(here, rounded(table, 8))
        assert bert(input_ids=torch.tensor([[3, 4]])).start_logits.shape == (1, 2)
    assert torch.equal(bert.bert.embeddings.word_embeddings.weight, table)


def test_vectors_of_zeros_stay():
    values = torch.tensor([[0.0, 0.0], [1.0, -0.5]])
    torch.testing.assert_close(rounded(values, 8), torch.tensor([[0.0, 0.0], [1.0, -64 / 127]]))


@pytest.mark.parametrize("bits", [0, 1, 17])
def test_bits_have_bounds(bits):
    with pytest.raises(UsageError, match="bits must be from 2 to 16"):
        Int8(bits)


def test_a_linear_layer_has_the_whole_range():
    layer = nn.Linear(4, 2)
    assert rounded(layer.weight.detach(), 16).allclose(layer.weight, atol=1e-4)
