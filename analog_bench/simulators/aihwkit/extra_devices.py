"""Devices that aihwkit has not: exact ones, and stuck ones."""

from __future__ import annotations

from typing import Any

import torch
from aihwkit.inference.noise.base import BaseNoiseModel
from torch import Tensor


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
