"""Layers in the order of computation, equal models after `prepare`, honest coverage."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers.models.mobilebert.modeling_mobilebert import NoNorm
from transformers.pytorch_utils import Conv1D

from analog_bench.analog.chip import install
from analog_bench.analog.layer_manifest import (
    BINS,
    coverage,
    manifest,
    prepare,
    weight_histogram,
    weight_spread,
)
from analog_bench.errors import UsageError
from analog_bench.noise import Ideal
from analog_bench.simulators.registry import find_simulator

INPUT_IDS = torch.arange(12).view(2, 6)


def observed_order(model: nn.Module) -> list[str]:
    """Paths of the modules with weights of their own, in the order in which they finish."""
    seen: list[str] = []
    handles = [
        module.register_forward_hook(lambda _m, _i, _o, path=path: seen.append(path))
        for path, module in model.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    with torch.no_grad():
        model(input_ids=INPUT_IDS)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("name", ["bert", "mobilebert", "gpt2"])
def test_every_layer_in_the_order_of_computation(name: str, request: pytest.FixtureRequest) -> None:
    model = prepare(request.getfixturevalue(name))
    layers = manifest(model)
    assert [layer.path for layer in layers] == observed_order(model)
    assert len({layer.name for layer in layers}) == len(layers)
    for layer in layers:
        module = model.get_submodule(layer.path)
        assert layer.weights == module.weight.numel()
        kind = {nn.Linear: "matmul", nn.Embedding: "embedding"}.get(type(module), "norm")
        assert layer.kind == kind
        assert layer.macs == (module.weight.numel() if kind == "matmul" else 0)


def test_names_and_blocks_of_bert(bert: nn.Module) -> None:
    layers = {layer.name: layer for layer in manifest(bert)}
    assert next(iter(layers)) == "embeddings.word_embeddings"
    assert list(layers)[-1] == "qa_outputs"
    output = layers["encoder.layer.2.output.dense"]
    assert (output.path, output.block) == ("bert.encoder.layer.2.output.dense", 2)
    assert output.weights == 24 * 40
    assert layers["qa_outputs"].block is None
    assert layers["embeddings.LayerNorm"].block is None
    assert len(layers) == 4 + 3 * 8 + 1


def test_mobilebert_counts_its_nonorms_and_its_blocks(mobilebert: nn.Module) -> None:
    layers = {layer.path: layer for layer in manifest(mobilebert)}
    nonorms = {p for p, m in mobilebert.named_modules() if isinstance(m, NoNorm)}
    assert nonorms
    assert all(layers[path].kind == "norm" for path in nonorms)
    assert layers["mobilebert.encoder.layer.1.ffn.0.output.dense"].block == 1


def test_gpt2_has_the_same_layers_prepared_or_not(gpt2: nn.Module) -> None:
    before = manifest(gpt2)
    assert {layer.name: layer.kind for layer in before}["h.0.mlp.c_fc"] == "matmul"
    prepare(gpt2)
    assert manifest(gpt2) == before


def test_prepare_changes_no_output_and_draws_nothing(gpt2: nn.Module) -> None:
    with torch.no_grad():
        before = gpt2(input_ids=INPUT_IDS).logits
    torch.manual_seed(7)
    state = torch.get_rng_state()
    assert prepare(gpt2) is gpt2
    assert torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        after = gpt2(input_ids=INPUT_IDS).logits
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-6)
    assert not any(isinstance(m, Conv1D) for m in gpt2.modules())
    again = {path: id(m) for path, m in gpt2.named_modules()}
    prepare(gpt2)
    assert {path: id(m) for path, m in gpt2.named_modules()} == again


def test_the_untied_head_and_the_embedding_are_apart(gpt2: nn.Module) -> None:
    prepare(gpt2)
    gpt2.tie_weights()
    head, embedding = gpt2.lm_head.weight, gpt2.transformer.wte.weight
    assert torch.equal(head, embedding)
    assert head.data_ptr() != embedding.data_ptr()


def test_manifest_leaves_no_trace(bert: nn.Module) -> None:
    torch.manual_seed(11)
    bert.train()
    try:
        state = torch.get_rng_state()
        manifest(bert)
        assert torch.equal(torch.get_rng_state(), state)
        assert bert.training
    finally:
        bert.eval()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in bert.modules())


def test_weight_spread(bert: nn.Module) -> None:
    weight = bert.bert.encoder.layer[1].intermediate.dense.weight.detach().double()
    spread = weight_spread(bert, "encoder.layer.1.intermediate.dense")
    assert spread.std == pytest.approx(float(((weight - weight.mean()) ** 2).mean().sqrt()))
    assert spread.max_abs == pytest.approx(float(weight.abs().max()))
    with pytest.raises(UsageError, match=r"did you mean 'encoder\.layer\.1\.output\.dense'"):
        weight_spread(bert, "encoder.layer.1.output.densee")


def test_weight_histogram(bert: nn.Module) -> None:
    name = "encoder.layer.1.intermediate.dense"
    weight = bert.bert.encoder.layer[1].intermediate.dense.weight.detach()
    histogram = weight_histogram(bert, name)
    assert (histogram.low, histogram.high) == (float(weight.min()), float(weight.max()))
    assert (len(histogram.counts), sum(histogram.counts)) == (BINS, weight.numel())
    below = sum(histogram.counts[: BINS // 2])
    middle = histogram.low + (histogram.high - histogram.low) * (BINS // 2) / BINS
    assert below == int((weight.double() < middle).sum())


def test_equal_weights_have_a_histogram_too(bert: nn.Module) -> None:
    norm = bert.bert.embeddings.LayerNorm  # as it was initialised: ones
    histogram = weight_histogram(bert, "embeddings.LayerNorm")
    assert (histogram.low, histogram.high) == (0.5, 1.5)
    assert sum(histogram.counts) == norm.weight.numel()


def test_coverage_counts_what_really_is_a_tile(bert: nn.Module, tile: str) -> None:
    layers = manifest(bert)
    nothing = coverage(bert, layers)
    assert (nothing.weights, nothing.macs, nothing.on_tiles) == (0.0, 0.0, ())
    simulator = find_simulator(tile)
    products = [layer for layer in layers if layer.kind == "matmul"]
    chosen = ("encoder.layer.0.output.dense", "qa_outputs")
    with install(bert, layers=chosen, noise=Ideal(), chip=0, seed=1, simulator=simulator):
        some = coverage(bert, layers)
    share = (24 * 40 + 2 * 24) / sum(layer.weights for layer in products)
    assert some.on_tiles == chosen
    assert (some.weights, some.macs) == pytest.approx((share, share))
    assert set(some.digital) | set(chosen) == {layer.name for layer in products}
    names = [layer.name for layer in products]
    with install(bert, layers=names, noise=Ideal(), chip=0, seed=1, simulator=simulator):
        everything = coverage(bert, layers)
    assert (everything.weights, everything.macs, everything.digital) == (1.0, 1.0, ())
    assert coverage(bert, layers) == nothing
