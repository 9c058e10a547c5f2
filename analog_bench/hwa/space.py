"""What a search may change: the dimensions of its space, and the points in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from analog_bench.errors import UsageError, did_you_mean

Setting: TypeAlias = Mapping[str, float]
"""A point of a space: each dimension's name and value."""


@dataclass(frozen=True)
class Real:
    """A real number between two bounds, both included.

    Attributes:
        name: What it is called.
        low: The smallest value.
        high: The largest value.
        log: Whether equal ratios are equally far apart, in place of equal differences.
    """

    name: str
    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Whole:
    """A whole number between two bounds, both included.

    Attributes:
        name: What it is called.
        low: The smallest value.
        high: The largest value.
        log: Whether equal ratios are equally far apart, in place of equal differences.
    """

    name: str
    low: int
    high: int
    log: bool = False


Dimension: TypeAlias = Real | Whole


@dataclass(frozen=True)
class Space:
    """What a search may change.

    Attributes:
        dimensions: In the order they are shown in.
    """

    dimensions: tuple[Dimension, ...]

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            UsageError: No dimension, two of one name, bounds that are not finite or in the wrong
                order, or a logarithm of a number that has none.
        """
        names = [dimension.name for dimension in self.dimensions]
        if not names:
            raise UsageError("a search needs something to change: its space has no dimension")
        if len(set(names)) < len(names):
            raise UsageError(f"a dimension is there twice: {', '.join(names)}")
        for dimension in self.dimensions:
            _check_bounds(dimension)

    def check(self, setting: Setting) -> None:
        """Insist that a setting is a point of this space.

        Args:
            setting: Each dimension's value.

        Raises:
            UsageError: A dimension is missing or unknown, or a value is outside its bounds.
        """
        bounds = {dimension.name: dimension for dimension in self.dimensions}
        for name in setting:
            if name not in bounds:
                raise UsageError(f"{name!r} is not searched; {did_you_mean(name, bounds)}")
        for name, dimension in bounds.items():
            if name not in setting:
                raise UsageError(f"the setting lacks {name}")
            value = setting[name]
            if not dimension.low <= value <= dimension.high:
                raise UsageError(
                    f"{name} {value:g} is outside the search, which goes from {dimension.low:g} to "
                    f"{dimension.high:g}"
                )
            if isinstance(dimension, Whole) and value != int(value):
                raise UsageError(f"{name} must be a whole number, found {value:g}")

    def described(self) -> dict[str, Any]:
        """Return the bounds as plain values."""
        plain = {dimension.name: asdict(dimension) for dimension in self.dimensions}
        for bounds in plain.values():
            del bounds["name"]
        return plain


def _check_bounds(dimension: Dimension) -> None:
    low, high = dimension.low, dimension.high
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(
            f"the bounds of {dimension.name} must be finite and in order, found {low:g} and "
            f"{high:g}"
        )
    if dimension.log and low <= 0:
        raise UsageError(f"{dimension.name} is searched on a log scale, so {low:g} is too low")
