"""The split of noise, gains and coherence: against closed forms, and on small real models."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from analog_bench.analog.block_calls import CleanBlocks
from analog_bench.analog.chip import install
from analog_bench.analog.layers import places
from analog_bench.analog.propagation import Tracer, jacobian_products, split
from analog_bench.errors import UsageError
from analog_bench.noise import WhiteOutput, WhiteWeight
from tests.architectures import model_of

REAL = ("bert", "mobilebert", "gpt2", "llama", "albert")
BUMP = 0.01


class Matrices(nn.Module):
    """A residual stream through blocks that are matrices."""

    def __init__(self, *weights) -> None:
        super().__init__()
        self.h = nn.ModuleList(
            nn.Linear(weight.shape[1], weight.shape[0], bias=False) for weight in weights
        )
        for block, weight in zip(self.h, weights, strict=True):
            block.weight = nn.Parameter(weight.clone())

    def forward(self, x):
        for block in self.h:
            x = block(x)
        return x


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rotation(features, seed=0):
    return torch.linalg.qr(drawn(features, features, seed=seed)).Q


def run_of(x, mask=None):
    """Return how to run a model on tensors, or on tokens."""
    if x.is_floating_point():
        return lambda model: model(x)
    return lambda model: model(input_ids=x, attention_mask=mask)


def watched(model, blocks, run):
    with torch.inference_mode(), blocks.watching(model) as streams:
        run(model)
    return streams


def traced(calls, streams, mask=None, *, differentiate=False):
    tracer = Tracer(seed=1)
    tracer.add(0, calls, streams, mask, differentiate=differentiate)
    return tracer.result()


def with_noise(model, noise, run, layers, mask=None):
    """Return the clean calls and the streams of a model with noise in some layers."""
    blocks = CleanBlocks(model)
    with install(model, layers=layers, noise=noise, chip=0, seed=1) as chip, chip.reading(0, mask):
        # The twin is clean while the chip is in the model.
        return blocks.calls(run), watched(model, blocks, run)


def test_a_linear_network_gives_the_closed_form():
    scales, size = (1.0, 3.0, 0.5), 1 + BUMP
    weights = [scale * rotation(8, n) for n, scale in enumerate(scales)]
    # Each noisy block is 1 % too strong: what it makes lies along what it hands on.
    clean, noisy = Matrices(*weights), Matrices(*(size * weight for weight in weights))
    blocks, run = CleanBlocks(clean), run_of(drawn(2, 5, 8))
    found = traced(blocks.calls(run), watched(noisy, blocks, run), differentiate=True)
    assert found.entering.high == 0
    assert found.jacobian == "forward"
    for n, (block, scale) in enumerate(zip(found.blocks, scales, strict=True)):
        # Rotations keep lengths: all tokens have the same figures.
        assert block.error.low == pytest.approx(size ** (n + 1) - 1, rel=1e-3)
        assert block.error.high == pytest.approx(size ** (n + 1) - 1, rel=1e-3)
        assert block.made_here.median == pytest.approx(BUMP * size**n, rel=1e-3)
        assert block.handed_on.median == pytest.approx(size**n - 1, rel=1e-3, abs=1e-6)
        assert block.across.high == pytest.approx(0, abs=1e-4)
        if n == 0:
            assert block.share.median == pytest.approx(1)
            assert (block.gain, block.jacobian_gain, block.coherence) == (None, None, None)
            continue
        for gain in (block.gain, block.jacobian_gain, block.random_gain):
            assert (gain.low, gain.high) == pytest.approx((scale, scale), rel=1e-3)
        assert block.coherence.low == pytest.approx(1, abs=1e-4)
        assert block.share.median == pytest.approx(BUMP * size**n / (size ** (n + 1) - 1), rel=1e-3)


def test_independent_noise_is_not_coherent_and_adds_in_squares():
    model, run = Matrices(*(rotation(256, n) for n in range(3))), run_of(drawn(2, 50, 256))
    blocks = traced(*with_noise(model, WhiteOutput(0.1), run, ("h.0", "h.1", "h.2"))).blocks
    for n, block in enumerate(blocks):
        # x has a standard deviation of 1 in every feature.
        assert block.error.median == pytest.approx(0.1 * (n + 1) ** 0.5, rel=0.05)
        assert block.share.median == pytest.approx(1 / (n + 1), abs=0.03)
        if n:
            assert abs(block.coherence.median) < 0.03
            assert -0.15 < block.coherence.low < 0 < block.coherence.high < 0.15


@pytest.mark.parametrize("name", REAL)
def test_the_parts_sum_to_the_whole_in_real_models(name):
    model = model_of(name)
    ids = torch.randint(1, 60, (3, 9), generator=torch.Generator().manual_seed(2))
    run = run_of(ids)
    layers = [place.path for place in places(model) if place.kind == "matmul"]
    calls, streams = with_noise(model, WhiteWeight(0.02), run, layers)
    # ALBERT computes one block three times.
    assert len(calls) == len(streams) - 1 == (3 if name == "albert" else 2)
    for n, (part, call) in enumerate(zip(split(calls, streams), calls, strict=True)):
        torch.testing.assert_close(part.after, streams[n + 1] - call.output, rtol=0, atol=0)
        torch.testing.assert_close(
            part.made_here + part.handed_on, part.after, rtol=1e-5, atol=1e-5
        )
        assert float(part.made_here.norm()) > 0
    found = traced(calls, streams, differentiate=True)
    assert found.jacobian == "forward"
    for block in found.blocks[1:]:
        # Little noise: what is handed on is all but linear.
        assert block.jacobian_gain.median == pytest.approx(block.gain.median, rel=0.1)


@pytest.mark.parametrize("name", REAL[:4])
def test_nothing_comes_before_its_source(name):
    model = model_of(name)
    layers = [place.path for place in places(model) if place.kind == "matmul"]
    late = [path for path in layers if ".1." in path]
    calls, streams = with_noise(model, WhiteWeight(0.05), run_of(torch.ones(1, 5).long()), late)
    first, last = traced(calls, streams).blocks
    assert (first.error.high, first.made_here.high, first.handed_on.high) == (0, 0, 0)
    assert (first.share, first.gain, last.gain, last.coherence) == (None, None, None, None)
    assert last.error == last.made_here != first.error
    assert last.handed_on.high == 0
    # Blocks whose output is replayed are not computed.
    assert traced(calls, streams[1:]) == traced(calls, streams)
    assert traced(calls, []).blocks[1].error.high == 0


def test_padding_does_not_count():
    model = model_of("bert")
    ids = torch.randint(1, 60, (2, 6), generator=torch.Generator().manual_seed(2))
    padded, mask = torch.zeros(2, 11).long(), torch.zeros(2, 11).long()
    padded[:, :6], mask[:, :6] = ids, 1
    layers = [place.path for place in places(model) if place.kind == "matmul"]
    alone = traced(*with_noise(model, WhiteWeight(0.02), run_of(ids), layers))
    run = run_of(padded, mask)
    calls, streams = with_noise(model, WhiteWeight(0.02), run, layers)
    found, all_counted = traced(calls, streams, mask), traced(calls, streams)
    for a, b, c in zip(alone.blocks, found.blocks, all_counted.blocks, strict=True):
        assert b.error.median == pytest.approx(a.error.median, rel=1e-4)
        assert b.share.high == pytest.approx(a.share.high, rel=1e-3)
        assert c.error != b.error


def test_products_with_a_linear_blocks_jacobian_are_the_matrixs():
    weight = drawn(8, 8, seed=3)
    (call,) = CleanBlocks(Matrices(weight)).calls(run_of(drawn(2, 5, 8)))
    direction = drawn(2, 5, 8, seed=4)
    (product,), how = jacobian_products(call, [direction])
    assert how == "forward"
    torch.testing.assert_close(product, direction @ weight.T)


class _Cubed(torch.autograd.Function):
    """Has no forward mode."""

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass


class Cube(nn.Linear):
    def forward(self, x):
        return _Cubed.apply(x)


def test_without_forward_mode_there_is_a_difference():
    model = Matrices(torch.eye(8))
    model.h[0] = Cube(8, 8)
    x, direction = drawn(2, 5, 8), drawn(2, 5, 8, seed=4)
    (call,) = CleanBlocks(model).calls(run_of(x))
    (product, none), how = jacobian_products(call, [direction, torch.zeros_like(direction)])
    assert how == "difference"
    torch.testing.assert_close(product, 3 * x**2 * direction, rtol=1e-2, atol=1e-2)
    assert not none.any()


class Branches(Matrices):
    def forward(self, x):
        return self.h[1](x + self.h[0](x))


def test_a_model_without_a_stream_is_refused():
    eyes = torch.eye(8), torch.eye(8)
    with pytest.raises(UsageError, match="do not read what the one before puts out"):
        CleanBlocks(Branches(*eyes)).calls(run_of(drawn(1, 2, 8)))
    with pytest.raises(UsageError, match="no residual stream"):
        CleanBlocks(Matrices(torch.ones(4, 8))).calls(run_of(drawn(1, 2, 8)))
    with pytest.raises(UsageError, match="no numbered blocks"):
        CleanBlocks(nn.Sequential())
