"""A JSON document, read strictly, piece by piece."""

from __future__ import annotations

import json
import math
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

# Any JSON value; the readers below narrow it. (A recursive alias would buy nothing: what a key
# must hold is decided where it is read.)
Json: TypeAlias = object

LARGEST_WHOLE = 2**63 - 1
_DEEPEST_PLAIN = 6


class DocumentError(ValueError):
    """A document that does not hold what it should; the text says where and what was found.

    Raised inside this room only: the readers of run files and baselines turn it into the error of
    their own kind, with the file's name.
    """


@dataclass(frozen=True)
class Node:
    """A piece of a JSON document that knows where it stands.

    Attributes:
        value: The piece.
        at: Its place, e.g. `results[3].chips[0].scores`; empty at the top.
    """

    value: Json
    at: str = ""

    def fail(self, wanted: str) -> NoReturn:
        """Refuse the piece.

        Raises:
            DocumentError: Always: what was wanted here, and what was found.
        """
        raise DocumentError(f"{self.at or 'the top level'}: {wanted}, found {_shown(self.value)}")

    def field(self, key: str) -> Node:
        """Return the piece under a key that must be there."""
        members = self._members()
        if key not in members:
            raise DocumentError(f"{self.at or 'the top level'}: the key {key!r} is missing")
        return Node(members[key], f"{self.at}.{key}" if self.at else key)

    def only(self, *keys: str) -> Node:
        """Return the node itself, having made sure that it has no other keys than these.

        A key that this release does not know would be lost when the file is written again.
        """
        unknown = sorted(self._members().keys() - set(keys))
        if unknown:
            raise DocumentError(f"{self.at or 'the top level'}: unknown key {_shown(unknown[0])}")
        return self

    def entries(self) -> Iterator[tuple[str, Node]]:
        """Yield the keys and pieces of an object whose keys are names."""
        for key, value in self._members().items():
            if not is_name(key):
                raise DocumentError(f"{self.at}: {_shown(key)} cannot be a name")
            yield key, Node(value, f"{self.at}[{_shown(key)}]")

    def elements(self) -> list[Node]:
        """Return the pieces of a list."""
        if not isinstance(self.value, list):
            self.fail("a list is expected")
        return [Node(value, f"{self.at}[{n}]") for n, value in enumerate(self.value)]

    def text(self, *allowed: str) -> str:
        """Return a text; one of `allowed` where any are given."""
        if not isinstance(self.value, str) or not _encodes(self.value):
            self.fail("a text is expected")
        if allowed and self.value not in allowed:
            self.fail(f"one of {', '.join(allowed)} is expected")
        return self.value

    def text_or_null(self) -> str | None:
        """Return a text, or None for null."""
        return None if self.value is None else self.text()

    def number(self) -> float:
        """Return a finite number; whole numbers are taken, true and false are not."""
        number = _finite(self.value)
        if number is None:
            self.fail("a finite number is expected")
        return number

    def whole(self, smallest: int = 0) -> int:
        """Return a whole number from `smallest` to 2^63 − 1."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self.fail("a whole number is expected")
        if not smallest <= self.value <= LARGEST_WHOLE:
            self.fail(f"a whole number from {smallest} to 2^63 - 1 is expected")
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            self.fail("true or false is expected")
        return self.value

    def numbers(self) -> tuple[float, ...]:
        """Return a list of finite numbers."""
        if not isinstance(self.value, list):
            self.fail("a list of numbers is expected")
        numbers = []
        for n, value in enumerate(self.value):
            number = _finite(value)
            if number is None:
                # Built only here: a node for every example would make reading a long run slow.
                Node(value, f"{self.at}[{n}]").fail("a finite number is expected")
            numbers.append(number)
        return tuple(numbers)

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(node.text() for node in self.elements())

    def scores(self) -> dict[str, float]:
        """Return an object of names and finite numbers, sorted by name."""
        return dict(sorted((key, node.number()) for key, node in self.entries()))

    def plain(self, depth: int = 0) -> Json:
        """Return any JSON value of texts and finite numbers, nested a few levels at most."""
        if depth > _DEEPEST_PLAIN:
            raise DocumentError(f"{self.at}: nested more than {_DEEPEST_PLAIN} levels")
        if isinstance(self.value, dict):
            return {key: node.plain(depth + 1) for key, node in self.entries()}
        if isinstance(self.value, list):
            return [node.plain(depth + 1) for node in self.elements()]
        if isinstance(self.value, str):
            return self.text()
        if self.value is None or isinstance(self.value, bool):
            return self.value
        return self.whole(-LARGEST_WHOLE) if isinstance(self.value, int) else self.number()

    def _members(self) -> dict[str, Json]:
        if not isinstance(self.value, dict):
            self.fail("an object is expected")
        return self.value


def load(path: Path) -> Node:
    """Read a JSON file.

    Args:
        path: The file.

    Returns:
        Its top level.

    Raises:
        FileNotFoundError: There is no such file.
        DocumentError: It cannot be read, is not UTF-8, not JSON, holds NaN or Infinity, gives one
            key twice, or is nested absurdly deep.
    """
    try:
        # A pipe would keep us waiting, and a device such as /dev/zero never ends.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DocumentError("cannot be read: it is not an ordinary file")
        content = path.read_bytes()
    except (FileNotFoundError, DocumentError):
        raise
    except (OSError, ValueError) as problem:
        raise DocumentError(f"cannot be read: {_one_line(problem)}") from None
    return parse(content)


def parse(content: bytes) -> Node:
    """Read a JSON text.

    Args:
        content: UTF-8, without a byte order mark.

    Returns:
        Its top level.

    Raises:
        DocumentError: It is not UTF-8, not JSON, holds NaN or Infinity or an absurdly long number,
            gives one key twice, or is nested absurdly deep.
    """
    try:
        return Node(
            json.loads(
                content.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_once
            )
        )
    except UnicodeDecodeError:
        raise DocumentError("not a text in UTF-8") from None
    except RecursionError:
        raise DocumentError("nested too deep") from None
    except DocumentError:
        raise
    except json.JSONDecodeError as problem:
        raise DocumentError(f"not JSON: {_one_line(problem)}") from None
    except ValueError:  # Python reads no whole number of thousands of digits
        raise DocumentError("holds a number of far too many digits") from None


def _finite(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _no_constant(name: str) -> NoReturn:
    raise DocumentError(f"holds {name}, which is not a number")


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        counted = Counter(key for key, _ in pairs)
        twice = next(key for key, times in counted.items() if times > 1)
        raise DocumentError(f"gives the key {_shown(twice)} twice in one object")
    return members


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, which no terminal can show
        return False
    return True


def is_name(text: str) -> bool:
    """Return whether a text may be a key that names something: printable and not empty."""
    return bool(text) and text.isprintable() and _encodes(text)


def _shown(value: Json) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    spelt = ascii(value)
    return spelt if len(spelt) <= 60 else f"{spelt[:56]} ..."


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split())
