import json
import math
import os
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from analog_bench.codec import (
    LARGEST_WHOLE,
    MOST_BYTES,
    DocumentError,
    check_plain,
    compact,
    convert,
    layout,
    parse,
    plain,
    read_json,
)

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(min_size=1).filter(str.isprintable), inner, max_size=4)
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
        (b'{"": 1}', "'', which cannot be a name"),
        (b'{"a\\u001b": 1}', r"'a\\x1b', which cannot be a name"),
        (b"[1e400]", "holds 1e400, which is too large"),
        (b'["\\ud83d"]', "half a surrogate pair"),
        (b'{"a\\uDE00": 1}', "cannot be a name"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a":' * 200_000, "nested too deep"),
        (b"[" + b"9" * 10_000 + b"]", "far too many digits"),
        (b"[-" + b"9" * 200 + b"]", "far too many digits"),
        (b"[" + b"9" * 10_000 + b".5]", "too large a number"),
    ],
)
def test_reading_refuses_in_one_line(tmp_path, content, complaint):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=complaint) as refusal:
        read_json(path)
    assert "\n" not in str(refusal.value)


def test_only_an_ordinary_file_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), Path("\0")):
        with pytest.raises(DocumentError, match="cannot be read: "):
            read_json(place)


def test_what_a_library_needs_of_its_own_files_can_be_allowed():
    assert parse(b'{"": 0, "\\u00ad": 1}', any_key=True) == {"": 0, "\u00ad": 1}
    with pytest.raises(DocumentError, match="'' twice"):
        parse(b'{"": 0, "": 1}', any_key=True)


def test_an_absurdly_large_file_is_not_read(tmp_path):
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(DocumentError, match="larger than"):
        read_json(tmp_path / "x.json")


def test_a_surrogate_pair_is_one_character():
    assert parse(b'["\\ud83d\\ude00"]') == ["\U0001f600"]


@given(PLAIN)
def test_compact_is_one_line_of_the_same_value(value):
    line = compact(value)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert parse(line) == value
    with pytest.raises(ValueError, match="JSON compliant"):
        compact([value, math.nan])


def test_many_keys_are_no_trouble():
    keys = [f'"{n}": {n}' for n in range(100_000)]
    assert len(parse(("{" + ", ".join(keys) + "}").encode())) == 100_000
    with pytest.raises(DocumentError, match="'7' twice"):
        parse(("{" + ", ".join([*keys, '"7": 7']) + "}").encode())


class Chip(Struct, frozen=True, forbid_unknown_fields=True):
    scores: dict[str, float]
    index: Annotated[int, Meta(ge=0, le=LARGEST_WHOLE)] = 0
    kind: Literal["a", "b"] = "a"

    def __post_init__(self):
        if self.index == 7:
            raise ValueError("seven is taken")


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([], "chips[3]: expected `object`, got `array`"),
        ({}, "chips[3]: object missing required field `scores`"),
        ({"scores": {}, "x": 1}, "chips[3]: object contains unknown field `x`"),
        ({"scores": {"f1": True}}, "chips[3].scores[...]: expected `float`, got `bool`"),
        ({"scores": {"f1": "1"}}, "chips[3].scores[...]: expected `float`, got `str`"),
        ({"scores": {"f1": 10**400}}, "chips[3].scores[...]: number out of range"),
        ({"scores": {}, "index": 1.0}, "chips[3].index: expected `int`, got `float`"),
        ({"scores": {}, "index": -1}, "chips[3].index: expected `int` >= 0"),
        ({"scores": {}, "index": 2**63}, "chips[3].index: expected `int` <= 9223372036854775807"),
        ({"scores": {}, "index": 7}, "chips[3]: seven is taken"),
        ({"scores": {}, "kind": "c\n\x1b"}, r"chips[3].kind: invalid enum value 'c\n\x1b'"),
        ({"scores": {}, "kind": "x" * 1000}, "xxx ..."),
        ({"scores": {}, "name": "f1"}, "chips[3]: object contains unknown field `name`"),
    ],
)
def test_a_refused_record_says_where_and_why_in_one_line(value, complaint):
    with pytest.raises(DocumentError) as refusal:
        convert(value, Chip, "chips[3]", **{"name": "f1"} if "name" in value else {})
    assert complaint in str(refusal.value)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) <= 300


def test_without_a_place_the_path_alone_is_named():
    with pytest.raises(DocumentError, match=r"^the top level: expected"):
        convert([], Chip)
    with pytest.raises(DocumentError, match=r"^\[1\]\.index: expected"):
        convert([{"scores": {}}, {"scores": {}, "index": ""}], list[Chip])


def test_records_go_to_json_and_back_with_or_without_their_keys():
    chip = Chip({"f1": 1, "em": 2.5}, 3)
    assert list(plain(chip)["scores"]) == ["em", "f1"]
    assert convert(parse(compact(plain(chip))), Chip) == chip
    assert plain(chip, "index") == {"scores": {"em": 2.5, "f1": 1}, "kind": "a"}
    assert convert(plain(chip, "index"), Chip, index=3) == chip
    with pytest.raises(ValueError, match="JSON compliant"):
        compact(plain(Chip({"f1": math.nan})))


def test_plain_values_have_a_depth_and_a_size():
    check_plain({"a": [1, 2.5, None, {"b": "é" * 100}], "n": -LARGEST_WHOLE})
    check_plain([[[[[["six"]]]]]])
    for value in ([[[[[[["seven"]]]]]]], {"a": 2**63}, [-(2**63)]):
        with pytest.raises(ValueError, match=r"6 levels|beyond"):
            check_plain(value)
