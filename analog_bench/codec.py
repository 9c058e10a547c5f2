"""Records to JSON and back.

The msgspec Structs of this project are the schema of its files. This module adds what msgspec does
not check: duplicate keys, NaN and infinity, half a surrogate pair, files that are not files.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeAlias, TypeVar

import msgspec

from analog_bench.atomic_file import write_atomic
from analog_bench.errors import StoreError, printable, reason_of
from analog_bench.regular_file import read_regular

# Any JSON value. (A recursive alias would buy nothing: `convert` narrows it.)
Json: TypeAlias = object
T = TypeVar("T")

MOST_BYTES = 2**28
"""Of a JSON file. As values it takes tens of times as much."""
LARGEST_WHOLE = 2**63 - 1
Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_WHOLE)]
_DEEPEST = 6
_MOST_DIGITS = 100
_LINE = 100


class DocumentError(ValueError):
    """A JSON document that does not hold what it should; one line that says where and what.

    The readers of each kind of file turn it into an error of their own, with the file's name.
    """


def read_json(path: Path, *, any_key: bool = False) -> Json:
    """Read a JSON file; see `parse`.

    Raises:
        FileNotFoundError: There is no such file.
        DocumentError: It cannot be read, is larger than 256 MiB, or `parse` refuses it.
    """
    try:
        content = read_regular(path, MOST_BYTES)
    except FileNotFoundError:
        raise
    except OSError as problem:
        raise DocumentError(f"cannot be read: {reason_of(problem)}") from None
    return parse(content, any_key=any_key)


def parse(content: bytes, *, any_key: bool = False) -> Json:
    """Read a JSON text, UTF-8 without a byte order mark.

    Raises:
        DocumentError: It is not UTF-8 or not JSON, holds NaN, infinity, an absurdly long number or
            half a surrogate pair, has a key twice in one object or (unless it may be `any_key`) one
            that is empty or not printable, or is nested absurdly deep.
    """
    try:
        value: Json = json.loads(
            content.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_members if any_key else _named_members,
        )
        if b"\\ud" in content.lower():
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError:
        raise DocumentError("not a text in UTF-8") from None
    except UnicodeEncodeError:
        raise DocumentError("holds half a surrogate pair, which is no text") from None
    except RecursionError:
        raise DocumentError("nested too deep") from None
    except DocumentError:
        raise
    except json.JSONDecodeError as problem:
        raise DocumentError(f"not JSON: {one_line(str(problem))}") from None
    return value


def convert(value: Json, kind: type[T], at: str = "", **keys: Json) -> T:
    """Return a JSON value as a record; raises DocumentError.

    `at` says where it stands in its file, such as `metrics['f1']`, for errors; `keys` are fields
    of the record that the file does not repeat, because they are the value's key.
    """
    if keys and isinstance(value, dict):
        for name in keys.keys() & value.keys():
            raise DocumentError(f"{at}: object contains unknown field `{name}`")
        value = {**value, **keys}
    try:
        return msgspec.convert(value, kind)
    except RecursionError:
        raise DocumentError(f"{at or 'the top level'}: nested too deep") from None
    except msgspec.ValidationError as problem:
        text = str(problem)
        match = re.fullmatch(r"(.*) - at `(?:key in )?\$\.?(.*)`", text, re.DOTALL)
        what, path = match.groups() if match else (text, "")
        where = ".".join(filter(None, [at, path])).replace(".[", "[") or "the top level"
        raise DocumentError(one_line(f"{where}: {what[:1].lower()}{what[1:]}")) from None


def plain(record: msgspec.Struct, *without: str) -> dict[str, Any]:
    """Return a record as JSON values: fields in their order, dictionaries sorted by key.

    Those `without` are left out: in the file they are the record's key. NaN stays what it is:
    `layout` and `compact` refuse it.
    """
    fields: dict[str, Any] = msgspec.to_builtins(record, order="deterministic")
    return {name: value for name, value in fields.items() if name not in without}


def check_plain(value: Json, depth: int = 0) -> None:
    """Make sure that a value can be written as JSON and read back anywhere.

    Raises:
        ValueError: It is nested more than six levels, or holds a whole number beyond 2^63 - 1.
    """
    if depth > _DEEPEST:
        raise ValueError(f"nested more than {_DEEPEST} levels")
    if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
        raise ValueError("a whole number is beyond 2^63 - 1")
    members = value.values() if isinstance(value, Mapping) else value
    for member in members if isinstance(members, Iterable) and not isinstance(value, str) else ():
        check_plain(member, depth + 1)


def layout(value: Json) -> bytes:
    """Lay a document out so that diffs read well; ValueError where it holds NaN or infinity.

    Whatever fits stands on one line, a list of plain values always does. Keys keep their order.
    Numbers are written so that they read back as the same float. The text is in UTF-8 and ends
    with a newline; characters UTF-8 cannot hold become `?`.
    """
    return (_laid_out(value, 0) + "\n").encode("utf-8", "replace")


def compact(value: Json) -> bytes:
    """Write a document on one line, which ends with the only newline; otherwise as `layout`."""
    return (_leaf(value) + "\n").encode("utf-8", "replace")


def write_record(path: Path, record: msgspec.Struct) -> None:
    """Write a record to a file of its own, laid out to be read; raises StoreError."""
    try:
        write_atomic(path, layout(plain(record)))
    except OSError as problem:
        raise StoreError(f"cannot write {path}: {reason_of(problem)}") from None


def indented(value: Json) -> bytes:
    """Write a document with sorted keys, one value a line; raises as `layout`."""
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def one_line(text: str, most: int = 300) -> str:
    """Return a text fit for a part of an error: `printable`, and without spaces in a row."""
    return printable(" ".join(text.split()), most)


def _refuse_constant(name: str) -> NoReturn:
    raise DocumentError(f"holds {name}, which is not a number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise DocumentError(f"holds {text[:20]}, which is too large a number")
    return number


def _whole(text: str) -> int:
    # Transformers writes 10^30 for a length without a limit; nothing is larger.
    if len(text) > _MOST_DIGITS:
        raise DocumentError("holds a number of far too many digits")
    return int(text)


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = next(k for k, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise DocumentError(f"has the key {one_line(ascii(twice), 60)} twice in one object")
    return members


def _named_members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = _members(pairs)
    for key in members:
        if not (key and key.isprintable()):
            raise DocumentError(f"has the key {one_line(ascii(key), 60)}, which cannot be a name")
    return members


def _laid_out(value: Json, indent: int) -> str:
    if isinstance(value, Mapping):
        parts = [f"{_leaf(str(key))}: {_laid_out(v, indent + 1)}" for key, v in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, list | tuple) and any(
        isinstance(v, Mapping | list | tuple) for v in value
    ):
        parts = [_laid_out(v, indent + 1) for v in value]
        opening, closing = "[", "]"
    else:
        return _leaf(value)
    short = sum(map(len, parts)) + 2 * len(parts) + indent <= _LINE
    if short and not any("\n" in part for part in parts):
        return opening + ", ".join(parts) + closing
    margin = "\n" + " " * (indent + 1)
    return opening + margin + ("," + margin).join(parts) + "\n" + " " * indent + closing


def _leaf(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
