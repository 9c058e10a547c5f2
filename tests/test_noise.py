"""Noise families are read and spelt the same way, and every mistake is one line that helps."""

import math
from dataclasses import FrozenInstanceError, dataclass, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analog_bench.errors import UsageError
from analog_bench.noise import (
    EqualError,
    Hermes,
    Ideal,
    Measured,
    Noise,
    Pcm,
    Preset,
    Quantise,
    WhiteOutput,
    check_noise,
    families,
    family,
    parse_noise,
)
from analog_bench.value_checks import LARGEST, SMALLEST

UNLIKE_OTHERS = {
    (Hermes, "devices"): 1,
    (EqualError, "family"): "pcm:drift=0",
    # Of the default family, one parameter alone can be solved for: the same as none named.
    (EqualError, "parameter"): None,
    (Measured, "file"): "device.csv@0123abcd",
    (Preset, "terms"): "mapping+read",
}


@pytest.mark.parametrize("cls", families().values(), ids=families())
def test_every_family_reads_what_it_spells(cls):
    plain = cls()
    assert parse_noise(str(plain)) == plain
    assert parse_noise(cls.NAME) == plain
    for field in fields(cls):
        value = getattr(plain, field.name)
        other = {bool: not value, int: 2, float: 0.2, str: "FloatingPointPreset"}[type(value)]
        other = UNLIKE_OTHERS.get((cls, field.name), other)
        if other is None:
            continue
        changed = replace(plain, **{field.name: other})
        assert changed != plain
        assert parse_noise(str(changed)) == changed


@given(st.floats(min_value=SMALLEST, max_value=LARGEST) | st.just(0.0))
def test_any_strength_keeps_12_digits(std):
    again = parse_noise(str(WhiteOutput(std=std)))
    assert isinstance(again, WhiteOutput)
    assert math.isclose(again.std, std, rel_tol=1e-11)
    assert str(again) == str(WhiteOutput(std=std))


@pytest.mark.parametrize(
    ("text", "noise"),
    [
        ("ideal", Ideal()),
        ("white_output:0.5", WhiteOutput(std=0.5)),
        (" white_output : std = 0.5 ", WhiteOutput(std=0.5)),
        ("pcm:2,drift=0,compensate=no", Pcm(prog=2.0, drift=0.0, compensate=False)),
        ("quantise:adc_bits=6", Quantise(adc_bits=6)),
        ("preset:FloatingPointPreset", Preset(name="FloatingPointPreset")),
    ],
)
def test_short_spellings(text, noise):
    assert parse_noise(text) == noise


def test_the_spelling_is_stable():
    assert str(WhiteOutput()) == "white_output:std=1"
    assert str(Ideal()) == "ideal"
    assert str(Pcm(read=0.1, compensate=False)) == "pcm:prog=1,read=0.1,drift=1,compensate=no"
    assert str(Quantise()) == "quantise:dac_bits=8,adc_bits=8,out_bound=10"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("white_outputs", "no noise family 'white_outputs'; did you mean 'white_output'?"),
        ("xyz", "no noise family 'xyz'; known: equal_error, hermes"),
        ("", "no noise family ''; known: "),
        ("pcm:programming=1", "noise 'pcm' has no parameter 'programming'; known: compensate"),
        ("pcm:pro=1", "noise 'pcm' has no parameter 'pro'; did you mean 'prog'?"),
        ("ideal:1", "noise 'ideal' has no parameter '1'; none are known"),
        ("pcm:1,2", "noise 'pcm' has no parameter '2'"),
        ("pcm:prog=1,prog=2", "gives 'prog' twice"),
        ("pcm:compensate=true", "pcm: compensate must be yes or no, found 'true'"),
        (
            "quantise:dac_bits=7.5",
            "quantise: dac_bits must be a whole number of at least 0, found '7.5'",
        ),
        ("quantise:dac_bits=1", "dac_bits must be 0 or from 2 to 16, found 1"),
        ("quantise:out_bound=0", "out_bound must be above 0, found 0"),
        ("white_output:std=much", "must be 0 or a number from 1e-12 to 1e+12, found 'much'"),
        ("white_output:std=", "white_output: std must be 0 or a number from 1e-12 to 1e+12"),
        ("white_output:std=-1", "std must be 0 or a number from 1e-12 to 1e+12, found '-1'"),
        ("white_output:std=nan", "from 1e-12 to 1e+12, found 'nan'"),
        ("white_output:std=inf", "from 1e-12 to 1e+12, found 'inf'"),
        ("white_output:std=1e308", "from 1e-12 to 1e+12, found '1e308'"),
        ("white_output:std=5e-324", "from 1e-12 to 1e+12, found '5e-324'"),
        ("pcm:drift=1e400", "pcm: drift must be 0 or a number from 1e-12 to 1e+12"),
        ("quantise:out_bound=1e39", "quantise: out_bound must be 0 or a number from 1e-12"),
        ("equal_error:family=pcm:prog=1e308", "pcm: prog must be 0 or a number from 1e-12 to"),
        (f"hermes:devices={'9' * 5000}", "devices must be a whole number of at least 0, found"),
        ("hermes:devices=3", "hermes: devices must be 1 or 2, found 3"),
        ("reram_cmo:acceptance=1", "acceptance must be 0.2 or 2, found 1"),
        ("stuck:p_zero=0.7,p_max=0.6", "their sum 1.3 is above 1"),
    ],
)
def test_a_mistake_is_one_line(text, said):
    with pytest.raises(UsageError) as caught:
        parse_noise(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


NO_VALUES = {
    float: (-0.5, math.nan, math.inf, 1e308, 5e-324, 10**400, True, "0.5", None),
    int: (-1, 2**63, 10**5000, 1.0, False, "1"),
    bool: (1, 0.0, "yes", None),
    str: (1, None, b"pcm"),
}


@pytest.mark.parametrize("cls", families().values(), ids=families())
def test_a_parameter_is_of_its_kind_and_of_a_size_that_can_be(cls):
    plain = cls()
    for field in fields(cls):
        for value in NO_VALUES[type(getattr(plain, field.name))]:
            with pytest.raises(UsageError, match=f"^{cls.NAME}: {field.name} must be") as caught:
                cls(**{field.name: value})
            assert "\n" not in str(caught.value)


def test_a_parameter_needs_a_default():
    @dataclass(frozen=True)
    class Needy(Noise):
        NAME, WHERE = "needy", "output"
        std: float

    with pytest.raises(ValueError, match="'needy' has no default for 'std'"):
        family(Needy)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("pcm", r"found 'pcm'; write Pcm\(...\)"),
        ("pmc:prog=1", "did you mean 'pcm'?"),
        (Pcm, r"write Pcm\(\)"),
        (None, "found None; write one"),
    ],
)
def test_what_is_no_noise(value, said):
    with pytest.raises(UsageError, match=said):
        check_noise("noises", value)


def test_terms_of_a_preset_have_one_spelling():
    some = parse_noise("preset:terms=read+programming+read")
    assert some == Preset(terms="mapping+programming+read")
    assert str(some) == f"preset:name={Preset.name},terms=mapping+programming+read"
    assert parse_noise(str(some)) == some
    assert str(Preset()) == f"preset:name={Preset.name}"
    assert (some.has("read"), some.has("dac"), Preset().has("dac")) == (True, False, True)
    with pytest.raises(UsageError, match="there is no term 'adcs'; did you mean 'adc'"):
        parse_noise("preset:terms=mapping+adcs")


def test_noises_are_values():
    assert len({WhiteOutput(), WhiteOutput(std=1.0), WhiteOutput(std=2.0)}) == 2
    with pytest.raises(FrozenInstanceError):
        WhiteOutput().std = 2.0


def test_a_name_is_taken_once():
    class Twin(Noise):
        NAME = "pcm"
        WHERE = "output"

    with pytest.raises(ValueError, match="two noise families are called 'pcm'"):
        family(Twin)
    assert families()["pcm"] is Pcm


def test_the_list_of_families_is_a_copy():
    families().clear()
    assert "pcm" in families()
