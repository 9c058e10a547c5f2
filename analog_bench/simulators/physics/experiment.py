"""What is measured of a physical quantity, and how a sample of it becomes a check."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from analog_bench.noise import families
from analog_bench.simulators.physics.check import ALLOWED_ERRORS, Check, finite_or_none
from analog_bench.simulators.registry import find_simulator
from analog_bench.simulators.trial import reason_of

# What single precision may do to a mean or a spread of thousands of numbers.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Experiment:
    """One quantity of one noise family, measured under one or more conditions.

    Attributes:
        family: The noise family.
        quantity: What is measured.
        unit: Unit of the numbers; empty where they have none.
        formula: The closed form, with its source.
        tiles: The simulators it is measured on; all that have the family where empty.
        measure: Measures it on a simulator: yields conditions with what was found.
    """

    family: str
    quantity: str
    unit: str
    formula: str
    tiles: tuple[str, ...]
    measure: Callable[[str], Iterable[Finding]]

    def runs_on(self, tile: str) -> bool:
        """Whether it is measured on a simulator."""
        if self.tiles:
            return tile in self.tiles
        return families()[self.family] in find_simulator(tile).noises

    def checks(self, tile: str) -> list[Check]:
        """Measure on a tile engine.

        Whatever the measurement throws becomes the reason of a check that could not be made: a
        release that lacks one noise model is still examined for all others.
        """
        try:
            return [self._check(tile, finding) for finding in self.measure(tile)]
        except Exception as problem:  # aihwkit does not declare what its parts raise
            return [self._check(tile, Finding("", None, 0.0, 0.0), reason_of(problem))]

    def _check(self, tile: str, finding: Finding, reason: str = "") -> Check:
        measured = None if finding.measured is None else finite_or_none(finding.measured)
        if not reason and measured is None:
            reason = "what was measured is not a finite number"
        return Check(
            family=self.family,
            quantity=self.quantity,
            where=finding.where,
            tile=tile,
            unit=self.unit,
            measured=measured,
            expected=finding.expected,
            tolerance=finding.tolerance,
            formula=self.formula,
            reason=reason,
        )


def experiment(
    family: str, quantity: str, formula: str, *, unit: str = "", tiles: tuple[str, ...] = ()
) -> Callable[[Callable[[str], Iterable[Finding]]], Experiment]:
    """Turn what measures a quantity into an experiment; used as a decorator.

    Args:
        family: The noise family.
        quantity: What is measured.
        formula: The closed form, with its source.
        unit: Unit of the numbers.
        tiles: The simulators it is measured on; all that have the family where empty.
    """

    def made(measure: Callable[[str], Iterable[Finding]]) -> Experiment:
        return Experiment(family, quantity, unit, formula, tiles, measure)

    return made


@dataclass(frozen=True)
class Finding:
    """What was found under one condition.

    Attributes:
        where: The condition: `g = 0.3`.
        measured: The measured value; None where there is none.
        expected: Value of the closed form; not 0.
        tolerance: How far the two may lie apart.
    """

    where: str
    measured: float | None
    expected: float
    tolerance: float


def spread(where: str, sample: Tensor, expected: float) -> Finding:
    """Hold the standard deviation of a sample against a closed form.

    Its standard error is σ / √(2n), that of normal noise. Clamped and folded as the closed forms
    have it, noise differs from that by less than 2 %, or has a smaller one. The sample's own
    kurtosis is not asked: outliers would excuse the spread that they make.

    Args:
        where: The condition.
        sample: Independent draws, any shape.
        expected: The standard deviation.
    """
    values = sample.double().reshape(-1)
    error = expected / math.sqrt(2 * values.numel())
    return Finding(where, float(values.std(correction=0)), expected, _allowed(expected, error))


def mean(where: str, sample: Tensor, expected: float, std: float) -> Finding:
    """Hold the mean of a sample against a closed form.

    Args:
        where: The condition.
        sample: Independent draws, any shape.
        expected: The mean.
        std: The standard deviation of one draw.
    """
    values = sample.double().reshape(-1)
    error = std / math.sqrt(values.numel())
    return Finding(where, float(values.mean()), expected, _allowed(expected, error))


def exact(where: str, measured: float, expected: float, precision: float = 1e-4) -> Finding:
    """Hold a number that nothing random enters against a closed form.

    Args:
        where: The condition.
        measured: The number.
        expected: What the closed form says; not 0.
        precision: What rounding may do, relative.
    """
    return Finding(where, measured, expected, precision * abs(expected))


def _allowed(expected: float, error: float) -> float:
    return ALLOWED_ERRORS * error + _ROUNDING * abs(expected)
