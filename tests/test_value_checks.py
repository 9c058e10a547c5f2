"""Values are refused in one line that says what is allowed, before anything is made of them."""

import math
from functools import partial

import pytest

from analog_bench.errors import UsageError
from analog_bench.value_checks import (
    amount,
    instance,
    mapping,
    one_of,
    read_amount,
    read_whole,
    several,
    shown,
    text,
    whole,
)


def refused(check, *given):
    """Return the words by which a value is refused."""
    with pytest.raises(UsageError) as caught:
        check("it", *given)
    said = str(caught.value)
    assert said.startswith("it ")
    assert "\n" not in said
    assert len(said) < 250
    return said


@pytest.mark.parametrize("value", [0, -1, 2**63, 10**4000, 1.0, math.nan, True, "1", None, []])
def test_what_is_no_whole_number(value):
    said = refused(partial(whole, least=1), value)
    assert said.startswith("it must be a whole number ")
    assert ("from 1 to 2^63 - 1" if value in (2**63, 10**4000) else "of at least 1") in said


@pytest.mark.parametrize(
    "given", ["", "0", "-1", "1001", "1e3", "2.0", "nan", "inf", "one", "9" * 5000, "1\n2"]
)
def test_what_reads_as_no_whole_number(given):
    said = refused(partial(read_whole, least=1, most=1000), given)
    assert said.startswith("it must be a whole number from 1 to 1000, found '")


@pytest.mark.parametrize(
    "value", [-1, -1e-300, 5e-324, 1e308, 10**400, math.nan, math.inf, True, "1", None, 1j]
)
def test_what_is_no_amount(value):
    said = refused(amount, value)
    assert said.startswith("it must be 0 or a number from 1e-12 to 1e+12, found ")


@pytest.mark.parametrize("given", ["", "-1", "nan", "-inf", "1e400", "1e-13", "day", "9" * 5000])
def test_what_reads_as_no_amount(given):
    said = refused(partial(read_amount, unit="a number of seconds"), given)
    assert said.startswith("it must be 0 or a number of seconds from 1e-12 to 1e+12, found '")


def test_what_passes_is_returned():
    assert whole("it", 2**63 - 1) == 2**63 - 1
    assert read_whole("it", "7") == 7
    assert (amount("it", 1), amount("it", 1e12), amount("it", 1e-12)) == (1.0, 1e12, 1e-12)
    assert type(amount("it", 3)) is float
    assert math.copysign(1, read_amount("it", "-0")) == 1
    assert text("it", " word ") == " word "
    assert several("it", [1, 2], whole) == (1, 2)
    assert several("it", (), whole, least=0) == ()
    assert mapping("it", {"a": 1}, text, whole) == {"a": 1}


def test_words_help():
    known = ("direct", "hwa")
    assert refused(one_of, "hva", known) == "it 'hva' is unknown; did you mean 'hwa'?"
    assert refused(one_of, 3, known) == "it 3 is unknown; known: direct, hwa"
    assert refused(text, " ") == "it must be a text, found ' '"
    assert refused(several, "pcm", text) == "it must be a tuple, found 'pcm'; write ('pcm',)"
    assert refused(several, (), text) == "it must not be empty"
    assert refused(several, ("a", "a"), text) == "it holds 'a' twice"
    assert refused(several, {"a"}, text).startswith("it must be a tuple")
    assert refused(mapping, ("a",), text, text) == "it must be a dictionary, found ('a',)"
    assert refused(instance(Exception), 3) == "it must be Exception(...), found 3"


def test_what_was_found_is_short_and_visible():
    assert shown("a\x1b[31m\nb") == r"'a\x1b[31m\nb'"
    assert len(shown("x" * 10_000)) <= 60
    assert shown(10**5000) == "a number of thousands of digits"
