"""What is known of layers without running them, as results hold it: see `records`."""

from __future__ import annotations

import math

from msgspec import Struct

from analog_bench.codec import Whole


class Histogram(Struct, frozen=True, forbid_unknown_fields=True):
    """How numbers are spread: counts in bins of equal width.

    Attributes:
        low: Lower end of the first bin: the smallest number.
        high: Upper end of the last bin: the largest number.
        counts: How many fell into each bin, from `low` to `high`.
    """

    low: float
    high: float
    counts: tuple[Whole, ...]


class LayerFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a case's layers without running anything.

    Attributes:
        depth: Position of the first layer in the order of computation.
        kind: `embedding`, `norm`, `matmul`, or `several`.
        weights: Number of weights.
        weight_std: Standard deviation of the weights.
        weight_max: Largest magnitude among the weights.
        coverage_weights: Share of the model's matrix-multiply weights that sat on tiles.
        coverage_macs: Share of its multiply-accumulates that did.
        histogram: Of the weights, in their own unit; None for several layers, whose scales differ,
            and where it is not known.
    """

    depth: Whole
    kind: str
    weights: Whole
    weight_std: float
    weight_max: float
    coverage_weights: float
    coverage_macs: float
    histogram: Histogram | None = None

    @property
    def reach(self) -> float | None:
        """Largest weight in standard deviations; None where all weights are all but equal."""
        reach = self.weight_max / self.weight_std if self.weight_std > 0 else math.inf
        return reach if math.isfinite(reach) else None
