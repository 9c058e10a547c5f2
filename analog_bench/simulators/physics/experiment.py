"""What is measured of a physical quantity, and how a sample of it becomes a check."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from analog_bench.noise import families
from analog_bench.simulators.engine_trial import reason_of
from analog_bench.simulators.physics.survey_record import ALLOWED_ERRORS, Check
from analog_bench.simulators.registry import find_simulator

# What single precision may do to a mean or a spread of thousands of numbers.
_ROUNDING = 1e-5


class Finding(NamedTuple):
    """What was measured in one condition (`g = 0.3`), and what the closed form gives, never 0.

    `measured` is None where there is no value; `tolerance` is how far the two may lie apart.
    `quantity` is given where an experiment has several.
    """

    where: str
    measured: float | None
    expected: float
    tolerance: float
    quantity: str = ""


Measure = Callable[[str], Iterable[Finding]]
"""From a simulator's name to what was found."""


@dataclass(frozen=True)
class Experiment:
    """Quantities of one noise family, measured under one or more conditions.

    `formulas` maps each quantity to its closed form with its source; without `tiles` it runs on
    every simulator that has the family.
    """

    family: str
    formulas: Mapping[str, str]
    unit: str
    tiles: tuple[str, ...]
    measure: Measure

    def runs_on(self, tile: str) -> bool:
        """Whether it is measured on a simulator."""
        if self.tiles:
            return tile in self.tiles
        return families()[self.family] in find_simulator(tile).noises

    def checks(self, tile: str) -> list[Check]:
        """Measure on a simulator.

        What the measurement raises becomes the reason of checks that could not be made: a release
        that lacks one noise model is still examined for all others.
        """
        try:
            return [self._check(tile, finding) for finding in self.measure(tile)]
        except Exception as problem:  # aihwkit does not declare what its parts raise
            reason = reason_of(problem)
            return [
                self._check(tile, Finding("", None, 0.0, 0.0, quantity), reason)
                for quantity in self.formulas
            ]

    def _check(self, tile: str, finding: Finding, reason: str = "") -> Check:
        quantity, measured = finding.quantity or next(iter(self.formulas)), finding.measured
        if measured is None or not math.isfinite(measured):
            measured, reason = None, reason or "what was measured is not a finite number"
        return Check(
            family=self.family,
            quantity=quantity,
            where=finding.where,
            tile=tile,
            unit=self.unit,
            measured=measured,
            expected=finding.expected,
            tolerance=finding.tolerance,
            formula=self.formulas[quantity],
            reason=reason,
        )


def experiment(
    family: str, formulas: Mapping[str, str], *, unit: str = "", tiles: tuple[str, ...] = ()
) -> Callable[[Measure], Experiment]:
    """Turn a function that measures into an `Experiment`; a decorator."""
    return lambda measure: Experiment(family, formulas, unit, tiles, measure)


def spread(where: str, sample: Tensor, expected: float, quantity: str = "") -> Finding:
    """Hold the standard deviation of independent draws against a closed form.

    Its standard error is σ / √(2n), that of normal noise. Clamped and folded as the closed forms
    have it, noise differs from that by less than 2 %, or has a smaller one. The sample's own
    kurtosis is left out: outliers would excuse the spread that they make.
    """
    values = sample.double().reshape(-1)
    error = expected / math.sqrt(2 * values.numel())
    measured = float(values.std(correction=0))
    return Finding(where, measured, expected, _allowed(expected, error), quantity)


def mean(where: str, sample: Tensor, expected: float, std: float, quantity: str = "") -> Finding:
    """Hold the mean of independent draws, each with this `std`, against a closed form."""
    values = sample.double().reshape(-1)
    error = std / math.sqrt(values.numel())
    return Finding(where, float(values.mean()), expected, _allowed(expected, error), quantity)


def exact(where: str, measured: float, expected: float) -> Finding:
    """Hold a number that nothing random enters against a closed form, to a share of 1e-4."""
    return Finding(where, measured, expected, 1e-4 * abs(expected))


def _allowed(expected: float, error: float) -> float:
    return ALLOWED_ERRORS * error + _ROUNDING * abs(expected)
