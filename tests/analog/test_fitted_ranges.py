"""Input ranges fitted to a layer's inputs, against what tiles really compute."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from analog_bench.analog.input_ranges import (
    Converters,
    calibrate,
    fit_input_ranges,
    observe_input_ranges,
)
from analog_bench.simulators.versions import TORCH_VARIANT

kit = pytest.importorskip("analog_bench.simulators.aihwkit")

CONFIG = kit.base_config("torch", TORCH_VARIANT)


def layer_of(inputs: int, outputs: int = 40) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(inputs, outputs, bias=False)).eval()


def fit(model: nn.Module, x: torch.Tensor) -> tuple[float, ...]:
    return fit_input_ranges(model, ["0"], lambda: model(x), kit.converters(CONFIG))["0"]


def outliers(tokens: int = 200, inputs: int = 64) -> torch.Tensor:
    x = torch.randn(tokens, inputs, generator=torch.Generator().manual_seed(1))
    x[:, :2] *= 25.0
    return x


def test_the_converters_are_the_presets() -> None:
    found = kit.converters(CONFIG)
    assert found.tile_inputs == 512
    assert found.input_step == pytest.approx(2 / 254)
    assert found.output_noise == pytest.approx((0.04**2 + (20 / 254) ** 2 / 12) ** 0.5)
    assert kit.converters(kit.base_config("torch", "ideal")).output_noise == 0.0


def test_tiles_compute_better_with_them_where_channels_are_large() -> None:
    model, x = layer_of(64), outliers()
    config = kit.base_config("torch", TORCH_VARIANT)
    config.noise_model, config.drift_compensation = kit.Exact(), None
    observed = observe_input_ranges(model, ["0"], lambda: model(x))["0"]
    with torch.no_grad():
        wanted = model(x)
        errors = []
        for ranges in (observed, fit(model, x)):
            torch.manual_seed(2)
            errors.append(float((kit.build(model[0], config, ranges)(x) - wanted).norm()))
    assert errors[1] < 0.5 * errors[0]


def test_each_tile_has_its_own() -> None:
    model = layer_of(1100)
    x = torch.randn(100, 1100, generator=torch.Generator().manual_seed(1))
    x[:, 367:734] *= 10.0
    first, second, third = fit(model, x)
    assert second > 5 * max(first, third)
    assert len(list(kit.build(model[0], CONFIG, (first, second, third)).analog_tiles())) == 3


def test_a_few_huge_tokens_do_not_decide() -> None:
    model, x = layer_of(64), torch.randn(400, 64, generator=torch.Generator().manual_seed(1))
    usual = fit(model, x)[0]
    x[:3] *= 1000.0
    assert fit(model, x)[0] < 3 * usual


def test_silent_inputs_have_a_range_and_unseen_layers_none() -> None:
    model = layer_of(8)
    assert fit(model, torch.zeros(4, 8)) == (1.0,)
    with pytest.raises(ValueError, match="no input of 0"):
        fit_input_ranges(model, ["0"], lambda: None, Converters(0, 0.0, 0.0))


def test_each_method_is_what_its_name_says() -> None:
    model = layer_of(1100)
    x = torch.randn(100, 1100, generator=torch.Generator().manual_seed(1))
    x[0, 0] = -50.0

    def found(method: str) -> tuple[float, ...]:
        return calibrate(model, ["0"], lambda: model(x), method, kit.converters(CONFIG))["0"]

    assert found("max") == (50.0,) * 3
    assert found("sigma") == (pytest.approx(3 * float(x.std())),) * 3
    assert found("fit") == fit(model, x)
    (quantile,) = set(found("quantile"))
    assert float((x.abs() <= quantile).float().mean()) == pytest.approx(0.999, abs=1e-5)


@pytest.mark.parametrize("method", ["max", "quantile"])
def test_a_range_is_never_zero(method: str) -> None:
    model = layer_of(8)
    ranges = calibrate(
        model, ["0"], lambda: model(torch.zeros(4, 8)), method, Converters(0, 0.0, 0.0)
    )
    assert ranges == {"0": (1.0,)}


def test_many_inputs_are_thinned_and_still_from_every_pass() -> None:
    model = layer_of(4)

    def run() -> None:
        for number in range(40):
            model(torch.full((100, 4), float(number)))

    assert calibrate(model, ["0"], run, "max", Converters(0, 0.0, 0.0))["0"] == (39.0,)
