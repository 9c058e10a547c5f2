"""Devices that aihwkit has not: exact ones, stuck ones, and those of a user's table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from aihwkit.inference.converter.conductance import SinglePairConductanceConverter
from aihwkit.inference.noise.base import BaseNoiseModel
from torch import Tensor

from analog_bench.noise import Measured

_T_READ_S = 250e-9


class Exact(BaseNoiseModel):  # type: ignore[misc]
    """Devices that take and keep the weights exactly."""

    def apply_programming_noise(self, weights: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the weights as they are."""
        return weights.clone(), []

    def apply_drift_noise(self, weights: Tensor, _parameters: object, _seconds: float) -> Tensor:
        """Return the weights as they are."""
        return weights.clone()


class StuckDevices(BaseNoiseModel):  # type: ignore[misc]
    """Devices of another noise model, of which some are stuck from programming on.

    Each weight is stuck at 0 with probability `p_zero`, and at plus or minus the tile's largest
    magnitude with probability `p_max`, either sign equally likely. In the normalised units of the
    tile, where every output column is scaled to a largest weight of 1, that is ±1. Stuck devices
    do not drift. The same draws serve all probabilities: the faults at p are among those at 2p.
    """

    def __init__(self, healthy: Any, p_zero: float, p_max: float) -> None:
        super().__init__(healthy.g_converter)
        self.healthy = healthy
        self.p_zero = p_zero
        self.p_max = p_max

    def apply_programming_noise(self, weights: Tensor) -> tuple[Tensor, list[Any]]:
        """Program as the healthy model does, then draw the faults."""
        place, sign = torch.rand_like(weights), torch.rand_like(weights)
        at_max = torch.where(sign < 0.5, -1.0, 1.0) * weights.abs().max()
        value = torch.where(place < self.p_zero, torch.zeros_like(weights), at_max)
        stuck = (place < self.p_zero) | (place >= 1.0 - self.p_max)
        programmed, parameters = self.healthy.apply_programming_noise(weights)
        return torch.where(stuck, value, programmed), [stuck, value, parameters]

    def apply_drift_noise(self, weights: Tensor, parameters: list[Any], seconds: float) -> Tensor:
        """Drift as the healthy model does, but for the stuck devices."""
        stuck, value, healthy = parameters
        return torch.where(stuck, value, self.healthy.apply_drift_noise(weights, healthy, seconds))


class MeasuredDevices(BaseNoiseModel):  # type: ignore[misc]
    """Devices as a table has them; `Measured` gives the formulae."""

    def __init__(self, noise: Measured) -> None:
        self.noise, self.table = noise, noise.table
        low, *_, high = self.table.g
        super().__init__(SinglePairConductanceConverter(g_max=high, g_min=low))

    def apply_programming_noise_to_conductance(self, g_target: Tensor) -> Tensor:
        """Add the table's spread."""
        spread = self._at(g_target, self.table.sigma)
        return (g_target + self.noise.prog * spread * torch.randn_like(g_target)).clamp(min=0.0)

    def generate_drift_coefficients(self, g_target: Tensor) -> Tensor:
        """Draw the exponents; 0 where the table has none."""
        if not self.table.nu_mean:
            return torch.zeros_like(g_target)
        mean = self._at(g_target, self.table.nu_mean)
        std = self._at(g_target, self.table.nu_std) if self.table.nu_std else 0.0
        return self.noise.drift * (mean + std * torch.randn_like(g_target)).abs()

    def apply_drift_noise_to_conductance(
        self, g_prog: Tensor, nu: Tensor, seconds: float
    ) -> Tensor:
        """Drift, and add what one read adds."""
        noise, t_0 = self.noise, self.noise.t0
        left: Tensor = ((seconds + t_0) / t_0) ** -nu
        left = left * self.table.left_after(seconds) ** noise.drift
        g = g_prog * left
        if self.table.read_sigma:
            now, at_0 = (math.log((t + _T_READ_S) / (2 * _T_READ_S)) for t in (seconds + t_0, t_0))
            spread = left * self._at(g_prog, self.table.read_sigma) * math.sqrt(now / at_0)
            g = g + noise.read * spread * torch.randn_like(g)
        return g.clamp(min=0.0)

    def _at(self, g: Tensor, column: Sequence[float]) -> Tensor:
        """Interpolate a column linearly at conductances; beyond the table it stays level."""
        at, values = g.new_tensor(self.table.g), g.new_tensor(column)
        above = torch.bucketize(g, at).clamp(1, len(at) - 1)
        low, high = at[above - 1], at[above]
        share = ((g - low) / (high - low)).clamp(0.0, 1.0)
        return torch.lerp(values[above - 1], values[above], share)
