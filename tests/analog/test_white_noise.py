"""White noise against its definition."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from analog_bench.analog.chip import install
from analog_bench.noise import WhiteOutput, WhiteOutputRel, WhiteWeight

BERT_IDS = torch.arange(24).view(2, 12)


def outputs_of(model: nn.Module, path: str, chip: object, mask: Tensor | None = None) -> Tensor:
    """The output of one layer inside a reading, as the next module sees it."""
    seen: list[Tensor] = []
    handle = model.get_submodule(path).register_forward_hook(lambda _m, _i, y: seen.append(y))
    with torch.inference_mode(), chip.reading(batch=0, attention_mask=mask):
        model(input_ids=BERT_IDS)
    handle.remove()
    return seen[0]


def clean(model: nn.Module, path: str) -> Tensor:
    seen: list[Tensor] = []
    handle = model.get_submodule(path).register_forward_hook(lambda _m, _i, y: seen.append(y))
    with torch.inference_mode():
        model(input_ids=BERT_IDS)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("std", [1.0, 0.03])
def test_white_output_is_normal_and_white(one_layer: type, std: float) -> None:
    model = one_layer(torch.randn(300, 20)).eval()
    x = torch.randn(40, 25, 20)
    with (
        install(model, layers=("dense",), noise=WhiteOutput(std), chip=0, seed=1) as chip,
        torch.inference_mode(),
        chip.reading(batch=0),
    ):
        noise = model(x) - x @ model.dense.weight.T
    n = noise.numel()
    z = noise.double() / std
    assert abs(float(z.mean())) < 5 / math.sqrt(n)
    assert abs(float(z.std()) - 1) < 5 / math.sqrt(2 * n)
    assert abs(float((z**4).mean()) - 3) < 5 * math.sqrt(96 / n)
    flat = z.reshape(-1)
    for lag in (1, 300, 65_536):
        assert abs(float((flat[lag:] * flat[:-lag]).mean())) < 5 / math.sqrt(n - lag)


@pytest.mark.parametrize(
    "layer",
    ["embeddings.word_embeddings", "embeddings.LayerNorm", "encoder.layer.1.intermediate.dense"],
)
def test_white_output_reaches_every_kind_of_layer(bert: nn.Module, layer: str) -> None:
    path = f"bert.{layer}"
    with install(bert, layers=(layer,), noise=WhiteOutput(0.5), chip=0, seed=1) as chip:
        noise = outputs_of(bert, path, chip) - clean_twin(bert, path)
    assert float(noise.std()) == pytest.approx(0.5, rel=5 / math.sqrt(2 * noise.numel()))


def clean_twin(model: nn.Module, path: str) -> Tensor:
    """The clean output, computed with the hook of the chip lifted for a moment."""
    module = model.get_submodule(path)
    hooks, module._forward_hooks = module._forward_hooks, type(module._forward_hooks)()
    try:
        return clean(model, path)
    finally:
        module._forward_hooks = hooks


def test_white_output_rel_is_in_units_of_the_rms_without_padding(bert: nn.Module) -> None:
    path = "bert.encoder.layer.0.output.dense"
    mask = torch.ones(2, 12, dtype=torch.long)
    mask[1, 3:] = 0
    clean_output = clean(bert, path).double()
    rms = math.sqrt(float((clean_output**2)[mask.bool()].mean()))
    rms_of_all = math.sqrt(float((clean_output**2).mean()))
    for used, expected in ((mask, rms), (None, rms_of_all)):
        with install(bert, layers=(path,), noise=WhiteOutputRel(0.3), chip=0, seed=1) as chip:
            noise = outputs_of(bert, path, chip, used) - clean_output
        n = noise.numel()
        assert float(noise.std()) == pytest.approx(0.3 * expected, rel=5 / math.sqrt(2 * n))
    assert abs(rms / rms_of_all - 1) > 1e-3


def test_a_mask_of_the_wrong_shape_is_refused(bert: nn.Module) -> None:
    with (
        install(bert, layers=("qa_outputs",), noise=WhiteOutputRel(), chip=0, seed=1) as chip,
        pytest.raises(ValueError, match="does not fit"),
        chip.reading(batch=0, attention_mask=torch.ones(2, 5)),
        torch.inference_mode(),
    ):
        bert(input_ids=BERT_IDS)


def test_position_embeddings_are_read_anew_for_every_input(bert: nn.Module) -> None:
    path = "bert.embeddings.position_embeddings"
    mask = torch.ones(2, 12, dtype=torch.long)
    with install(bert, layers=(path,), noise=WhiteOutput(1.0), chip=0, seed=1) as chip:
        noisy = outputs_of(bert, path, chip, mask)
    assert noisy.shape[0] == 2
    noise = noisy - clean(bert, path)
    assert abs(float((noise[0] * noise[1]).mean())) < 5 / math.sqrt(noise[0].numel())
    assert float(noise.std()) == pytest.approx(1.0, rel=5 / math.sqrt(2 * noise.numel()))


def test_white_weight_is_relative_to_each_output_column(effective) -> None:
    weight = torch.randn(200, 300) * torch.logspace(-3, 1, 200)[:, None]
    noise = effective(weight, WhiteWeight(0.05)) - weight
    z = (noise / weight.abs().amax(1, keepdim=True) / 0.05).double()
    assert abs(float(z.mean())) < 5 / math.sqrt(z.numel())
    assert abs(float(z.std()) - 1) < 5 / math.sqrt(2 * z.numel())
    assert float((z.std(dim=1) - 1).abs().max()) < 6 / math.sqrt(2 * 300)


@pytest.mark.parametrize(
    "layer", ["embeddings.word_embeddings", "encoder.layer.0.output.LayerNorm"]
)
def test_white_weight_of_embeddings_and_norms_is_relative_to_the_tensor(
    bert: nn.Module, layer: str
) -> None:
    module = bert.get_submodule(f"bert.{layer}")
    before = module.weight.detach().clone()
    noises = []
    for chip in range(30):
        with install(bert, layers=(layer,), noise=WhiteWeight(0.1), chip=chip, seed=1):
            noises.append(module.weight.detach() - before)
    z = torch.cat([n.reshape(-1) for n in noises]) / before.abs().max() / 0.1
    assert float(z.std()) == pytest.approx(1.0, rel=5 / math.sqrt(2 * z.numel()))
    assert torch.equal(module.weight, before)


def test_white_weight_knows_the_columns_of_a_conv1d() -> None:
    torch.manual_seed(0)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.product = Conv1D(40, 40)
            self.product.weight.data *= torch.logspace(-2, 2, 40)

    model = Model()
    clean_weight = model.product.weight.detach().clone()
    with install(model, layers=("product",), noise=WhiteWeight(0.1), chip=0, seed=1):
        noise = model.product.weight.detach() - clean_weight
    z = noise / clean_weight.abs().amax(0, keepdim=True) / 0.1
    assert float((z.std(dim=0) - 1).abs().max()) < 6 / math.sqrt(2 * 40)


def test_mobilebert_nonorms_take_white_noise(mobilebert: nn.Module) -> None:
    layer = "encoder.layer.0.output.bottleneck.LayerNorm"
    with torch.inference_mode():
        reference = mobilebert(input_ids=BERT_IDS).start_logits
    for noise in (WhiteOutput(0.5), WhiteWeight(0.5)):
        with (
            install(mobilebert, layers=(layer,), noise=noise, chip=0, seed=1) as chip,
            torch.inference_mode(),
            chip.reading(batch=0),
        ):
            assert not torch.equal(mobilebert(input_ids=BERT_IDS).start_logits, reference)
    with torch.inference_mode():
        assert torch.equal(mobilebert(input_ids=BERT_IDS).start_logits, reference)
