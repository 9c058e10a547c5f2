"""Noise and non-linearity of the converters and wires, against explicit arithmetic."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from analog_bench.analog.chip import install
from analog_bench.noise import Ideal, InpNoise, IrDrop, Noise, OutNoise, PcmRead, Quantise, SShape
from analog_bench.simulators.registry import find_simulator

OUT, IN = 70, 90


@pytest.fixture
def weight() -> Tensor:
    torch.manual_seed(4)
    return torch.randn(OUT, IN) * torch.logspace(-2, 1, OUT)[:, None]


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(5)
    return torch.randn(300, IN) * torch.logspace(-1, 2, 300)[:, None]


def computed(model: nn.Module, noise: Noise, x: Tensor, tile: str) -> Tensor:
    """What the chip computes, in double precision and in the tile's normalised units."""
    setup = {"layers": ("dense",), "noise": noise, "chip": 0, "seed": 1}
    setup["simulator"] = find_simulator(tile)
    with install(model, **setup) as chip, torch.inference_mode(), chip.reading(batch=0):
        y = model(x).double()
    return y / scale_of(model.dense.weight) / x.double().abs().amax(1, keepdim=True)


def scale_of(weight: Tensor) -> Tensor:
    return weight.detach().double().abs().amax(1)


def normalised(weight: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    wide = x.double()
    return weight.double() / scale_of(weight)[:, None], wide / wide.abs().amax(1, keepdim=True)


def test_ideal_equals_digital(one_layer: type, weight: Tensor, x: Tensor, tile: str) -> None:
    w, v = normalised(weight, x)
    torch.testing.assert_close(
        computed(one_layer(weight), Ideal(), x, tile), v @ w.T, rtol=1e-5, atol=1e-5
    )


def test_ideal_equals_digital_on_several_tiles_with_bias(tile: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1100, 600)).eval()
    x = torch.randn(2, 5, 1100)
    with torch.inference_mode():
        digital = model(x)
        with install(
            model, layers=("0",), noise=Ideal(), chip=0, seed=1, simulator=find_simulator(tile)
        ) as chip:
            assert len(list(model[0].analog_tiles())) == 6
            with chip.reading(batch=0):
                analog = model(x)
    assert float((analog - digital).norm() / digital.norm()) < 1e-5


@pytest.mark.parametrize("std", [0.04, 0.3])
def test_output_noise(one_layer: type, weight: Tensor, x: Tensor, tile: str, std: float) -> None:
    w, v = normalised(weight, x)
    z = (computed(one_layer(weight), OutNoise(std), x, tile) - v @ w.T) / std
    assert abs(float(z.mean())) < 5 / math.sqrt(z.numel())
    assert float(z.std()) == pytest.approx(1.0, rel=5 / math.sqrt(2 * z.numel()))


def test_input_noise(one_layer: type, weight: Tensor, x: Tensor, tile: str) -> None:
    w, v = normalised(weight, x)
    z = (computed(one_layer(weight), InpNoise(0.05), x, tile) - v @ w.T) / 0.05
    # One noisy input enters all outputs: their covariance is W W'.
    covariance = z.T @ z / len(z)
    expected = w @ w.T
    error = torch.sqrt((expected**2 + expected.diag()[:, None] * expected.diag()) / len(z))
    assert float(((covariance - expected) / error).abs().max()) < 5.5


@pytest.mark.parametrize("bits", [(8, 8), (4, 6), (6, 0), (0, 5)])
def test_quantise(
    one_layer: type, weight: Tensor, x: Tensor, tile: str, bits: tuple[int, int]
) -> None:
    dac, adc = bits
    w, v = normalised(weight, x)
    if dac:
        v = (v * (2**dac - 2) / 2).round() / ((2**dac - 2) / 2)
    expected = v @ w.T
    step = 0.0
    if adc:
        step = 2 * 2.0 / (2**adc - 2)
        expected = ((expected / step).round() * step).clamp(-2.0, 2.0)
        assert float((expected.abs() == 2.0).double().mean()) > 0.05
    got = computed(one_layer(weight), Quantise(dac, adc, out_bound=2.0), x, tile)
    wrong = (got - expected).abs() > 1e-4
    # Values that sit within rounding of a threshold may fall to either side; few do.
    assert float(wrong.double().mean()) < 2e-3
    if adc and not dac:
        assert float((got - expected).abs().max()) < step * 1.01


@pytest.mark.parametrize("std", [0.0175, 0.1])
def test_pcm_read_noise_of_a_product(
    one_layer: type, weight: Tensor, x: Tensor, cpp: str, std: float
) -> None:
    w, v = normalised(weight, x)
    sigma = std * (v**2 @ w.abs().T).sqrt()
    z = (computed(one_layer(weight), PcmRead(std), x, cpp) - v @ w.T) / sigma
    assert abs(float(z.mean())) < 5 / math.sqrt(z.numel())
    assert float(z.std()) == pytest.approx(1.0, rel=5 / math.sqrt(2 * z.numel()))


@pytest.mark.parametrize("strength", [0.5, 3.0])
def test_s_shape(one_layer: type, weight: Tensor, x: Tensor, cpp: str, strength: float) -> None:
    w, v = normalised(weight, x)
    y = v @ w.T
    expected = (y / (1 + strength / 10.0 * y.abs())).clamp(-10.0, 10.0)
    got = computed(one_layer(weight), SShape(strength), x, cpp)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    assert float((expected - y).abs().max()) > 0.1


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_ir_drop_of_the_cpp_tile(
    one_layer: type, weight: Tensor, x: Tensor, cpp: str, scale: float
) -> None:
    w, v = normalised(weight, x)
    a = IN * 0.35 * 5e-6 * (v.abs() @ w.abs().T)
    c = a * (a * (0.05 * a - 0.2) + 0.5)
    far = 1 - (1 - torch.arange(IN).double() / IN) ** 2
    expected = v @ w.T - scale * c * ((v * far) @ w.T)
    got = computed(one_layer(weight), IrDrop(scale), x, cpp)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    moved = float((expected - v @ w.T).abs().max())
    assert moved > 1e-4 * scale if scale else moved == 0
