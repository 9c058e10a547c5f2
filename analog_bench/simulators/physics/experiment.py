"""What is measured of a physical quantity, and how a sample of it becomes a check."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from analog_bench.noise import families
from analog_bench.simulators.physics.survey import ALLOWED_ERRORS, Check
from analog_bench.simulators.registry import find_simulator
from analog_bench.simulators.trial import reason_of

# What single precision may do to a mean or a spread of thousands of numbers.
_ROUNDING = 1e-5


class Finding(NamedTuple):
    """What was measured in one condition (`g = 0.3`), and what the closed form gives, never 0.

    `measured` is None where there is no value; `tolerance` is how far the two may lie apart.
    """

    where: str
    measured: float | None
    expected: float
    tolerance: float


Measure = Callable[[str], Iterable[tuple[str, Finding]]]
"""From a simulator's name to quantities with what was found."""


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
            return [self._check(tile, *found) for found in self.measure(tile)]
        except Exception as problem:  # aihwkit does not declare what its parts raise
            nothing, reason = Finding("", None, 0.0, 0.0), reason_of(problem)
            return [self._check(tile, quantity, nothing, reason) for quantity in self.formulas]

    def _check(self, tile: str, quantity: str, finding: Finding, reason: str = "") -> Check:
        measured = finding.measured
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


def experiments(
    family: str, formulas: Mapping[str, str], *, unit: str = "", tiles: tuple[str, ...] = ()
) -> Callable[[Measure], Experiment]:
    """Turn what measures several quantities of one sample into an `Experiment`; a decorator."""

    def made(measure: Measure) -> Experiment:
        return Experiment(family, formulas, unit, tiles, measure)

    return made


def experiment(
    family: str, quantity: str, formula: str, *, unit: str = "", tiles: tuple[str, ...] = ()
) -> Callable[[Callable[[str], Iterable[Finding]]], Experiment]:
    """Turn what measures one quantity into an `Experiment`; a decorator."""

    def made(measure: Callable[[str], Iterable[Finding]]) -> Experiment:
        def named(tile: str) -> Iterator[tuple[str, Finding]]:
            for finding in measure(tile):
                yield quantity, finding

        return Experiment(family, {quantity: formula}, unit, tiles, named)

    return made


def spread(where: str, sample: Tensor, expected: float) -> Finding:
    """Hold the standard deviation of independent draws against a closed form.

    Its standard error is σ / √(2n), that of normal noise. Clamped and folded as the closed forms
    have it, noise differs from that by less than 2 %, or has a smaller one. The sample's own
    kurtosis is left out: outliers would excuse the spread that they make.
    """
    values = sample.double().reshape(-1)
    error = expected / math.sqrt(2 * values.numel())
    return Finding(where, float(values.std(correction=0)), expected, _allowed(expected, error))


def mean(where: str, sample: Tensor, expected: float, std: float) -> Finding:
    """Hold the mean of independent draws, each with this `std`, against a closed form."""
    values = sample.double().reshape(-1)
    error = std / math.sqrt(values.numel())
    return Finding(where, float(values.mean()), expected, _allowed(expected, error))


def exact(where: str, measured: float, expected: float, precision: float = 1e-4) -> Finding:
    """Hold a number that nothing random enters against a closed form, to a relative precision."""
    return Finding(where, measured, expected, precision * abs(expected))


def _allowed(expected: float, error: float) -> float:
    return ALLOWED_ERRORS * error + _ROUNDING * abs(expected)
