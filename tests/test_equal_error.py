"""A family at equal error: how it is spelt, what it takes over, what it refuses."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from analog_bench.case import Case
from analog_bench.errors import UsageError
from analog_bench.noise import EqualError, Pcm, Stuck, families, parse_noise
from analog_bench.simulators.registry import check_case

SOLVABLE = {name: cls for name, cls in families().items() if cls.SEVERITY}


def test_these_families_alone_have_no_severity() -> None:
    assert set(families()) - set(SOLVABLE) == {
        *("equal_error", "ideal", "int8", "ir_drop_shipped", "preset", "quantise")
    }


@pytest.mark.parametrize("name", SOLVABLE)
def test_it_is_its_family_but_for_the_severity(name: str) -> None:
    cls, noise = SOLVABLE[name], EqualError(name, 0.2)
    for fact in ("WHERE", "DRIFTS", "DRAWN_ONCE", "RANDOM"):
        assert getattr(noise, fact) == getattr(cls, fact)
    at_start = noise.at(noise.start)
    assert at_start == cls()
    doubled = noise.at(2 * noise.start)
    for parameter in noise.parameters:
        assert getattr(doubled, parameter) == 2 * getattr(at_start, parameter)
    assert replace(doubled, **{p: getattr(at_start, p) for p in noise.parameters}) == at_start
    assert noise.at(noise.largest)
    assert str(noise) == f"equal_error:family={name},error=0.2"
    assert parse_noise(str(noise)) == noise
    assert pickle.loads(pickle.dumps(noise)) == noise
    assert pickle.loads(pickle.dumps(noise)).DRIFTS == cls.DRIFTS


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("equal_error", "equal_error:family=out_noise,error=0.1"),
        ("equal_error:pcm", "equal_error:family=pcm,error=0.1"),
        ("equal_error:family=out_noise,parameter=std", "equal_error:family=out_noise,error=0.1"),
        ("equal_error:family=pcm:1+drift=1", "equal_error:family=pcm,error=0.1"),
        (
            "equal_error:error=.05,family=pcm:compensate=no+drift=0",
            "equal_error:family=pcm:drift=0+compensate=no,error=0.05",
        ),
        (
            "equal_error:family=hermes,parameter=prog",
            "equal_error:family=hermes,error=0.1,parameter=prog",
        ),
        (
            "equal_error:family=pcm:read=1e+12+drift=0",
            "equal_error:family=pcm:read=1e+12+drift=0,error=0.1",
        ),
    ],
)
def test_one_spelling_for_one_thing(text: str, spelt: str) -> None:
    noise = parse_noise(text)
    assert str(noise) == spelt
    assert parse_noise(spelt) == noise
    assert hash(parse_noise(spelt)) == hash(noise)


def test_proportions_are_kept_and_one_parameter_can_be_singled_out() -> None:
    mixed = parse_noise("equal_error:family=pcm:read=0.5+drift=0+compensate=no")
    assert mixed.at(3.0) == Pcm(prog=3.0, read=1.5, drift=0.0, compensate=False)
    single = EqualError("pcm:drift=0", parameter="read")
    assert single.at(3.0) == Pcm(prog=1.0, read=3.0, drift=0.0)
    shares = EqualError("stuck:p_zero=0.02+p_max=0.03")
    worst = shares.at(shares.largest)
    assert isinstance(worst, Stuck)
    assert worst.p_zero + worst.p_max == pytest.approx(1.0)
    assert worst.p_max == pytest.approx(1.5 * worst.p_zero)
    rest = EqualError("stuck", parameter="p_max")
    assert rest.at(rest.largest) == Stuck(0.01, rest.largest)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("equal_error:error=0", "error must be above 0 and at most 2, found 0"),
        ("equal_error:error=2.1", "error must be above 0 and at most 2, found 2.1"),
        ("equal_error:error=nan", "error must be 0 or a number from 1e-12 to 1e+12, found 'nan'"),
        ("equal_error:quantise", "cannot solve for quantise, which has no severity"),
        ("equal_error:ideal", "cannot solve for ideal, which has no severity"),
        ("equal_error:preset", "cannot solve for preset, which has no severity"),
        ("equal_error:equal_error", "cannot solve for equal_error, which has no severity"),
        ("equal_error:out_nose", "no noise family 'out_nose'; did you mean 'out_noise'?"),
        ("equal_error:family=pcm:dirft=1", "'pcm' has no parameter 'dirft'; did you mean"),
        ("equal_error:family=pcm:prog=-1", "pcm: prog must be 0 or a number from 1e-12 to"),
        ("equal_error:family=out_noise:std=2", "solves for std of out_noise itself; leave out"),
        ("equal_error:family=pcm:prog=2,parameter=prog", "solves for prog of pcm itself"),
        ("equal_error:family=pcm,parameter=compensate", "cannot solve for 'compensate' of pcm"),
        ("equal_error:family=pcm,parameter=prg", "did you mean 'prog'?"),
        ("equal_error:family=stuck:p_zero=0", "and all of them are 0; give one of them"),
    ],
)
def test_a_mistake_is_one_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_noise(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("noise", "drift_s", "tile", "hardware", "said"),
    [
        ("equal_error:reram_wan2022", 0.0, "torch", "ideal", "reram_wan2022 was fitted at 1s"),
        ("equal_error:pcm_read", 0.0, "torch", "ideal", "pcm_read cannot be had on the torch"),
        ("equal_error:white_weight", 0.0, "torch", "FloatingPointPreset", "acts on no tile"),
        ("equal_error:pcm", 0.0, "cpp", "FloatingPointPreset", "needs the torch tile"),
    ],
)
def test_what_its_family_cannot_do_it_cannot(
    noise: str, drift_s: float, tile: str, hardware: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        check_case(parse_noise(noise), drift_s, tile, hardware)


def test_ids_of_cases_say_what_the_family_needs() -> None:
    def case(text: str) -> Case:
        noise = parse_noise(text)
        return Case("s", "bert", ("a",), noise, 60.0, "torch", "ideal", "direct", "a")

    pcm = "bert/a/equal_error:family=pcm,error=0.1/60s/torch"
    assert case("equal_error:pcm").id == pcm
    assert case("equal_error:out_noise").id == "bert/a/equal_error:family=out_noise,error=0.1/torch"
    white = case("equal_error:white_output")
    assert white.id == "bert/a/equal_error:family=white_output,error=0.1"
    assert white.draws
    assert not case("equal_error:ir_drop").draws
