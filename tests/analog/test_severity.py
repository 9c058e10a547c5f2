"""The severity solved for gives the error asked for, on other chips and other inputs, too."""

from __future__ import annotations

import math
from statistics import fmean

import pytest
import torch
from torch import Tensor, nn

from analog_bench.analog.chip import install
from analog_bench.analog.clean_inputs import CleanInputs
from analog_bench.analog.severity_solver import output_error, solve_severity
from analog_bench.errors import UsageError
from analog_bench.noise import EqualError, Measured, WhiteOutput, families
from analog_bench.simulators.registry import find_simulator
from tests.analog.conftest import usable
from tests.device_tables import TABLE

DAY = 86_400.0
TORCH = find_simulator("torch")
OUT, IN = 128, 24
ON_TILES = [
    (f"measured:{TABLE}" if cls is Measured else name, tile)
    for name, cls in families().items()
    if cls.SEVERITY and cls.WHERE == "tile"
    for tile in ("torch", "cpp")
    if cls in find_simulator(tile).noises
]
OFF_TILES = [
    (name, "torch") for name, cls in families().items() if cls.SEVERITY and cls.WHERE != "tile"
]


@pytest.fixture(scope="module")
def weight() -> Tensor:
    return torch.randn(OUT, IN, generator=torch.Generator().manual_seed(1)) / 8


@pytest.fixture
def model(weight, one_layer) -> nn.Module:
    return one_layer(weight).eval()


def rows(seed: int) -> Tensor:
    return torch.randn(256, IN, generator=torch.Generator().manual_seed(seed))


def inputs(seed: int) -> CleanInputs:
    return CleanInputs(rows(seed))


def time_of(noise: EqualError) -> float:
    return DAY if noise.DRIFTS else 0.0


@pytest.fixture
def solved(model):
    """Solve for the one layer; inputs are those of seed 0."""

    def solve(noise: EqualError, **setup: object) -> float:
        options = {"seed": 1, "drift_s": time_of(noise), "simulator": TORCH, **setup}
        return solve_severity(model, "dense", noise, inputs(0), **options)

    return solve


@pytest.fixture
def fresh_error(model):
    """The mean error at a severity on inputs and chips that the solution has not seen."""

    def measure(noise: EqualError, severity: float, chips: int = 8, **setup: object) -> float:
        options = {"drift_s": time_of(noise), "simulator": TORCH, **setup}
        noise = noise.at(severity)
        return fmean(
            output_error(model, "dense", noise, inputs(99), chip=chip, seed=2, **options)
            for chip in range(chips)
        )

    return measure


@pytest.mark.parametrize(("name", "tile"), ON_TILES + OFF_TILES)
def test_fresh_inputs_err_as_asked(name, tile, solved, fresh_error) -> None:
    if (name, tile) in ON_TILES:
        usable(tile)
    severities = []
    # Few devices of 3 000 are stuck, so chips differ.
    close = 0.1 if name == "stuck" else 0.05
    for error in (0.2, 0.5) if name == "stuck" else (0.05, 0.2):
        noise = EqualError(name, error)
        severities.append(solved(noise, simulator=find_simulator(tile)))
        assert fresh_error(noise, severities[-1], simulator=find_simulator(tile)) == pytest.approx(
            error, rel=close
        )
    less, more = severities
    assert less < more
    assert float(f"{less:.3g}") == less


@pytest.mark.parametrize(("name", "tile"), [("pcm", "torch"), ("stuck", "torch"), *OFF_TILES])
def test_the_error_goes_up_with_the_severity(name, tile, solved, fresh_error) -> None:
    noise = EqualError(name, 0.1)
    severity = solved(noise, simulator=find_simulator(tile))
    errors = [
        fresh_error(noise, severity * factor, chips=1, simulator=find_simulator(tile))
        for factor in (0.2, 0.9, 1.1, 3)
    ]
    assert errors == sorted(errors)
    assert errors[0] < 0.06 < 0.16 < errors[-1]


def test_white_noise_has_closed_forms(solved, weight) -> None:
    assert solved(EqualError("white_output_rel", 0.123)) == pytest.approx(0.123, rel=0.005)
    rms = float((rows(0) @ weight.T).double().square().mean().sqrt())
    assert solved(EqualError("white_output", 0.2)) == pytest.approx(0.2 * rms, rel=0.008)
    # Of Gaussian weights: each output column scatters by its own largest magnitude.
    columns = weight.abs().amax(1).double().square().mean() * rows(0).double().square().sum(1)
    size = (rows(0) @ weight.T).double().square().mean(1)
    per_unit = math.sqrt(float(columns.mean() / size.mean()))
    assert solved(EqualError("white_weight", 0.2)) == pytest.approx(0.2 / per_unit, rel=0.05)


@pytest.mark.parametrize("name", ["pcm", "out_noise", "white_output"])
def test_a_chip_draws_what_it_draws_under_the_family_itself(name, solved, model) -> None:
    noise = EqualError(name, 0.3)
    severity = solved(noise)
    plain = noise.at(severity)
    outputs, prints = [], []
    for given, severities in ((noise, {"dense": severity}), (plain, None)):
        options = {"noise": given, "severities": severities, "chip": 5, "seed": 9}
        options["simulator"] = TORCH
        with install(model, layers=["dense"], **options) as chip:
            assert chip.solved == ({} if severities is None else {"dense": plain})
            assert chip.paired
            prints.append(chip.fingerprint)
            chip.drift_to(time_of(noise))
            with torch.inference_mode(), chip.reading(batch=2):
                outputs.append(model(rows(3)))
    assert torch.equal(*outputs)
    assert prints[0] == prints[1]


def test_the_same_every_time_and_no_trace_is_left(solved, model, weight) -> None:
    noise = EqualError("pcm", 0.1)
    torch.manual_seed(1)
    first = solved(noise)
    solved(EqualError("stuck", 0.4))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert solved(noise) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(model.dense.weight, weight)
    assert not model.dense._forward_hooks
    assert solved(noise, seed=2) == pytest.approx(first, rel=0.05)


def test_every_drift_time_is_solved_for(solved, fresh_error) -> None:
    noise = EqualError("pcm:compensate=no", 0.3)
    early, late = (solved(noise, drift_s=seconds) for seconds in (0.0, 10 * 365 * DAY))
    assert early > 2 * late
    assert fresh_error(noise, early, drift_s=0.0) == pytest.approx(0.3, rel=0.05)


def test_one_parameter_alone_leaves_the_others_as_given(solved, fresh_error) -> None:
    noise = EqualError("pcm:drift=0", 0.3, parameter="read")
    severity = solved(noise)
    assert noise.at(severity) != EqualError("pcm:drift=0", 0.3).at(severity)
    assert fresh_error(noise, severity) == pytest.approx(0.3, rel=0.05)


def test_the_errors_of_the_hardware_count(solved, fresh_error) -> None:
    setup = {"hardware": "StandardHWATrainingTorch", "input_ranges": {"dense": 3.0}}
    noise = EqualError("out_noise", 0.3)
    severity = solved(noise, **setup)
    assert severity < solved(noise)
    assert fresh_error(noise, severity, **setup) == pytest.approx(0.3, rel=0.05)
    with pytest.raises(UsageError) as caught:
        solved(EqualError("out_noise", 0.01), **setup)
    text = str(caught.value)
    assert "error=0.01 is out of reach for dense: the smallest error" in text
    assert text.endswith("; ask for more")
    assert "\n" not in text


def test_what_saturates_says_how_far_it_goes(solved) -> None:
    with pytest.raises(UsageError, match=r"s_shape,error=1.5 is out of reach for dense") as caught:
        solved(EqualError("s_shape", 1.5), simulator=find_simulator(usable("cpp")))
    assert "the largest error that the family has there is 1, with s_shape:" in str(caught.value)
    # Right after programming nothing has drifted, whatever the exponents.
    nothing = EqualError("pcm:prog=0+read=0", 0.1, parameter="drift")
    with pytest.raises(UsageError, match=r"the largest error that the family has there is \S+e-0"):
        solved(nothing, drift_s=0.0)


@pytest.mark.filterwarnings("error")
def test_devices_that_break_down_are_out_of_reach(solved) -> None:
    with pytest.raises(UsageError, match="the largest error that the family has there is 0"):
        solved(EqualError("reram_cmo", 1.9))


def test_layers_of_few_outputs_average_over_more_chips(one_layer) -> None:
    model = one_layer(torch.randn(2, IN, generator=torch.Generator().manual_seed(1))).eval()
    noise = EqualError("white_weight", 0.2)
    severity = solve_severity(model, "dense", noise, inputs(0), seed=1)
    error = fmean(
        output_error(model, "dense", noise.at(severity), inputs(9), chip=chip, seed=3)
        for chip in range(200)
    )
    assert error == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize(
    ("layer", "rows"),
    [
        ("embeddings.word_embeddings", torch.arange(60)),
        ("embeddings.LayerNorm", torch.randn(50, 24, generator=torch.Generator().manual_seed(4))),
    ],
)
@pytest.mark.parametrize("name", ["white_output", "white_output_rel", "white_weight"])
def test_white_noise_acts_on_embeddings_and_norms(bert, layer, rows, name) -> None:
    inputs = CleanInputs(rows)
    noise = EqualError(name, 0.1)
    severity = solve_severity(bert, layer, noise, inputs, seed=1)
    chips = [
        output_error(bert, layer, noise.at(severity), inputs, chip=chip, seed=2)
        for chip in range(9)
    ]
    assert fmean(chips) == pytest.approx(0.1, rel=0.08)


@pytest.mark.parametrize(("value", "found"), [(0.0, "nothing but zeros"), (math.nan, "no finite")])
def test_there_must_be_an_output(one_layer, value, found) -> None:
    model = one_layer(torch.full((3, IN), value)).eval()
    with pytest.raises(UsageError, match=f"dense puts out .*{found}"):
        solve_severity(model, "dense", EqualError("white_output"), inputs(0), seed=1)


def test_a_severity_is_needed(model) -> None:
    with (
        pytest.raises(ValueError, match="needs a severity for dense"),
        install(model, layers=["dense"], noise=EqualError(), chip=0, seed=1),
    ):
        pass
    assert type(model.dense) is nn.Linear


def test_the_error_is_the_one_of_the_definition(model) -> None:
    weights = torch.arange(256.0)
    one = {"chip": 1, "seed": 7}
    got = output_error(model, "dense", WhiteOutput(0.5), inputs(5), **one)
    weighted = output_error(model, "dense", WhiteOutput(0.5), CleanInputs(rows(5), weights), **one)
    options = {"layers": ["dense"], "noise": WhiteOutput(0.5), "chip": 1, "seed": 7}
    with torch.inference_mode():
        clean = model(rows(5))
        with install(model, **options) as chip, chip.reading(batch=0):
            noisy = model(rows(5))
    assert got == pytest.approx(float((noisy - clean).norm() / clean.norm()), rel=1e-6)
    # As if the n-th row were there n times.
    often = weights.long()
    noisy, clean = (out.double().repeat_interleave(often, dim=0) for out in (noisy, clean))
    assert weighted == pytest.approx(float((noisy - clean).norm() / clean.norm()), rel=1e-5)
