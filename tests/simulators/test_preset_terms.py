"""Single terms of a preset: none of them is digital, all of them are the preset."""

from itertools import accumulate, pairwise

import pytest
import torch
from torch import nn

from analog_bench.analog.chip import install
from analog_bench.errors import UsageError
from analog_bench.noise import OutNoise, Pcm, Preset, Quantise
from analog_bench.simulators.registry import check_case, find_simulator, presets
from analog_bench.simulators.versions import TORCH_VARIANT
from tests.analog.conftest import usable

kit = pytest.importorskip("analog_bench.simulators.aihwkit")
DAY_S = 86_400.0
# Three tiles of a layer: what one draws when it is read out must not move the next one's draws.
INPUTS = torch.randn(20, 1100, generator=torch.Generator().manual_seed(2))
PRESETS = [(name, engine.name) for name, engine in presets().items()]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(1100, 12)).eval()


def on_chip(model, noise, tile="torch", hardware="ideal"):
    """Return outputs after a day, and what was programmed."""
    setup = {"simulator": find_simulator(tile), "hardware": hardware, "input_ranges": {"0": 2.0}}
    with install(model, layers=("0",), noise=noise, chip=3, seed=1, **setup) as chip:
        chip.drift_to(DAY_S)
        with torch.inference_mode(), chip.reading(0):
            return model(INPUTS), chip.fingerprint


def error(outputs, expected):
    return float((outputs - expected).norm() / expected.norm())


@pytest.mark.parametrize(("name", "tile"), PRESETS)
def test_the_list_of_terms_is_what_the_preset_has(name, tile):
    simulator = find_simulator(tile)
    assert kit.terms_of(kit.base_config(tile, name)) == tuple(simulator.terms[name])
    assert simulator.presets[name] == ("input_range" in simulator.terms[name])


@pytest.mark.parametrize(("name", "tile"), PRESETS)
def test_the_mapping_alone_is_digital_within_rounding(model, name, tile):
    outputs, _ = on_chip(model, Preset(name, "mapping"), usable(tile))
    with torch.inference_mode():
        assert error(outputs, model(INPUTS)) < 1e-6


def test_all_terms_are_the_preset_to_the_bit(model):
    terms = "+".join(find_simulator("torch").terms[TORCH_VARIANT])
    (every, one), (whole, other) = (on_chip(model, n) for n in (Preset(terms=terms), Preset()))
    assert torch.equal(every, whole)
    assert one == other


def test_each_term_changes_what_the_layer_gives_and_no_chip(model):
    terms = [*accumulate(find_simulator("torch").terms[TORCH_VARIANT], "{}+{}".format)]
    found = [on_chip(model, Preset(terms=some)) for some in terms]
    assert all(error(after[0], before[0]) > 1e-3 for before, after in pairwise(found))
    # Weights, then drift exponents of the chip: the first has no noise of programming, the second
    # no drift, and all further ones are the whole preset's.
    programmed = on_chip(model, Preset())[1]
    assert [own[:4] == programmed[:4] for _, own in found] == [False, *[True] * 8]
    assert [own == programmed for _, own in found] == [False, False, *[True] * 7]


@pytest.mark.parametrize(
    ("terms", "alike"),
    [
        ("programming+drift+read", Pcm()),
        ("programming", Pcm(read=0.0, drift=0.0, compensate=False)),
    ],
)
def test_terms_of_the_cells_are_those_of_the_family(model, terms, alike):
    # Both are PCM; they differ in their draws alone.
    with torch.inference_mode():
        digital = model(INPUTS)
    errors = [error(on_chip(model, noise)[0], digital) for noise in (Preset(terms=terms), alike)]
    assert errors[0] == pytest.approx(errors[1], rel=0.1)


def test_terms_of_the_periphery_are_those_of_the_families(model):
    with torch.inference_mode():
        digital = model(INPUTS)
        clipped = model(INPUTS.clamp(-2.0, 2.0))
    ranged = on_chip(model, Preset(terms="input_range"))[0]
    assert error(ranged, clipped) < 1e-6 < error(ranged, digital)
    steps = error(on_chip(model, Preset(terms="input_range+dac"))[0], clipped)
    # The preset's converters have 254 steps, which is 8 bits; here each vector has its own range.
    assert steps == pytest.approx(error(on_chip(model, Quantise(8, 0))[0], digital), rel=0.8)
    noisy = error(on_chip(model, Preset(terms="input_range+out_noise"))[0], clipped)
    # As large in units of a range of 2, where the family has that of the largest input.
    largest = float(INPUTS.abs().amax(1).square().mean().sqrt())
    alike = error(on_chip(model, OutNoise(0.04))[0], digital)
    assert noisy == pytest.approx(alike * 2.0 / largest, rel=0.15)


@pytest.mark.parametrize(
    ("noise", "tile", "said"),
    [
        (Preset("FloatingPointPreset", "dac"), "torch", "has no term dac; it has mapping, progr"),
        (Preset(terms="ir_drop"), "torch", f"preset {TORCH_VARIANT} has no term ir_drop; it has"),
        (Preset(terms="dac"), "torch", "the term dac needs input_range, which its steps are shar"),
        (Preset(terms="adc"), "torch", "needs out_bound.*; write terms=mapping.adc.out_bound"),
    ],
)
def test_what_a_preset_has_not_is_refused(noise, tile, said):
    with pytest.raises(UsageError, match=said):
        check_case(noise, DAY_S, tile, "ideal")
