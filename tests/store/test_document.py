import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analog_bench.store.document import DocumentError, Node, load, parse
from analog_bench.store.layout import layout, one_line

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(PLAIN)
def test_layout_is_json_of_the_same_value(value):
    assert json.loads(layout(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_every_bit(number):
    assert math.copysign(1, json.loads(layout([number]))[0]) == math.copysign(1, number)
    assert json.loads(layout([number])) == [number]


def test_layout_puts_what_fits_on_one_line():
    laid = layout({"a": {"x": 1, "y": [1, 2]}, "long": list(range(200)), "b": [{"k": "v" * 99}]})
    lines = laid.decode().splitlines()
    assert lines[1] == ' "a": {"x": 1, "y": [1, 2]},'
    assert lines[2].startswith(' "long": [0, 1, 2')
    assert lines[2].endswith("199],")
    assert laid.endswith(b"}\n")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_layout_refuses_what_json_has_no_word_for(number):
    with pytest.raises(ValueError, match="JSON compliant"):
        layout({"x": [number]})


def test_layout_survives_half_a_surrogate_pair():
    assert json.loads(layout({"command": "pytest \udcff"})) == {"command": "pytest ?"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b'{"a": NaN}', "holds NaN"),
        (b'{"a": -Infinity}', "holds -Infinity"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a":' * 200_000, "nested too deep"),
        (b"[" + b"9" * 10_000 + b"]", "far too many digits"),
    ],
)
def test_load_refuses_in_one_line(tmp_path, content, complaint):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=complaint) as refusal:
        load(path)
    assert "\n" not in str(refusal.value)


def test_only_an_ordinary_file_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), Path("\0")):
        with pytest.raises(DocumentError, match="cannot be read: "):
            load(place)


@given(PLAIN)
def test_one_line_is_one_line_of_the_same_value(value):
    line = one_line(value)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert parse(line).value == value
    with pytest.raises(ValueError, match="JSON compliant"):
        one_line([value, math.nan])


def test_many_keys_are_no_trouble():
    keys = [f'"{n}": {n}' for n in range(100_000)]
    assert len(parse(("{" + ", ".join(keys) + "}").encode()).value) == 100_000
    with pytest.raises(DocumentError, match="'7' twice"):
        parse(("{" + ", ".join([*keys, '"7": 7']) + "}").encode())


@pytest.mark.parametrize(
    ("value", "read", "complaint"),
    [
        ({}, lambda n: n.field("k"), "the top level: the key 'k' is missing"),
        ([], lambda n: n.field("k"), "an object is expected, found a list"),
        (
            {"k": True},
            lambda n: n.field("k").number(),
            "k: a finite number is expected, found true",
        ),
        ({"k": "1"}, lambda n: n.field("k").number(), "found '1'"),
        ({"k": 10**400}, lambda n: n.field("k").number(), "a finite number"),
        ({"k": math.inf}, lambda n: n.field("k").number(), "a finite number"),
        ({"k": 1.0}, lambda n: n.field("k").whole(), "a whole number is expected"),
        ({"k": False}, lambda n: n.field("k").whole(), "found false"),
        ({"k": -1}, lambda n: n.field("k").whole(), "from 0 to"),
        ({"k": 2**63}, lambda n: n.field("k").whole(), "from 0 to"),
        ({"k": 0}, lambda n: n.field("k").flag(), "true or false is expected, found 0"),
        ({"k": None}, lambda n: n.field("k").text(), "a text is expected, found null"),
        ({"k": "\ud800"}, lambda n: n.field("k").text(), "a text is expected"),
        ({"k": "x"}, lambda n: n.field("k").text("a", "b"), "one of a, b is expected, found 'x'"),
        ({"k": [1, [2]]}, lambda n: n.field("k").numbers(), r"k\[1\]: a finite number"),
        ({"k": {"f1": "x"}}, lambda n: n.field("k").scores(), r"k\['f1'\]: a finite number"),
        ({"k": {"": 1.0}}, lambda n: n.field("k").scores(), "cannot be a name"),
        ({"a\x1b[31m": 1}, lambda n: list(n.entries()), "cannot be a name"),
        ({"k": 1, "z": 2}, lambda n: n.only("k"), "unknown key 'z'"),
        ([[[[[[[[1]]]]]]]], lambda n: n.plain(), "more than 6 levels"),
        ({"k": "x" * 1000}, lambda n: n.field("k").whole(), r"x \.\.\.$"),
    ],
)
def test_a_reader_says_where_and_what(value, read, complaint):
    with pytest.raises(DocumentError, match=complaint) as refusal:
        read(Node(value))
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_readers_take_what_they_should():
    node = Node({"n": 3, "t": "é", "f": True, "x": [1, 2.5], "s": {"b": 1, "a": 2}, "o": None})
    assert node.field("n").number() == 3.0
    assert node.field("n").whole() == 3
    assert node.field("t").text() == "é"
    assert node.field("f").flag() is True
    assert node.field("x").numbers() == (1.0, 2.5)
    assert list(node.field("s").scores().items()) == [("a", 2.0), ("b", 1.0)]
    assert node.field("o").text_or_null() is None
    assert node.plain() == node.value
