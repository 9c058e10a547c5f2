"""A chip comes and goes without a trace, and draws the same whatever goes on around it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from analog_bench.analog.chip import Chip, install
from analog_bench.analog.compatibility import family_of
from analog_bench.analog.layers import find
from analog_bench.errors import UsageError
from analog_bench.noise import IrDrop, Noise, ReramWan2022, families, parse_noise
from analog_bench.simulators.registry import find_simulator
from tests.device_tables import plain

FFN = "encoder.layer.0.output.dense"
QUERY = "encoder.layer.1.attention.self.query"
HEAD = "qa_outputs"
INPUT_IDS = torch.arange(24).view(2, 12)
RANGES = {FFN: 2.0, QUERY: 2.0, HEAD: 2.0}
SEVERITIES = {FFN: 0.05, QUERY: 0.05, HEAD: 0.05}
DAY = 86_400.0


def has(family: type[Noise], tile: str) -> bool:
    acting = family_of(family())
    return acting.WHERE == "tile" and type(acting) in find_simulator(tile).noises


def everywhere() -> Iterator[object]:
    """Every family on every tile engine it can be had on, presets included."""
    for name, family in families().items():
        if name != "preset":
            for tile in [t for t in ("torch", "cpp") if has(family, t)] or ["torch"]:
                # The wires of a tile as small as these are too short to matter.
                noise = IrDrop(100.0) if family is IrDrop else plain(family)
                yield pytest.param(noise, tile, id=f"{name}-{tile}")
    for preset, tile in (
        ("StandardHWATrainingTorch", "torch"),
        ("StandardHWATrainingPreset", "cpp"),
    ):
        yield pytest.param(parse_noise(f"preset:{preset}"), tile, id=f"{preset}-{tile}")


@contextmanager
def chip_in(
    model: nn.Module,
    noise: Noise,
    tile: str = "torch",
    layers: tuple[str, ...] = (FFN,),
    chip: int = 0,
    seed: int = 1,
) -> Iterator[Chip]:
    setup = {"layers": layers, "chip": chip, "seed": seed, "simulator": find_simulator(tile)}
    known = {"input_ranges": RANGES, "severities": SEVERITIES}
    with install(model, noise=noise, **known, **setup) as installed:
        yield installed


def logits(model: nn.Module, chip: Chip, batch: int = 0) -> Tensor:
    with torch.inference_mode(), chip.reading(batch=batch):
        return model(input_ids=INPUT_IDS).start_logits


def digital(model: nn.Module) -> Tensor:
    with torch.inference_mode():
        return model(input_ids=INPUT_IDS).start_logits


def state(model: nn.Module) -> dict[str, object]:
    return {
        "modules": {path: id(module) for path, module in model.named_modules()},
        "storage": {
            name: (id(p), p.data_ptr(), p._version, p.requires_grad)
            for name, p in model.named_parameters()
        },
        "keys": list(model.state_dict()),
        "hooks": sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()),
        "training": [m.training for m in model.modules()],
    }


def needs(tile: str, request: pytest.FixtureRequest) -> None:
    if tile == "cpp":
        request.getfixturevalue("cpp")


@pytest.mark.parametrize(("noise", "tile"), list(everywhere()))
def test_the_model_comes_back_exactly(
    bert: nn.Module, noise: Noise, tile: str, request: pytest.FixtureRequest
) -> None:
    needs(tile, request)
    before, clean, random = state(bert), digital(bert), torch.get_rng_state()
    with chip_in(bert, noise, tile, (FFN, HEAD)) as chip:
        chip.drift_to(DAY)
        noisy = logits(bert, chip)
        assert torch.isfinite(noisy).all()
        if noise.NAME == "ideal":
            torch.testing.assert_close(noisy, clean, rtol=1e-5, atol=1e-6)
        else:
            assert not torch.allclose(noisy, clean, rtol=1e-4, atol=1e-5)
    assert state(bert) == before
    assert torch.equal(digital(bert), clean)
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("text", ["white_output", "white_weight", "pcm", "out_noise"])
def test_also_after_an_exception(bert: nn.Module, text: str) -> None:
    before, random = state(bert), torch.get_rng_state()

    def stop(*_: object) -> None:
        torch.rand(3)
        raise KeyboardInterrupt

    handle = bert.qa_outputs.register_forward_pre_hook(stop)
    with pytest.raises(KeyboardInterrupt), chip_in(bert, parse_noise(text)) as chip:
        logits(bert, chip)
    handle.remove()
    assert state(bert) == before
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("tile", ["torch", "cpp"])
@pytest.mark.parametrize("text", ["pcm", "out_noise", "ir_drop", "stuck"])
def test_its_memory_is_free_at_once(
    bert: nn.Module, text: str, tile: str, request: pytest.FixtureRequest
) -> None:
    needs(tile, request)
    gc.collect()
    gc.disable()
    try:
        with chip_in(bert, parse_noise(text), tile) as chip:
            chip.drift_to(DAY)
            logits(bert, chip)
            analog = bert.get_submodule(find(bert, [FFN])[0].path)
            held = [weakref.ref(analog), *map(weakref.ref, analog.analog_tiles())]
        del chip, analog
        assert [ref() for ref in held] == [None] * len(held)
    finally:
        gc.enable()


def test_also_when_a_later_layer_cannot_be_programmed(bert: nn.Module) -> None:
    before = state(bert)
    setup = {"layers": (FFN, HEAD), "chip": 0, "seed": 1, "input_ranges": {FFN: 2.0}}
    setup["simulator"] = find_simulator("torch")
    noise = parse_noise("preset:StandardHWATrainingTorch")
    with pytest.raises(ValueError, match="qa_outputs"), install(bert, noise=noise, **setup):
        pass
    assert state(bert) == before


def is_seeded(noise: Noise, tile: str) -> bool:
    # The family that `equal_error` is about by default draws at reads.
    unseeded = ("out_noise", "inp_noise", "pcm_read", "equal_error")
    return tile == "torch" or not (
        noise.NAME in unseeded or str(noise) == "preset:name=StandardHWATrainingPreset"
    )


@pytest.mark.parametrize(("noise", "tile"), list(everywhere()))
def test_the_same_chip_twice_and_whatever_was_done_before(
    bert: nn.Module, noise: Noise, tile: str, request: pytest.FixtureRequest
) -> None:
    needs(tile, request)
    with chip_in(bert, noise, tile) as chip:
        chip.drift_to(DAY)
        first, fingerprint, paired = logits(bert, chip, 5), chip.fingerprint, chip.paired
    torch.manual_seed(99)
    with chip_in(bert, noise, tile) as chip:
        for seconds in (2 * DAY, 1.0, DAY):
            chip.drift_to(seconds)
        logits(bert, chip, 6)
        torch.rand(10)
        again = logits(bert, chip, 5)
        assert chip.fingerprint == fingerprint
    assert paired == is_seeded(noise, tile)
    assert torch.equal(first, again) == paired
    if noise.DRAWN_ONCE:
        assert len(fingerprint) >= 4
        assert all(x == float(f"{x:.6e}") for x in fingerprint)
        with chip_in(bert, noise, tile, chip=1) as other:
            assert other.fingerprint != fingerprint
        with chip_in(bert, noise, tile, seed=2) as other:
            assert other.fingerprint != fingerprint
    else:
        assert fingerprint == ()


@pytest.mark.parametrize("text", ["pcm", "stuck", "white_weight", "out_noise", "white_output"])
def test_a_layer_draws_the_same_whatever_else_is_analog(bert: nn.Module, text: str) -> None:
    noise = parse_noise(text)
    found = []
    for layers in ((FFN,), (QUERY, FFN, HEAD), (HEAD, FFN)):
        outputs: list[Tensor] = []
        path = f"bert.{FFN}"
        x = torch.randn(2, 3, 40, generator=torch.Generator().manual_seed(0))
        with chip_in(bert, noise, layers=layers) as chip:
            chip.drift_to(DAY)
            with torch.inference_mode(), chip.reading(batch=2):
                if HEAD in layers:
                    bert.qa_outputs(torch.ones(1, 24))
                outputs.append(bert.get_submodule(path)(x))
        found.append(outputs[0])
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_fingerprints_follow_the_layers(bert: nn.Module) -> None:
    noise = parse_noise("pcm")
    with chip_in(bert, noise) as alone, chip_in(bert, noise, layers=(HEAD,)) as head:
        apart = (*alone.fingerprint, *head.fingerprint)
    with chip_in(bert, noise, layers=(FFN, HEAD)) as both:
        assert both.fingerprint == apart


@pytest.mark.parametrize(
    ("weak", "strong", "ratio"),
    [
        ("white_output:0.01", "white_output:0.03", 3.0),
        ("white_output_rel:0.1", "white_output_rel:0.2", 2.0),
        ("white_weight:0.01", "white_weight:0.05", 5.0),
        ("out_noise:0.01", "out_noise:0.02", 2.0),
        ("inp_noise:0.01", "inp_noise:0.04", 4.0),
        ("pcm:prog=0.01,read=0,drift=0,compensate=no", "pcm:0.02,read=0,drift=0,compensate=no", 2),
    ],
)
def test_strengths_share_their_draws(one_layer: type, weak: str, strong: str, ratio: float) -> None:
    torch.manual_seed(0)
    weight, x = torch.rand(30, 20) + 0.5, torch.randn(9, 20)
    model = one_layer(weight).eval()
    moved = []
    for text in (weak, strong):
        setup = {"layers": ("dense",), "noise": parse_noise(text), "chip": 0, "seed": 1}
        setup["simulator"] = find_simulator("torch")
        with install(model, **setup) as chip, torch.inference_mode(), chip.reading(batch=0):
            moved.append(model(x).double() - (x @ weight.T).double())
    if weak.startswith("pcm"):
        # Devices at 0 clamp half of their noise, which scales all the same.
        assert float(moved[0].norm()) > 1e-3
    torch.testing.assert_close(moved[1], ratio * moved[0], rtol=1e-3, atol=2e-4)


def test_batches_and_chips_are_read_with_fresh_draws(bert: nn.Module) -> None:
    for text in ("white_output:0.1", "out_noise"):
        with chip_in(bert, parse_noise(text)) as chip:
            readings = [logits(bert, chip, batch) for batch in (0, 1, 0)]
        with chip_in(bert, parse_noise(text), chip=1) as chip:
            other = logits(bert, chip, 0)
        assert torch.equal(readings[0], readings[2])
        assert not torch.equal(readings[0], readings[1])
        assert not torch.equal(readings[0], other)


def test_a_layer_computed_twice_in_one_reading_draws_twice(one_layer: type) -> None:
    model = one_layer(torch.randn(8, 6)).eval()
    x = torch.ones(3, 6)
    for text in ("white_output", "out_noise"):
        setup = {"layers": ("dense",), "noise": parse_noise(text), "chip": 0, "seed": 1}
        setup["simulator"] = find_simulator("torch")
        with install(model, **setup) as chip, torch.inference_mode():
            with chip.reading(batch=0):
                first, second = model(x), model(x)
            with chip.reading(batch=0):
                again = model(x), model(x)
        assert not torch.equal(first, second)
        assert torch.equal(first, again[0])
        assert torch.equal(second, again[1])


@pytest.mark.parametrize("text", ["white_output", "out_noise"])
def test_a_forward_pass_outside_of_a_reading_is_refused(bert: nn.Module, text: str) -> None:
    with (
        chip_in(bert, parse_noise(text)),
        pytest.raises(RuntimeError, match=r"outside of chip\.reading"),
        torch.inference_mode(),
    ):
        bert(input_ids=INPUT_IDS)


def test_names_may_carry_the_base_prefix(bert: nn.Module) -> None:
    found = []
    for layer in (FFN, f"bert.{FFN}"):
        with chip_in(bert, parse_noise("pcm"), layers=(layer,)) as chip:
            found.append(chip.fingerprint)
    assert found[0] == found[1]


def test_two_chips_on_different_layers_nest(bert: nn.Module) -> None:
    before = state(bert)
    with chip_in(bert, parse_noise("pcm"), layers=(FFN,)) as outer:
        alone = logits(bert, outer)
        white = parse_noise("white_output")
        with chip_in(bert, white, layers=(QUERY,)) as inner, outer.reading(batch=0):
            assert not torch.equal(logits(bert, inner), alone)
        assert torch.equal(logits(bert, outer), alone)
    assert state(bert) == before


def test_wrong_use_is_told_apart(bert: nn.Module) -> None:
    for layers, words in (((), "at least one"), ((FFN, f"bert.{FFN}"), "twice")):
        with (
            pytest.raises(ValueError, match=words),
            chip_in(bert, parse_noise("pcm"), layers=layers),
        ):
            pass
    with chip_in(bert, ReramWan2022()) as chip, pytest.raises(UsageError, match="86400s"):
        chip.drift_to(10.0)
    with (
        chip_in(bert, parse_noise("ideal")),
        pytest.raises(UsageError, match="cannot go on tiles"),
        chip_in(bert, parse_noise("pcm")),
    ):
        pass


def test_programming_works_in_inference_mode_too(bert: nn.Module) -> None:
    with chip_in(bert, parse_noise("pcm")) as chip:
        chip.drift_to(1.0)
        outside = logits(bert, chip)
    with torch.inference_mode(), chip_in(bert, parse_noise("pcm")) as chip:
        chip.drift_to(1.0)
        inside = logits(bert, chip)
    assert torch.equal(outside, inside)
