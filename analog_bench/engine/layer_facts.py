"""Facts of a model's layers that need no case to run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, partial
from statistics import fmean

from torch import nn

from analog_bench.analog.layer_manifest import (
    Coverage,
    coverage,
    manifest,
    weight_histogram,
    weight_spread,
)
from analog_bench.layer_facts_record import LayerFacts
from analog_bench.records import SEVERAL
from analog_bench.zoo.adapter import NAME as ADAPTER


class Facts:
    """Looks each layer up once; `layers` are all there are, in the order of computation."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.layers = manifest(model)
        self._by_path = {layer.path: layer for layer in self.layers}
        # Adapters do not count: a layer is as deep in weights that have them as in those without.
        own = (path for path in self._by_path if f".{ADAPTER}." not in path)
        self._depth = {path: n for n, path in enumerate(own)}
        self._spread = cache(partial(weight_spread, model))
        self._histogram = cache(partial(weight_histogram, model))

    def covered(self) -> Coverage:
        """Return how much of the model is on tiles now."""
        return coverage(self._model, self.layers)

    def share(self, paths: Sequence[str]) -> float:
        """Return the share of the model's matrix-multiply weights in some layers, 0 to 1."""
        own = sum(self._by_path[path].macs for path in paths)
        return own / max(1, sum(layer.macs for layer in self.layers))

    def of(self, paths: Sequence[str], covered: Coverage | None) -> LayerFacts:
        """Return the facts of some layers of the clean model.

        `covered` is the coverage of the model with the case's tiles; None if nothing was measured.
        """
        layers = [self._by_path[path] for path in paths]
        spreads = [self._spread(path) for path in paths]
        single = len(paths) == 1 and math.isfinite(spreads[0].std)
        return LayerFacts(
            depth=min(self._depth[path] for path in paths),
            kind=layers[0].kind if len(layers) == 1 else SEVERAL,
            weights=sum(layer.weights for layer in layers),
            # Over several layers: the mean of the standard deviations, each in its own scale.
            weight_std=fmean(spread.std for spread in spreads),
            weight_max=max(spread.max_abs for spread in spreads),
            coverage_weights=covered.weights if covered else 0.0,
            coverage_macs=covered.macs if covered else 0.0,
            histogram=self._histogram(paths[0]) if single else None,
        )
