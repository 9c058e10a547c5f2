"""Hardware presets are aihwkit's, field by field, and noises go on top of them."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import pytest
import torch
from torch import nn

from analog_bench.analog import input_ranges
from analog_bench.analog.chip import install
from analog_bench.analog.input_ranges import observe_input_ranges
from analog_bench.errors import UsageError
from analog_bench.noise import (
    Noise,
    OutNoise,
    Pcm,
    PcmRead,
    Preset,
    Quantise,
    WhiteWeight,
    parse_noise,
)
from analog_bench.simulators.registry import find_simulator, presets
from analog_bench.simulators.versions import TORCH_VARIANT

PRESETS = {name: one.name for name, one in presets().items()}
kit = pytest.importorskip("analog_bench.simulators.aihwkit")
aihwkit_presets = pytest.importorskip("aihwkit.simulator.presets.inference")

ENGINE_FIELDS = ("tile_class", "tile_array_class", "simulator_tile_class")
INPUT_IDS = torch.arange(24).view(2, 12)


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Every plain value of a configuration by its dotted name."""
    if isinstance(value, (int, float, str, bool, type(None), type, enum.Enum)):
        return {name: value}
    if isinstance(value, (list, tuple)):
        return {name: tuple(value)}
    if dataclasses.is_dataclass(value):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
        parts = {"class": type(value).__name__, **vars(value)}
    found: dict[str, Any] = {}
    for part, inner in parts.items():
        if not (name == "" and part in ENGINE_FIELDS):
            found |= flat(inner, f"{name}.{part}".lstrip("."))
    return found


def differences(a: Any, b: Any) -> set[str]:
    one, other = flat(a), flat(b)
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def config_of(noise: Noise, tile: str, hardware: str = "ideal") -> Any:
    """The configuration that really sits in an installed tile."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4)).eval()
    setup = {"simulator": find_simulator(tile), "hardware": hardware, "input_ranges": {"0": 2.5}}
    with install(model, layers=("0",), noise=noise, chip=0, seed=1, **setup):
        (tile_module,) = model[0].analog_tiles()
        return tile_module.rpu_config


def test_the_list_of_presets_is_what_aihwkit_offers() -> None:
    offered = {name: kit.tile_of(cls) for name, cls in kit.presets().items()}
    assert dict(PRESETS) == {**offered, TORCH_VARIANT: "torch"}


@pytest.mark.parametrize("name", [name for name in PRESETS if name != TORCH_VARIANT])
def test_a_preset_is_exactly_aihwkits(name: str, request: pytest.FixtureRequest) -> None:
    if PRESETS[name] == "cpp":
        request.getfixturevalue("cpp")
    original = getattr(aihwkit_presets, name)()
    installed = config_of(Preset(name), PRESETS[name])
    assert type(installed) is type(original)
    assert len(flat(original)) > 80
    assert differences(installed, original) == set()


def test_the_torch_variant_lacks_exactly_two_terms() -> None:
    original = aihwkit_presets.StandardHWATrainingPreset()
    variant = config_of(Preset(TORCH_VARIANT), "torch")
    assert differences(variant, original) == {
        "forward.w_noise",
        "forward.w_noise_type",
        "forward.ir_drop",
    }
    assert variant.forward.w_noise == variant.forward.ir_drop == 0.0
    assert variant.forward.w_noise_type == kit.WeightNoiseType.NONE


@pytest.mark.parametrize(
    ("noise", "changed"),
    [
        (OutNoise(0.5), {"forward.out_noise"}),
        (Quantise(4, 6, 5.0), {"forward.inp_res", "forward.out_res", "forward.out_bound"}),
        (Pcm(0.5, 1, 2), {"noise_model.prog_noise_scale", "noise_model.drift_scale"}),
        (parse_noise("pcm:compensate=no"), {"drift_compensation.class"}),
    ],
)
def test_a_noise_changes_its_own_terms_of_the_hardware_only(
    noise: Noise, changed: set[str]
) -> None:
    preset = kit.base_config("torch", TORCH_VARIANT)
    assert differences(config_of(noise, "torch", TORCH_VARIANT), preset) == changed


def test_a_noise_on_the_cpp_preset(cpp: str) -> None:
    preset = kit.base_config(cpp, "StandardHWATrainingPreset")
    config = config_of(PcmRead(0.1), cpp, "StandardHWATrainingPreset")
    assert differences(config, preset) == {"forward.w_noise"}


def test_noise_on_a_perfect_preset_is_not_disregarded() -> None:
    config = config_of(OutNoise(0.5), "torch", "FloatingPointPreset")
    assert not config.forward.is_perfect
    ideal = config_of(OutNoise(0.5), "torch")
    assert differences(config.forward, ideal.forward) == set()


def test_timed_ir_drop_keeps_the_rest_of_the_preset() -> None:
    preset = kit.base_config("torch", TORCH_VARIANT)
    config = config_of(parse_noise("ir_drop:2"), "torch", TORCH_VARIANT)
    added = differences(config, preset) - {"forward.ir_drop"}
    assert config.forward.ir_drop == 2.0
    assert added == {
        "forward.ir_drop_rs",
        "forward.ir_drop_segments",
        "forward.ir_drop_time_step_resolution_scale",
        "forward.ir_drop_v_read",
        "forward.apply_xdep_pcm_read_noise",
        "forward.xdep_pcm_read_noise_scale",
        "forward.adc_quantization",
        "forward.adc_frequency",
        "forward.ir_drop_integration_sum",
    }


def test_static_input_ranges_reach_the_tiles(bert: nn.Module) -> None:
    layers = ("encoder.layer.0.output.dense", "qa_outputs")
    batches = [
        torch.randint(0, 60, (2, 9), generator=torch.Generator().manual_seed(n)) for n in range(4)
    ]
    inputs: list[torch.Tensor] = []
    handle = bert.qa_outputs.register_forward_pre_hook(lambda _m, args: inputs.append(args[0]))

    def run() -> None:
        for batch in batches:
            bert(input_ids=batch)

    ranges = observe_input_ranges(bert, layers, run)
    handle.remove()
    expected = sum(3.0 * float(x.std()) for x in inputs) / len(inputs)
    assert ranges["qa_outputs"] == pytest.approx(expected)
    assert not bert.qa_outputs._forward_pre_hooks
    preset = Preset(TORCH_VARIANT)
    setup = {"layers": layers, "chip": 0, "seed": 1, "simulator": find_simulator("torch")}
    with install(bert, noise=preset, input_ranges=ranges, **setup):
        for layer, path in zip(layers, ("bert." + layers[0], layers[1]), strict=True):
            for tile in bert.get_submodule(path).analog_tiles():
                assert float(tile.input_range) == pytest.approx(ranges[layer])
    with (
        pytest.raises(ValueError, match="observe_input_ranges"),
        install(bert, noise=preset, **setup),
    ):
        pass


def test_the_rule_for_input_ranges_is_the_presets() -> None:
    for name in PRESETS:
        rule = kit.base_config(PRESETS[name], name).pre_post.input_range
        if rule.enable:
            assert rule.init_std_alpha == input_ranges.STD_ALPHA
            assert rule.init_from_data == input_ranges.BATCHES


def test_aihwkit_itself_finds_the_same_input_range() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4)).eval()
    batches = [torch.randn(8, 6) * scale for scale in (1.0, 0.0, 3.0)]
    ranges = observe_input_ranges(model, ("0",), lambda: [model(x) for x in batches])
    layer = kit.build(model[0], kit.torch_variant(), 3.0)
    layer.train()
    with torch.no_grad():
        for x in batches:
            layer(x)
    (tile,) = layer.analog_tiles()
    assert ranges["0"] == pytest.approx(float(tile.input_range))


def test_a_layer_that_is_never_computed_has_no_range(bert: nn.Module) -> None:
    with pytest.raises(ValueError, match="no input of qa_outputs"):
        observe_input_ranges(bert, ("qa_outputs",), lambda: None)


@pytest.mark.parametrize(
    ("layers", "noise", "words"),
    [
        (("encoder.layer.0.output.dens",), WhiteWeight(), "did you mean 'encoder"),
        (("embeddings.word_embeddings",), Pcm(), "only matrix multiplications"),
        (("encoder.layer.0.output.LayerNorm",), Pcm(), "only matrix multiplications"),
    ],
)
def test_layers_that_cannot_carry_the_noise(
    bert: nn.Module, layers: tuple[str, ...], noise: Noise, words: str
) -> None:
    before = dict(bert.named_modules())
    setup = {"layers": layers, "chip": 0, "seed": 1, "simulator": find_simulator("torch")}
    with pytest.raises(UsageError, match=words), install(bert, noise=noise, **setup):
        pass
    assert dict(bert.named_modules()) == before
