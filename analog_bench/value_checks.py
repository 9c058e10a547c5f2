"""Values that users give, and what is allowed: the same bounds for options, studies and noises.

Options come as text (`read_whole`, `read_amount`), fields of studies and noises as Python values.
Every refusal is one line that names the value, says what is allowed, and what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from analog_bench.codec import LARGEST_WHOLE, one_line
from analog_bench.errors import UsageError, did_you_mean

T = TypeVar("T")
K = TypeVar("K")

SMALLEST, LARGEST = 1e-12, 1e12
"""Magnitudes, in whatever unit, between which arithmetic in 32 bits has room for products."""
_BEYOND_WHOLE = "2^63 - 1"
_SHOWN_AT_MOST = 60


def whole(
    what: str, value: object, least: int = 0, most: int = LARGEST_WHOLE, *, text: str | None = None
) -> int:
    """Return a whole number within bounds; in errors, `what` names it and `text` is what was given.

    Raises:
        UsageError: It is something else, True and False included, or out of bounds.
    """
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    bounds = f"from {least} to {most}"
    if most == LARGEST_WHOLE:
        too_large = isinstance(value, int) and value > most
        bounds = f"from {least} to {_BEYOND_WHOLE}" if too_large else f"of at least {least}"
    given = shown(value if text is None else text)
    raise UsageError(f"{what} must be a whole number {bounds}, found {given}")


def read_whole(what: str, text: str, least: int = 0, most: int = LARGEST_WHOLE) -> int:
    """Read a whole number; otherwise as `whole`."""
    return whole(what, _read(int, text), least, most, text=text)


def amount(what: str, value: object, unit: str = "a number", *, text: str | None = None) -> float:
    """Return 0, or a number from 1e-12 to 1e12; never -0.

    In errors, `what` names it, `unit` is what it is, such as `a number of seconds`, and `text` is
    what was given.

    Raises:
        UsageError: It is something else, True and False, NaN and infinity included.
    """
    # Compared before it is converted: a whole number may be too large for a float.
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (value == 0 or SMALLEST <= value <= LARGEST)
    ):
        return float(value) + 0.0
    bounds = f"from {SMALLEST:g} to {LARGEST:g}"
    given = shown(value if text is None else text)
    raise UsageError(f"{what} must be 0 or {unit} {bounds}, found {given}")


def read_amount(what: str, text: str, unit: str = "a number") -> float:
    """Read a number; otherwise as `amount`."""
    return amount(what, _read(float, text), unit, text=text)


def one_of(what: str, value: object, known: Iterable[T]) -> T:
    """Return the one of the known words that was given; `UsageError` where it is none of them."""
    words = list(known)
    for word in words:
        if word == value:
            return word
    near = did_you_mean(value if isinstance(value, str) else "", map(str, words))
    raise UsageError(f"{what} {shown(value)} is unknown; {near}")


def text(what: str, value: object) -> str:
    """Return a text with something to see in it; `UsageError` where it is none."""
    if isinstance(value, str) and value.strip():
        return value
    raise UsageError(f"{what} must be a text, found {shown(value)}")


def several(
    what: str, value: object, each: Callable[[str, object], T], *, least: int = 1
) -> tuple[T, ...]:
    """Return the members of a tuple or list, each as `each(what, member)` returns it.

    Raises:
        UsageError: It is neither, has too few members or one twice, or `each` refuses one.
    """
    if not isinstance(value, tuple | list):
        raise UsageError(f"{what} must be a tuple, found {shown(value)}; write ({shown(value)},)")
    if len(value) < least:
        raise UsageError(f"{what} must not be empty")
    members = tuple(each(what, member) for member in value)
    for place, member in enumerate(members):
        if member in members[:place]:
            raise UsageError(f"{what} holds {shown(member)} twice")
    return members


def mapping(
    what: str, value: object, key: Callable[[str, object], K], each: Callable[[str, object], T]
) -> dict[K, T]:
    """Return a mapping whose keys and values are as `key` and `each` return them.

    Raises:
        UsageError: It is no mapping, or one of these refuses something.
    """
    if not isinstance(value, Mapping):
        raise UsageError(f"{what} must be a dictionary, found {shown(value)}")
    return {key(what, name): each(f"{what}[{shown(name)}]", own) for name, own in value.items()}


def instance(kind: type[T]) -> Callable[[str, object], T]:
    """Return a check for `several` and `mapping`: that a value is of a class."""

    def check(what: str, value: object) -> T:
        if isinstance(value, kind):
            return value
        raise UsageError(f"{what} must be {kind.__name__}(...), found {shown(value)}")

    return check


def set_checked(record: object, **values: object) -> None:
    """Set fields of a frozen dataclass that is being made."""
    for name, value in values.items():
        object.__setattr__(record, name, value)


def shown(value: object) -> str:
    """Return a value as errors show it: on one line, in quotes where it is a text, not too long."""
    try:
        return one_line(repr(value), _SHOWN_AT_MOST)
    except ValueError:  # Python spells no whole number of thousands of digits
        return "a number of thousands of digits"


def _read(kind: Callable[[str], T], text: str) -> T | None:
    try:
        return kind(text)
    except ValueError:
        return None
