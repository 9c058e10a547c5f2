"""The base class of noise families, their registry and their spelling."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import ClassVar, Literal, TypeVar

from analog_bench.defining_files import note_code
from analog_bench.errors import UsageError, did_you_mean
from analog_bench.value_checks import (
    amount,
    read_amount,
    read_whole,
    set_checked,
    shown,
    whole,
)

Where = Literal["output", "weight", "tile"]


@dataclass(frozen=True)
class Noise:
    """Base class of all noise families.

    The default of a parameter determines its kind: amount, integer, switch or text. `value_checks`
    holds the valid ranges. An invalid value raises `UsageError` on construction.

    Attributes:
        NAME: The family's name on the command line and in results.
        WHERE: What it acts on: a layer's `output`, a layer's `weight`, or a simulator's `tile`.
        DRIFTS: Whether the drift time changes anything.
        TIMES: The only drift times, in seconds, at which it is defined; empty where any will do.
        DRAWN_ONCE: Whether something is fixed at programming, so that chips differ beyond reads.
        RANDOM: Whether anything is drawn at all. If not, one chip is enough.
        SEVERITY: The parameters that a common factor scales to make the noise continuously better
            or worse (see `EqualError`); empty where there are none.
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
            checked = _checked(
                f"{self.NAME}: {field.name}", getattr(self, field.name), field.default
            )
            set_checked(self, **{field.name: checked})

    def __str__(self) -> str:
        """Return the spelling that `parse_noise` reads, e.g. `white_output:std=1`."""
        given = ",".join(f"{f.name}={_spelt(getattr(self, f.name))}" for f in fields(self))
        return f"{self.NAME}:{given}" if given else self.NAME


N = TypeVar("N", bound=type[Noise])
_FAMILIES: dict[str, type[Noise]] = {}


def family(cls: N) -> N:
    """Register a family under its `NAME`; use as a class decorator.

    Raises:
        ValueError: The name is taken, or a parameter has no default.
    """
    if cls.NAME in _FAMILIES:
        raise ValueError(f"two noise families are called {cls.NAME!r}")
    for field in fields(cls):
        if field.default is MISSING:
            raise ValueError(f"the noise family {cls.NAME!r} has no default for {field.name!r}")
    _FAMILIES[cls.NAME] = cls
    for base in cls.__mro__:
        if issubclass(base, Noise):
            note_code(cls, base)
    return cls


def families() -> dict[str, type[Noise]]:
    """Return every registered family by name."""
    return dict(_FAMILIES)


def find_family(name: str) -> type[Noise]:
    """Return the family with this name.

    Raises:
        UsageError: There is no such family.
    """
    if name not in _FAMILIES:
        raise UsageError(f"no noise family {name!r}; {did_you_mean(name, _FAMILIES)}")
    return _FAMILIES[name]


def usual_parameters(name: str) -> frozenset[str]:
    """Return a family's parameters as they are where none is given: `drift=1`, `compensate=yes`.

    None of a family that nobody registered, or that is its one parameter: `white_output:std=1`.
    """
    usual = str(_FAMILIES[name]()).partition(":")[2].split(",") if name in _FAMILIES else []
    return frozenset(usual if len(usual) > 1 else ())


def parse_noise(text: str) -> Noise:
    """Parse `NAME` or `NAME:parameter=value,...`.

    A lone value sets the first parameter, and parameters not named keep their defaults:
    `white_output:1`, `pcm:prog=1,drift=0`, `ideal`.

    Raises:
        UsageError: The family or a parameter is unknown or given twice, or a value has the wrong
            type or is out of range.
    """
    name, _, rest = text.partition(":")
    cls = find_family(name.strip())
    known = {f.name: f.default for f in fields(cls)}
    values: dict[str, object] = {}
    for n, part in enumerate(p for p in rest.split(",") if p.strip()):
        key, equals, value = part.partition("=")
        if not equals and n == 0 and known:
            key, value = next(iter(known)), part
        key = key.strip()
        if key not in known:
            raise UsageError(f"noise {name!r} has no parameter {key!r}; {did_you_mean(key, known)}")
        if key in values:
            raise UsageError(f"noise {text!r} gives {key!r} twice")
        values[key] = _read(f"{cls.NAME}: {key}", value.strip(), known[key])
    return cls(**values)


def check_noise(what: str, value: object) -> Noise:
    """Return the value if it is a noise.

    Raises:
        UsageError: It is something else; the message says how to write a noise.
    """
    if isinstance(value, Noise):
        return value
    hint = "write one, such as Pcm()"
    if isinstance(value, type) and issubclass(value, Noise):
        hint = f"write {value.__name__}()"
    elif isinstance(value, str):
        name = value.partition(":")[0]
        cls = _FAMILIES.get(name)
        hint = f"write {cls.__name__}(...)" if cls else did_you_mean(name, _FAMILIES)
    raise UsageError(f"{what} must hold noises, found {shown(value)}; {hint}")


def _spelt(value: float | int | bool | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _read(what: str, text: str, default: object) -> object:
    """Parse a parameter as the type of its default."""
    if isinstance(default, bool):
        return {"yes": True, "no": False}.get(text, text)
    if isinstance(default, int):
        return read_whole(what, text)
    return read_amount(what, text) if isinstance(default, float) else text


def _checked(what: str, value: object, default: object) -> object:
    """Return a parameter of the type of its default, validated."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise UsageError(f"{what} must be yes or no, found {shown(value)}")
        return value
    if isinstance(default, int):
        return whole(what, value)
    if isinstance(default, float):
        return amount(what, value)
    if not isinstance(value, str):
        raise UsageError(f"{what} must be a text, found {shown(value)}")
    return value
