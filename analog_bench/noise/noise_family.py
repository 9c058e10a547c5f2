"""What every noise family has in common, their register, and how they are spelt."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar, Literal, TypeVar

from analog_bench.errors import UsageError, did_you_mean

Where = Literal["output", "weight", "tile"]


@dataclass(frozen=True)
class Noise:
    """Base of all families.

    Attributes:
        NAME: The family's name on the command line and in results.
        WHERE: What it acts on: a layer's `output`, a layer's `weight`, or a simulator's `tile`.
        DRIFTS: Whether the drift time changes anything.
        TIMES: The only drift times, in seconds, that it has values at; empty where any will do.
        DRAWN_ONCE: Whether something is fixed at programming, so that chips differ beyond reads.
        RANDOM: Whether anything is drawn at all; where not, one chip says all there is to say.
        SEVERITY: The parameters that, times a common factor, make it continuously better or worse
            (see `EqualError`); empty where there are none.
    """

    NAME: ClassVar[str]
    WHERE: ClassVar[Where]
    DRIFTS: ClassVar[bool] = False
    TIMES: ClassVar[tuple[float, ...]] = ()
    DRAWN_ONCE: ClassVar[bool] = False
    RANDOM: ClassVar[bool] = True
    SEVERITY: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                continue
            if not math.isfinite(value):
                raise UsageError(
                    f"{self.NAME}: {field.name} must be a finite number, found {value}"
                )
            # Every parameter so far is a size, a share or a count.
            if value < 0:
                raise UsageError(f"{self.NAME}: {field.name} must be at least 0, found {value:g}")

    def __str__(self) -> str:
        """Return the spelling that `parse_noise` reads, e.g. `white_output:std=1`."""
        given = ",".join(f"{f.name}={_spelt(getattr(self, f.name))}" for f in fields(self))
        return f"{self.NAME}:{given}" if given else self.NAME


N = TypeVar("N", bound=type[Noise])
_FAMILIES: dict[str, type[Noise]] = {}


def family(cls: N) -> N:
    """Register a family under its `NAME`; used as a class decorator."""
    if cls.NAME in _FAMILIES:
        raise ValueError(f"two noise families are called {cls.NAME!r}")
    _FAMILIES[cls.NAME] = cls
    return cls


def families() -> dict[str, type[Noise]]:
    """Return every registered family by name."""
    return dict(_FAMILIES)


def parse_noise(text: str) -> Noise:
    """Read `NAME` or `NAME:parameter=value,...`; a lone value is the first parameter's.

    Parameters not named keep their defaults: `white_output:1`, `pcm:prog=1,drift=0`, `ideal`.

    Raises:
        UsageError: Unknown family or parameter, a value of the wrong kind, or one out of range.
    """
    name, _, rest = text.partition(":")
    cls = _FAMILIES.get(name.strip())
    if cls is None:
        raise UsageError(f"no noise family {name.strip()!r}; {did_you_mean(name, _FAMILIES)}")
    known = {f.name: getattr(cls, f.name) for f in fields(cls)}
    values: dict[str, float | int | bool | str] = {}
    for n, part in enumerate(p for p in rest.split(",") if p.strip()):
        key, equals, value = part.partition("=")
        if not equals and n == 0 and known:
            key, value = next(iter(known)), part
        key = key.strip()
        if key not in known:
            raise UsageError(f"noise {name!r} has no parameter {key!r}; {did_you_mean(key, known)}")
        if key in values:
            raise UsageError(f"noise {text!r} gives {key!r} twice")
        values[key] = _value(cls.NAME, key, value.strip(), known[key])
    return cls(**values)


def _spelt(value: float | int | bool | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _value(
    name: str, key: str, text: str, default: float | int | bool | str
) -> float | int | bool | str:
    kind: Callable[[str], float | int | bool | str] = (
        _yes_or_no if isinstance(default, bool) else type(default)
    )
    try:
        return kind(text)
    except ValueError:
        wanted = {bool: "yes or no", int: "a whole number", float: "a number"}[type(default)]
        raise UsageError(f"{name}: {key} must be {wanted}, found {text!r}") from None


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(text)
    return text == "yes"
