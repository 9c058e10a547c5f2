"""Precision: what it changes, what it leaves alone, and where it is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch
from torch import nn

from analog_bench.engine.computing import computing
from analog_bench.errors import UsageError
from analog_bench.noise import Pcm, Preset, WhiteOutput
from analog_bench.simulators.registry import find_simulator
from analog_bench.zoo.devices import check_precision

CPU = torch.device("cpu")
LAYER = "bert.encoder.layer.0.output.dense"
HALF = 2.0**-8  # how far apart numbers in bfloat16 are, relative to them


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_torch_is_left_as_it_was(precision):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with suppress(KeyError), computing(precision, CPU):
            inside = torch.get_float32_matmul_precision(), torch.is_autocast_enabled("cpu")
            raise KeyError
        assert torch.get_float32_matmul_precision() == "medium"
        assert not torch.is_autocast_enabled("cpu")
    finally:
        torch.set_float32_matmul_precision(before)
    allowed = "high" if precision == "tf32" else "highest"
    assert inside == (allowed, precision == "bfloat16")


def test_tf32_is_for_gpus():
    check_precision("tf32", "cuda:1")
    check_precision("bfloat16", "cpu")
    with pytest.raises(
        UsageError, match=r"--precision tf32 is a mode of NVIDIA's GPUs; .* float32"
    ):
        check_precision("tf32", "cpu")


def test_tiles_compute_in_float32_in_any_precision():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        linear, x = nn.Linear(30, 8), torch.randn(5, 30)
    tiles = find_simulator("torch").build(linear, Preset(), "ideal", 3.0)
    outs = []
    for precision in ("float32", "bfloat16"):
        with torch.random.fork_rng(devices=[]), torch.no_grad(), computing(precision, CPU):
            torch.manual_seed(2)
            outs.append(tiles.module(x))
    assert torch.equal(*outs)
    with torch.no_grad(), computing("bfloat16", CPU):
        assert linear(x).dtype == torch.bfloat16


@pytest.mark.parametrize("noise", [WhiteOutput(0.05), Pcm(), Preset()], ids=lambda n: n.NAME)
def test_a_precision_moves_scores_a_little_and_no_chip(noise, tiny, runner_of, case, numbers):
    one = case(noise, LAYER)
    exact, half, parted = (
        runner_of(tiny, precision=precision, replay=replay).measure(one, [0, 1])
        for precision, replay in (("float32", True), ("bfloat16", True), ("bfloat16", False))
    )
    assert (exact.precision, half.precision, half.device) == ("float32", "bfloat16", "cpu")
    assert half.status == "measured"
    assert numbers(half) == numbers(parted)
    for new, old in zip(half.chips, exact.chips, strict=True):
        assert new.fingerprint == old.fingerprint
        assert new.scores != old.scores
        assert new.scores["mean"] == pytest.approx(old.scores["mean"], abs=20 * HALF)
    assert half.digital["mean"] == pytest.approx(exact.digital["mean"], abs=20 * HALF)


def test_noise_is_followed_from_block_to_block(tiny, runner_of, case):
    runner = runner_of(tiny, precision="bfloat16")
    result = runner.measure(case(WhiteOutput(0.3), LAYER), [0], propagation=True)
    assert result.chips[0].propagation is not None


def test_noise_is_finer_than_the_layer_it_is_added_to(tiny, runner_of, case):
    # In bfloat16 as it is, such noise would be lost on all but the smallest outputs.
    runner = runner_of(tiny, precision="bfloat16")
    found = runner.measure(case(WhiteOutput(1e-4), "qa_outputs"), [0, 1])
    assert found.chips[0].scores != found.chips[1].scores != found.digital
