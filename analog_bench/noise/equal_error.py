"""Another family scaled to a chosen output error, so that families can be compared."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from functools import cached_property

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.noise.memory_cells import Stuck
from analog_bench.noise.noise_family import Noise, families, family, parse_noise
from analog_bench.value_checks import LARGEST, SMALLEST

LARGEST_ERROR = 2.0

_OF_THE_FAMILY = ("WHERE", "DRIFTS", "DRAWN_ONCE", "RANDOM")
# Starting severity where the family's own default is 0.
_SMALL = 0.01
# Factor by which the search may leave the starting severity, in either direction.
_MANY = 1e6
# The plus sign of an exponent, as in `1e+06`, is not a separator.
_BETWEEN = re.compile(r"(?<!\de)\+")


@family
@dataclass(frozen=True)
class EqualError(Noise):
    """Another family at the severity that gives each layer's output a chosen relative error.

    A standard deviation of 0.1 means something different in each family's own units. Here the
    severity is solved for, layer by layer, so that ||y_noisy - y|| / ||y|| equals `error` on
    average over chips. y is the digital output for clean inputs from the run's data. Everything
    else (chips, draws, tile engines, drift times) is the family's own. A chip draws the same random
    numbers as under the family itself. Each drift time is solved for separately.

    The severity is set by the family's `SEVERITY`: one parameter, or a common factor on several. A
    common factor keeps their proportions, such as those of `prog`, `read` and `drift` of `pcm`, so
    the device only becomes better or worse. `parameter` selects one of them and leaves the others
    as given.

    Attributes:
        family: The family. Parameters that differ from their defaults follow a colon, separated by
            `+`: `pcm`, `pcm:drift=0+compensate=no`, `stuck:p_max=0.01`.
        error: The relative error, above 0 and at most 2.
        parameter: The one parameter to solve for; empty for the family's severity.
    """

    # The values of the default family. Each instance carries those of its own family.
    NAME, WHERE = "equal_error", "tile"
    family: str = "out_noise"
    error: float = 0.1
    parameter: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.error <= LARGEST_ERROR:
            raise UsageError(
                f"{self.NAME}: error must be above 0 and at most {LARGEST_ERROR:g}, "
                f"found {self.error:g}"
            )
        given = self._given
        if not given.SEVERITY:
            able = sorted(name for name, cls in families().items() if cls.SEVERITY)
            raise UsageError(
                f"{self.NAME} cannot solve for {given.NAME}, which has no severity that goes up "
                f"and down continuously; families that have: {', '.join(able)}"
            )
        if self.parameter and self.parameter not in given.SEVERITY:
            raise UsageError(
                f"{self.NAME} cannot solve for {self.parameter!r} of {given.NAME}; "
                f"{did_you_mean(self.parameter, given.SEVERITY)}"
            )
        self._check_values()
        # One spelling for each noise, so that case ids agree.
        if (self.parameter,) == given.SEVERITY:
            object.__setattr__(self, "parameter", "")
        object.__setattr__(self, "family", _short(given))
        for name in _OF_THE_FAMILY:
            object.__setattr__(self, name, getattr(given, name))

    def __str__(self) -> str:
        """Return the spelling that `parse_noise` reads; an empty `parameter` is omitted."""
        return super().__str__().removesuffix(",parameter=")

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters to solve for, in fixed proportions."""
        return (self.parameter,) if self.parameter else self._given.SEVERITY

    @property
    def start(self) -> float:
        """The severity to start from: 1 for a common factor, else the parameter's default.

        It is 0.01 where that default is 0.
        """
        if len(self.parameters) > 1:
            return 1.0
        return float(getattr(self._given, self.parameters[0])) or _SMALL

    @property
    def smallest(self) -> float:
        """The smallest severity to try, above 0."""
        return max(self.start / _MANY, SMALLEST / min(filter(None, self._factors.values())))

    @property
    def largest(self) -> float:
        """The largest severity to try.

        Shares of stuck devices may add up to 1. Any other parameter may grow to the end of the
        search range or to the largest valid value.
        """
        given = self._given
        if not isinstance(given, Stuck):
            return min(self.start * _MANY, LARGEST / max(self._factors.values()))
        # Slightly less than 1, so that rounding never takes the sum of shares above 1.
        share = 1.0 - 1e-9
        if len(self.parameters) > 1:
            return share / (given.p_zero + given.p_max)
        return share - (given.p_max if self.parameter == "p_zero" else given.p_zero)

    def at(self, severity: float) -> Noise:
        """Return the family at a severity: the value of one parameter, or a factor on several."""
        # Rounding of the product may step just outside the valid range.
        values = {
            name: factor and min(max(severity * factor, SMALLEST), LARGEST)
            for name, factor in self._factors.items()
        }
        return replace(self._given, **values)

    @property
    def _factors(self) -> dict[str, float]:
        """The value of each parameter to solve for at severity 1."""
        alone = len(self.parameters) == 1
        return {name: 1.0 if alone else getattr(self._given, name) for name in self.parameters}

    @cached_property
    def _given(self) -> Noise:
        name, colon, rest = self.family.partition(":")
        return parse_noise(name + colon + _BETWEEN.sub(",", rest))

    def _check_values(self) -> None:
        names, given = self.parameters, self._given
        if len(names) > 1:
            if not any(getattr(given, name) for name in names):
                raise UsageError(
                    f"{self.NAME} scales {', '.join(names)} of {given.NAME} together, and all of "
                    "them are 0; give one of them"
                )
            return
        value = getattr(given, names[0])
        if value != getattr(type(given)(), names[0]):
            raise UsageError(
                f"{self.NAME} solves for {names[0]} of {given.NAME} itself; leave out "
                f"{names[0]}={value:g}"
            )


def _short(noise: Noise) -> str:
    """Spell a noise with `+` between its parameters, omitting those at their defaults."""
    plain = set(str(type(noise)()).partition(":")[2].split(","))
    spelt = str(noise).partition(":")[2].split(",") if fields(noise) else []
    other = "+".join(part for part in spelt if part not in plain)
    return f"{noise.NAME}:{other}" if other else noise.NAME
