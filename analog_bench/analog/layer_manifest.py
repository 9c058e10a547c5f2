"""A model's layers in the order of computation, and the share of it that sits on tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from torch import nn

from analog_bench.analog.layers import Place, find, places, weight_of
from analog_bench.analog.random_draws import isolated
from analog_bench.analog.tile_protocol import OnTiles
from analog_bench.layer_facts_record import Histogram
from analog_bench.zoo.layer_names import called_layers, is_conv1d
from analog_bench.zoo.model_structure import LayerName, block_of

BINS = 61
"""Bins of a histogram of weights, enough to show its shape and its tails."""


@dataclass(frozen=True)
class Layer(LayerName):
    """A layer and its number of weights, without the bias."""

    weights: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates per token; layers computed once per text count the same."""
        return self.weights if self.kind == "matmul" else 0


@dataclass(frozen=True)
class WeightSpread:
    """The spread of a layer's weights, which the mapping to conductances has to cover."""

    std: float
    max_abs: float


@dataclass(frozen=True)
class Coverage:
    """The share of a model's matrix multiplications that really sits on tiles.

    `weights` is a share, 0 to 1. The names are public, in the order of computation.
    """

    weights: float
    on_tiles: tuple[str, ...]
    digital: tuple[str, ...]

    @property
    def macs(self) -> float:
        """The share of multiply-accumulates per token; a matrix has one per weight."""
        return self.weights


def prepare(model: nn.Module) -> nn.Module:
    """Prepare every matrix multiplication of a model for tiles, in place; return the model.

    aihwkit converts by exact class, so GPT-2's `Conv1D` would silently stay digital; it becomes the
    equivalent `nn.Linear`. An output head that shares the token embedding's weight gets a copy of
    it, so that the head may go on tiles while the embedding stays digital. The outputs do not
    change.
    """
    for place in places(model):
        if is_conv1d(place.module):
            model.set_submodule(place.path, _linear(place.module))
    embedded = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    for module in model.modules():
        if isinstance(module, nn.Linear) and id(module.weight) in embedded:
            shared = module.weight
            module.weight = nn.Parameter(shared.detach().clone(), shared.requires_grad)
            # Saving and loading would otherwise tie them again and lose what the head has learned.
            cast(Any, model.config).tie_word_embeddings = False
    return model


def manifest(model: nn.Module) -> tuple[Layer, ...]:
    """Return a digital model's layers in the order of computation, each once.

    The order is that of a real forward pass over one short `input_ids`, so modules that are never
    called (an unused pooler) do not appear.
    """
    known = {place.path: place for place in places(model)}
    with isolated(next(model.parameters()).device):
        called, _ = called_layers(model)
    return tuple(_layer(known[path]) for path in called)


def weight_spread(model: nn.Module, layer_name: str) -> WeightSpread:
    """Return the spread of one layer's weights."""
    weight = _numbers(model, layer_name)
    # numpy sums in one thread; the last digits of torch's sum depend on the number of threads.
    return WeightSpread(std=float(weight.std()), max_abs=float(np.max(np.abs(weight))))


def weight_histogram(model: nn.Module, layer_name: str) -> Histogram:
    """Count the weights of one layer in `BINS` bins of equal width, from smallest to largest.

    If all weights are equal, the bins reach half a unit to both sides.
    """
    counts, edges = np.histogram(_numbers(model, layer_name), bins=BINS)
    return Histogram(float(edges[0]), float(edges[-1]), tuple(map(int, counts)))


def coverage(model: nn.Module, layers_manifest: Sequence[Layer]) -> Coverage:
    """Measure how much of the manifest is on tiles, by inspecting the modules."""
    on = paths_on_tiles(model)
    products = [layer for layer in layers_manifest if layer.kind == "matmul"]
    covered = [layer for layer in products if layer.path in on]
    return Coverage(
        weights=sum(x.weights for x in covered) / max(1, sum(x.weights for x in products)),
        on_tiles=tuple(layer.name for layer in covered),
        digital=tuple(layer.name for layer in products if layer.path not in on),
    )


def paths_on_tiles(model: nn.Module) -> frozenset[str]:
    """Return the paths of all modules in the model that compute on tiles now."""
    return frozenset(path for path, module in model.named_modules() if isinstance(module, OnTiles))


def _numbers(model: nn.Module, layer_name: str) -> Any:
    weight = weight_of(find(model, [layer_name])[0].module)
    return weight.detach().double().cpu().numpy()


def _linear(conv: Any) -> nn.Linear:
    weight = weight_of(conv).detach().contiguous()
    outputs, inputs = weight.shape
    # On `meta`, so that nothing is initialised and no random number is drawn.
    linear = nn.Linear(inputs, outputs, device="meta")
    linear.weight = nn.Parameter(weight, conv.weight.requires_grad)
    linear.bias = conv.bias
    linear.train(conv.training)
    return linear


def _layer(place: Place) -> Layer:
    weights = weight_of(place.module).numel()
    return Layer(place.name, place.path, place.kind, block_of(place.path), weights)
