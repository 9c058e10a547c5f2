"""Traps of aihwkit that published scripts fell into; each shown to be there, and avoided here."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from analog_bench.analog.chip import install
from analog_bench.analog.layer_manifest import coverage, manifest, prepare
from analog_bench.analog.tile_protocol import OnTiles
from analog_bench.errors import UsageError
from analog_bench.noise import Ideal, Pcm
from analog_bench.simulators.registry import find_simulator

kit = pytest.importorskip("analog_bench.simulators.aihwkit")

DAY = 86_400.0
TORCH = find_simulator("torch")
INPUT_IDS = torch.arange(12).view(2, 6)


def bare_layer(linear: nn.Linear) -> nn.Module:
    config = kit.base_config("torch", "ideal")
    config.noise_model = kit.PCMLikeNoiseModel()
    return kit.build(linear, config, None)


def drifted(layer: nn.Module, seconds: float) -> Tensor:
    layer.drift_analog_weights(seconds)
    return layer.get_weights()[0].clone()


def noise_part(model: nn.Module, chip: int, drift_s: float) -> Tensor:
    setup = {
        "layers": ("0",),
        "noise": Pcm(read=0, compensate=False),
        "seed": 1,
        "simulator": TORCH,
    }
    with install(model, chip=chip, **setup) as installed:
        installed.drift_to(drift_s)
        return model[0].get_weights()[0].clone()


def similarity(a: Tensor, b: Tensor, clean: Tensor) -> float:
    a, b = (a - clean).flatten(), (b - clean).flatten()
    return float(a @ b / a.norm() / b.norm())


def test_1_chips_are_programmed_anew_and_repeats_are_the_same_chip() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(60, 50)).eval()
    clean = model[0].weight.detach()
    # The trap: asking aihwkit's layer again reads the chip that was programmed the first time.
    layer = bare_layer(model[0])
    assert similarity(drifted(layer, 0.0), drifted(layer, 0.0), clean) > 0.5
    # Here a chip is an index, and reads of it are reads.
    chips = [noise_part(model, chip, 0.0) for chip in range(4)]
    for one in range(4):
        assert torch.equal(chips[one], noise_part(model, one, 0.0))
        for other in range(one):
            assert abs(similarity(chips[one], chips[other], clean)) < 5 / 3000**0.5


def test_1_time_leaves_programming_and_exponents_of_a_chip_alone() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 30)).eval()
    programmed = noise_part(model, 3, 0.0)
    day, year = noise_part(model, 3, DAY), noise_part(model, 3, 365 * DAY)
    single_device = (programmed.abs() / programmed.abs().amax(1, keepdim=True)) > 0.1

    def exponent(at: Tensor, seconds: float) -> Tensor:
        ratio = (at / programmed)[single_device].log()
        return -ratio / torch.log(torch.tensor((seconds + 20.0) / 20.0))

    # Both devices of a pair conduct a little after programming, so exponents agree only nearly.
    after_day, after_year = exponent(day, DAY), exponent(year, 365 * DAY)
    assert torch.corrcoef(torch.stack([after_day, after_year]))[0, 1] > 0.95


def test_2_training_after_a_chip_is_not_undone_by_the_next_one() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(40, 30)
    # The trap: a layer that drifted once goes back to the weights from before the training.
    layer = bare_layer(linear)
    drifted(layer, 1.0)
    (tile,) = layer.analog_tiles()
    with torch.no_grad():
        tile.tile.weight.add_(10.0)
    assert float(drifted(layer, 1.0).abs().max()) < 5.0

    model = nn.Sequential(linear).eval()
    before = noise_part(model, 0, 1.0)
    with torch.no_grad():
        linear.weight.add_(10.0)
    after = noise_part(model, 0, 1.0)
    assert float((after - before).mean()) == pytest.approx(10.0, abs=0.5)
    assert float(linear.weight.detach().mean()) == pytest.approx(10.0, abs=0.1)


def test_2_a_chip_refuses_to_drift_once_its_model_has_been_trained() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3)).eval()
    linear = model[0]
    with install(model, layers=("0",), noise=Pcm(), chip=0, seed=1, simulator=TORCH) as chip:
        chip.drift_to(1.0)
        # Nothing on the chip takes gradients, so an optimiser finds nothing to train there.
        assert not any(p.requires_grad for p in model.parameters())
        with torch.no_grad():
            linear.weight.add_(1.0)
        with pytest.raises(RuntimeError, match="install a new chip"):
            chip.drift_to(DAY)


def test_3_gpt2_blocks_go_on_tiles(gpt2: nn.Module) -> None:
    with torch.inference_mode():
        clean = gpt2(input_ids=INPUT_IDS).logits
    assert isinstance(gpt2.transformer.h[0].mlp.c_fc, Conv1D)
    setup = {"noise": Ideal(), "chip": 0, "seed": 1, "simulator": TORCH}
    with (
        pytest.raises(UsageError, match=r"Conv1D.*prepare\(model\)"),
        install(gpt2, layers=("h.0.mlp.c_fc",), **setup),
    ):
        pass
    layers = manifest(prepare(gpt2))
    names = [layer.name for layer in layers if layer.kind == "matmul"]
    assert len(names) == 2 * 4 + 1
    with install(gpt2, layers=names, **setup) as chip:
        assert coverage(gpt2, layers).macs == 1.0
        with torch.inference_mode(), chip.reading(batch=0):
            analog = gpt2(input_ids=INPUT_IDS).logits
    torch.testing.assert_close(analog, clean, rtol=1e-4, atol=1e-5)


def test_3_coverage_is_what_the_modules_are_not_what_was_asked(bert: nn.Module) -> None:
    layers = manifest(bert)
    foreign = bare_layer(bert.qa_outputs)
    digital, bert.qa_outputs = bert.qa_outputs, foreign
    try:
        assert coverage(bert, layers).on_tiles == ("qa_outputs",)
    finally:
        bert.qa_outputs = digital


def test_4_the_head_goes_on_tiles_and_the_embedding_stays(gpt2: nn.Module) -> None:
    setup = {"noise": Pcm(), "chip": 0, "seed": 1, "simulator": TORCH}
    with (
        pytest.raises(UsageError, match=r"tied to another layer.*prepare\(model\)"),
        install(gpt2, layers=("lm_head",), **setup),
    ):
        pass
    prepare(gpt2)
    layers = manifest(gpt2)
    embedding = gpt2.transformer.wte
    before = embedding.weight.detach().clone()
    with install(gpt2, layers=("lm_head",), **setup) as chip:
        chip.drift_to(DAY)
        assert isinstance(gpt2.lm_head, OnTiles)
        assert gpt2.transformer.wte is embedding
        assert torch.equal(embedding.weight, before)
        assert not torch.equal(gpt2.lm_head.get_weights()[0], before)
        assert coverage(gpt2, layers).on_tiles == ("lm_head",)
