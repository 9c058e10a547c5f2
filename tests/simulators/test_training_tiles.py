"""Tiles that learn: aihwkit's own arithmetic, clipping, input ranges, and the way back."""

from __future__ import annotations

import dataclasses
import gc
import weakref

import pytest
import torch
from torch import Tensor, nn

from analog_bench.analog.chip import install
from analog_bench.analog.tile_protocol import OnTiles
from analog_bench.errors import UsageError
from analog_bench.noise import Preset
from analog_bench.simulators.registry import find_simulator
from analog_bench.simulators.trainable_tiles import trainable_tiles
from analog_bench.simulators.versions import TORCH_VARIANT

kit = pytest.importorskip("analog_bench.simulators.aihwkit")
product = pytest.importorskip("analog_bench.simulators.aihwkit.product")
training = pytest.importorskip("analog_bench.simulators.aihwkit.training_tiles")
analog_mvm = pytest.importorskip("aihwkit.simulator.tiles.analog_mvm")

EXACT_PRESET = "StandardHWATrainingPreset"
DAY = 86_400.0


def config_of(preset: str = TORCH_VARIANT, **changes: object):
    given = {"modifier": "add_normal", "modifier_std": 0.05, "clip_sigma": 2.5, "bfloat16": False}
    return training.training_config(preset, **{**given, **changes})


def linear_of(inputs: int = 30, outputs: int = 8, seed: int = 0) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Linear(inputs, outputs).requires_grad_(False)


def learn(layer: nn.Module, steps: int, rate: float = 1e-2, range_rate: float = 0.0) -> None:
    found = training.tile_parameters(layer)
    groups = [
        {"params": [*found.weights, *found.digital], "lr": rate},
        {"params": list(found.ranges), "lr": range_rate},
    ]
    optimiser = training.optimiser("adam", groups, found.contexts)
    x = torch.randn(64, layer.in_features, generator=torch.Generator().manual_seed(5))
    for _ in range(steps):
        (layer(x) - x.roll(3, 1)[:, : layer.out_features]).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()


def on_tile(layer: nn.Module) -> Tensor:
    (tile,) = layer.analog_tiles()
    return tile.tile.get_weights().clone()


def test_the_memory_of_tiles_is_free_at_once() -> None:
    model = nn.Sequential(linear_of())
    gc.collect()
    gc.disable()
    try:
        with trainable_tiles(model, ["0"], config_of(), {"0": 3.0}, seed=1):
            learn(model[0], 2)
            held = [weakref.ref(model[0]), *map(weakref.ref, model[0].analog_tiles())]
        assert [ref() for ref in held] == [None] * len(held)
    finally:
        gc.enable()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_inputs_are_clipped_as_aihwkit_clips_them_without_reading_the_range(sign: float) -> None:
    layer = training.trainable(linear_of(), config_of(), 0.7)
    (tile,) = layer.analog_tiles()
    tile.input_range.data.mul_(sign)
    x = torch.randn(50, 30, generator=torch.Generator().manual_seed(1))
    x[0] = tile.input_range.detach()
    mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    found = product.clipped(mine, tile.input_range)
    wanted = tile.apply_input_range(theirs, update_from_data=True)
    assert torch.equal(found, wanted)
    found.square().sum().backward()
    wanted.square().sum().backward()
    assert torch.equal(mine.grad, theirs.grad)
    assert tile.input_range.grad is None


@pytest.mark.parametrize("largest", [0.02, 3.0])
def test_a_step_computes_what_aihwkit_computes(largest: float) -> None:
    io = kit.torch_variant().forward
    assert product.is_plain(io)
    x = torch.randn(3, 20, 40, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    w = torch.randn(25, 40, generator=torch.Generator().manual_seed(2)) * largest
    back = torch.randn(3, 20, 25, generator=torch.Generator().manual_seed(3))

    def computed(cls: type) -> tuple[Tensor, ...]:
        a, b = x.clone().requires_grad_(), w.clone().requires_grad_()
        torch.manual_seed(4)
        out = cls.matmul(b, a, io, False, False)
        # Releases of torch differ in the gradient at exactly the bound.
        (out * back.masked_fill(out.detach().abs() >= io.out_bound, 0.0)).sum().backward()
        return out.detach(), a.grad, b.grad

    theirs = computed(analog_mvm.AnalogMVM)
    for mine, other in zip(computed(product.StepProduct), theirs, strict=True):
        assert torch.equal(mine, other)
    # With large weights the output converter clips.
    assert bool((theirs[0].abs() == 10).any()) == (largest > 1)
    half = computed(product.Bfloat16Product)[0]
    assert float((half - theirs[0]).square().mean().sqrt()) < 0.04


def test_what_the_output_converter_clips_has_no_gradient() -> None:
    io = dataclasses.replace(kit.torch_variant().forward, out_noise=0.0)
    w = torch.tensor([[30.0, 0.0], [0.0, 1.0]], requires_grad=True)
    product.StepProduct.matmul(w, torch.ones(1, 2), io).sum().backward()
    assert w.grad.tolist() == [[0.0, 0.0], [1.0, 1.0]]


def test_what_is_not_plain_is_left_to_aihwkit() -> None:
    io = dataclasses.replace(
        kit.torch_variant().forward, noise_management=kit.NoiseManagementType.ABS_MAX, out_noise=0.0
    )
    assert not product.is_plain(io)
    x, w = torch.randn(5, 7), torch.randn(3, 7)
    theirs = analog_mvm.AnalogMVM.matmul(w, x, io)
    assert torch.equal(product.StepProduct.matmul(w, x, io), theirs)


def test_the_presets_are_changed_in_nothing_else() -> None:
    for preset in (TORCH_VARIANT, EXACT_PRESET):
        own = kit.base_config(kit.tile_of(config_of(preset)), preset)
        kept = training.training_config(
            preset, modifier=None, modifier_std=0.5, clip_sigma=None, bfloat16=False
        )
        for part in ("forward", "clip", "remap", "modifier", "mapping", "pre_post"):
            assert str(getattr(kept, part)) == str(getattr(own, part))
        assert type(kept.noise_model) is type(own.noise_model)
    exact = kit.presets()[EXACT_PRESET]()
    changed = config_of(EXACT_PRESET)
    assert str(changed.forward) == str(exact.forward)
    assert (changed.modifier.std_dev, changed.clip.sigma) == (0.05, 2.5)


@pytest.mark.parametrize("preset", [TORCH_VARIANT, EXACT_PRESET])
def test_clipping_is_that_of_the_recipe(preset: str, cpp: str) -> None:
    layer = training.trainable(linear_of(), config_of(preset, clip_sigma=1.2), 3.0)
    before = on_tile(layer)
    (tile,) = layer.analog_tiles()
    learn(layer, 1, rate=0.0)
    limit = 1.2 * before.std()
    clipped = before.clamp(-limit, limit)
    assert float(clipped.abs().max()) < 0.8
    expected = clipped / clipped.abs().amax(1, keepdim=True)
    torch.testing.assert_close(tile.tile.get_weights(), expected, rtol=1e-4, atol=1e-5)


def test_ranges_are_learned_and_not_taken_from_batches() -> None:
    x = torch.randn(16, 30) * 5.0
    layer = training.trainable(linear_of(), config_of(), 0.5)
    layer(x)
    assert training.read_ranges(layer) == (0.5,)
    # aihwkit alone would take three standard deviations of its first batches.
    taken = training.trainable(linear_of(), config_of(), 0.5)
    (tile,) = taken.analog_tiles()
    tile.input_range_update_idx.data.zero_()
    taken(x)
    assert training.read_ranges(taken) == pytest.approx((3 * float(x.std()),))
    # Too small a range loses signal, so learning makes it larger.
    learn(layer, 20, rate=0.0, range_rate=0.05)
    assert training.read_ranges(layer)[0] > 1.0


def test_each_tile_has_a_range_and_they_must_be_as_many() -> None:
    config = config_of()
    config.mapping.max_input_size = 10
    layer = training.trainable(linear_of(), config, (1.0, 2.0, 3.0))
    assert training.read_ranges(layer) == (1.0, 2.0, 3.0)
    with pytest.raises(UsageError, match="2 input ranges were given for a layer of 3 tiles"):
        training.trainable(linear_of(), config, (1.0, 2.0))


def test_weights_and_gradients_are_in_the_layers_units() -> None:
    config = config_of(modifier=None, clip_sigma=None)
    config.mapping.max_input_size, config.mapping.max_output_size = 10, 5
    config.forward.is_perfect = True
    digital = linear_of()
    layer = training.trainable(digital, config, 100.0)
    weight, bias = training.read_back(layer)
    torch.testing.assert_close(weight, digital.weight, rtol=1e-6, atol=0)
    assert torch.equal(bias, digital.bias)
    x = torch.randn(12, 30)
    (layer(x) * torch.arange(8.0)).sum().backward()
    digital.requires_grad_()
    (digital(x) * torch.arange(8.0)).sum().backward()
    torch.testing.assert_close(
        training.weight_gradient(layer), digital.weight.grad, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("preset", [TORCH_VARIANT, EXACT_PRESET])
def test_a_layer_goes_back_to_a_state_to_the_bit(preset: str, cpp: str) -> None:
    config = config_of(preset)
    config.mapping.max_input_size = 20
    layer = training.trainable(linear_of(), config, 3.0)
    learn(layer, 3, range_rate=1e-2)
    state = {name: tensor.clone() for name, tensor in training.training_state(layer).items()}
    other = training.trainable(linear_of(seed=1), config, 1.0)
    training.restore(other, state)
    assert torch.equal(training.read_back(other)[0], training.read_back(layer)[0])
    assert torch.equal(training.read_back(other)[1], training.read_back(layer)[1])
    assert training.read_ranges(other) == training.read_ranges(layer)


def test_drift_train_drift_does_not_bring_the_old_weights_back() -> None:
    """aihwkit's pitfall, with its own optimiser; and the way this project goes instead."""
    layer = training.trainable(linear_of(), config_of(modifier=None, clip_sigma=None), 3.0)
    layer.eval().drift_analog_weights(DAY)
    old = on_tile(layer)
    learn(layer.train(), 60, rate=0.1)
    trained = on_tile(layer)
    layer.eval().drift_analog_weights(DAY)
    # The trap: what was trained is gone.
    assert float((on_tile(layer) - old).norm()) < 0.1 * float((on_tile(layer) - trained).norm())

    model = nn.Sequential(linear_of()).eval()
    untrained = model[0].weight.clone()
    with trainable_tiles(model, ["0"], config_of(clip_sigma=None), {"0": 3.0}, seed=1) as tiles:
        for chip in range(2):
            learn(model[0], 60, rate=0.1)
            with tiles.digital() as ranges:
                wanted = model[0].weight.clone()
                setup = {"noise": Preset(TORCH_VARIANT), "seed": 1, "input_ranges": ranges}
                setup["simulator"] = find_simulator("torch")
                with install(model, layers=["0"], chip=chip, **setup) as installed:
                    installed.drift_to(DAY)
                    found = model[0].get_weights()[0] * next(model[0].analog_tiles()).alpha
            assert float((found - wanted).norm()) < 0.3 * float((found - untrained).norm())


def test_frozen_weights_stay_to_the_bit() -> None:
    model = nn.Sequential(linear_of()).eval()
    before = model[0].weight.clone()
    with trainable_tiles(
        model, ["0"], config_of(), {"0": 3.0}, seed=1, learns_weights=False
    ) as tiles:
        assert tiles.learning.weights == ()
        learn(model[0], 5, range_rate=0.1)
        with tiles.digital() as ranges:
            assert torch.equal(model[0].weight, before)
            assert ranges["0"] != (3.0,)
            assert isinstance(model[0], nn.Linear)
            assert not isinstance(model[0], OnTiles)
        assert isinstance(model[0], OnTiles)
    assert not isinstance(model[0], OnTiles)


def test_only_the_products_of_tiles_are_in_bfloat16() -> None:
    x = torch.randn(40, 30)
    for half, equal in ((False, True), (True, False)):
        layer = training.trainable(linear_of(), config_of(modifier=None, bfloat16=half), 3.0)
        plain = kit.build(linear_of(), config_of(modifier=None), 3.0)
        outs = []
        for module in (layer, plain):
            torch.manual_seed(0)
            outs.append(module(x).detach())
        assert torch.equal(*outs) == equal
        assert outs[0].dtype == torch.float32
        torch.testing.assert_close(*outs, atol=0.15, rtol=0)


def test_the_exact_preset_learns_on_the_cpp_tile(cpp: str) -> None:
    layer = training.trainable(linear_of(), config_of(EXACT_PRESET), 3.0)
    x = torch.randn(64, 30, generator=torch.Generator().manual_seed(5))

    def error() -> float:
        with torch.no_grad():
            return float((layer(x) - x.roll(3, 1)[:, :8]).square().mean())

    before = error()
    learn(layer, 40, rate=3e-2)
    assert error() < 0.7 * before


def test_hardware_with_a_torch_tile_of_its_own_is_refused(monkeypatch):
    from aihwkit.simulator.configs import TorchInferenceRPUConfigIRDropT

    monkeypatch.setitem(kit.ADDED, "wires", TorchInferenceRPUConfigIRDropT())
    with pytest.raises(UsageError, match="wires computes in TorchSimulatorTileIRDropT, and"):
        config_of("wires")
