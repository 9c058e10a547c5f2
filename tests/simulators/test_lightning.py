"""AIHWKIT-Lightning, where it is installed: chips on it, against aihwkit's definitions."""

import pytest
import torch
from torch import nn

from analog_bench.analog.chip import install
from analog_bench.analog.layer_manifest import paths_on_tiles
from analog_bench.errors import UsageError
from analog_bench.noise import Ideal, OutNoise, Pcm, Quantise
from analog_bench.simulators.physics.run_survey import examine
from analog_bench.simulators.registry import check_case, find_simulator

SPLIT = [367, 367, 366]
LIGHTNING = find_simulator("lightning")
installed = pytest.mark.skipif(
    not LIGHTNING.installed,
    reason="aihwkit-lightning needs a torch of its own, in an environment of its own",
)


@pytest.fixture
def model():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(1100, 70)).eval()


@pytest.fixture
def x():
    return torch.randn(2, 300, 1100, generator=torch.Generator().manual_seed(1))


def read(model, noise, x, batch=0, chip=0):
    setup = {"layers": ("0",), "chip": chip, "seed": 1, "simulator": LIGHTNING}
    with install(model, noise=noise, **setup) as on, torch.inference_mode(), on.reading(batch):
        assert paths_on_tiles(model) == {"0"}
        assert on.paired
        assert on.fingerprint == ()
        return model(x)


@pytest.mark.parametrize(
    ("noise", "hardware", "said"),
    [
        (Pcm(), "ideal", "pcm cannot be had on the lightning tile; use --tile torch or cpp"),
        (OutNoise(), "FloatingPointPreset", "preset FloatingPointPreset needs the torch tile"),
    ],
)
def test_what_it_lacks_is_refused(noise, hardware, said):
    with pytest.raises(UsageError, match=said):
        check_case(noise, 0.0, "lightning", hardware)


@pytest.mark.skipif(LIGHTNING.installed, reason="it is installed")
def test_where_it_is_missing_it_says_what_to_install():
    assert LIGHTNING.status.reason == (
        "aihwkit-lightning is not installed; install aihwkit-lightning 2.1.0 with torch 2.13.0 "
        "on Python 3.11"
    )


@installed
def test_ideal_equals_digital_and_the_model_comes_back(model, x):
    before = dict(model.named_modules())
    with torch.inference_mode():
        torch.testing.assert_close(read(model, Ideal(), x), model(x), rtol=1e-4, atol=1e-5)
    assert dict(model.named_modules()) == before


@installed
def test_noise_is_that_of_the_definition_and_seeded(model, x):
    random = torch.get_rng_state()
    noisy = read(model, OutNoise(0.1), x)
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(noisy, read(model, OutNoise(0.1), x))
    for other in ({"batch": 1}, {"chip": 1}):
        assert not torch.equal(noisy, read(model, OutNoise(0.1), x, **other))
    with torch.inference_mode():
        off = noisy - model(x)
        # One draw for each of the three tiles, in units of its own largest inputs and weights.
        variance = sum(
            (v.abs().amax(-1, keepdim=True) * w.abs().amax(1)).square()
            for v, w in zip(x.split(SPLIT, -1), model[0].weight.split(SPLIT, 1), strict=True)
        )
        z = off / (0.1 * variance.sqrt())
    assert float(z.std()) == pytest.approx(1.0, rel=5 / (2 * z.numel()) ** 0.5)


@installed
def test_fewer_bits_err_more(model, x):
    with torch.inference_mode():
        clean = model(x)
    errors = [float((read(model, Quantise(b, b), x) - clean).norm()) for b in (4, 6, 8)]
    assert errors == sorted(errors, reverse=True)


@installed
def test_its_converters_and_noise_agree_with_the_closed_forms():
    survey = examine("lightning")
    assert survey.tiles == {"lightning": ""}
    assert {check.family for check in survey.checks} == {"out_noise", "quantise"}
    assert survey.failing == ()
    assert [fact.identity for fact in survey.facts if fact.reason] == []
