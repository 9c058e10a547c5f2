"""A measured chip's products go block by block, to the bit what aihwkit computes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from analog_bench.simulators.versions import TORCH_VARIANT

kit = pytest.importorskip("analog_bench.simulators.aihwkit")
product = pytest.importorskip("analog_bench.simulators.aihwkit.product")
layers = pytest.importorskip("analog_bench.simulators.aihwkit.layer")
inference_torch = pytest.importorskip("aihwkit.simulator.tiles.inference_torch")

DAY = 86_400.0


@pytest.mark.parametrize("input_range", [3.0, 0.7])
@pytest.mark.parametrize(
    ("inputs", "outputs", "shape"),
    [
        (40, 24, (5,)),
        (40, 3, (70_000,)),  # more than a block of numbers, too few a row to draw in blocks
        (520, 33, (2, 2_600)),  # two tiles; the last block has other rows, and no multiple of 16
        (16, 600, (3, 400)),
    ],
)
def test_blocks_give_the_bits_of_aihwkits_own_steps(
    inputs: int, outputs: int, shape: tuple[int, ...], input_range: float, monkeypatch
) -> None:
    torch.manual_seed(3)
    linear, x = nn.Linear(inputs, outputs), torch.randn(*shape, inputs)
    layer = kit.build(linear, kit.base_config("torch", TORCH_VARIANT), input_range)
    with torch.no_grad():
        layer.program_analog_weights()
        layer.drift_analog_weights(DAY)
    assert all(isinstance(tile, product.StepModule) for tile in layer.analog_tiles())

    def computed() -> torch.Tensor:
        torch.manual_seed(4)
        with torch.inference_mode():
            return layer(x)

    by_blocks = computed()
    steps = []
    monkeypatch.setattr(
        product.StepModule,
        "forward",
        lambda *args, **options: (
            steps.append(1) or inference_torch.TorchInferenceTile.forward(*args, **options)
        ),
    )
    assert torch.equal(by_blocks, computed())
    assert len(steps) == len(list(layer.analog_tiles()))


def test_what_is_to_be_learned_goes_step_by_step(monkeypatch) -> None:
    layer = kit.build(nn.Linear(20, 30), kit.base_config("torch", TORCH_VARIANT), 3.0)
    monkeypatch.setattr(product, "_blocks", None)
    assert layer(torch.randn(2, 20)).shape == (2, 30)


def test_a_release_of_aihwkit_that_computes_otherwise_keeps_its_own_steps(monkeypatch) -> None:
    theirs = inference_torch.TorchInferenceTile
    forward = theirs.forward

    def changed(*args, **options):
        return forward(*args, **options) * (1 + 1e-6)

    layers._steps_agree.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(theirs, "forward", changed)
        layer = kit.build(nn.Linear(20, 30), kit.base_config("torch", TORCH_VARIANT), 3.0)
        assert {type(tile) for tile in layer.analog_tiles()} == {theirs}
    layers._steps_agree.cache_clear()
    layer = kit.build(nn.Linear(20, 30), kit.base_config("torch", TORCH_VARIANT), 3.0)
    assert {type(tile) for tile in layer.analog_tiles()} == {product.StepModule}


@pytest.mark.parametrize("hardware", ["FloatingPointPreset", TORCH_VARIANT])
def test_weights_are_those_of_the_layer_with_scales_and_without(hardware: str) -> None:
    """As a GPU sums up a chip: aihwkit fetches them to the processor to tell."""
    linear = nn.Linear(40, 20)
    before = torch.random.get_rng_state()
    layer = kit.build(linear, kit.base_config("torch", hardware), 3.0)
    assert torch.equal(torch.random.get_rng_state(), before)  # no weights are drawn to be set anew
    (tile,) = layer.analog_tiles()
    assert (tile.get_scales() is None) == (hardware == "FloatingPointPreset")
    assert torch.equal(layers._scaled_weights(tile), layer.get_weights()[0])
    assert torch.allclose(layer.get_weights()[0], linear.weight)
