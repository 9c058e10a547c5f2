"""A model's layers in the order of computation, and how much of it sits on tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from torch import nn

from analog_bench.analog.layers import Place, find, parent_of, places, shared_weights, weight_of
from analog_bench.analog.random_draws import isolated
from analog_bench.analog.tile_protocol import OnTiles
from analog_bench.layer_facts_record import Histogram
from analog_bench.zoo.layer_names import called_layers, is_conv1d
from analog_bench.zoo.model_structure import LayerKind, block_of, public_name

BINS = 61
"""Bins of a histogram of weights: enough to show its shape and how far its tails reach."""


@dataclass(frozen=True)
class Layer:
    """A layer's place, shape and size; a matrix is (outputs, inputs).

    Attributes:
        block: Index of the block it belongs to; None outside of blocks.
        weights: Number of weights, without the bias.
        macs: Multiply-accumulates a token: outputs times inputs; 0 unless a `matmul`. What is
            computed once a text, as a classifier's head is, counts as much.
        tileable: Whether it can be put on tiles as the model stands now.
        tied_to: Public name of the layer it shares its weight with by design. Where `prepare` has
            untied them, this one holds a copy of its own, and the other stays digital.
    """

    name: str
    path: str
    kind: LayerKind
    shape: tuple[int, ...]
    block: int | None
    weights: int
    macs: int
    tileable: bool
    tied_to: str | None


@dataclass(frozen=True)
class WeightSpread:
    """How a layer's weights are spread: what the mapping to conductances has to cover."""

    std: float
    max_abs: float


@dataclass(frozen=True)
class Coverage:
    """How much of a model's matrix multiplication really sits on tiles.

    `weights` and `macs` are shares, 0 to 1; the names are public, in the order of computation.
    """

    weights: float
    macs: float
    on_tiles: tuple[str, ...]
    digital: tuple[str, ...]


def prepare(model: nn.Module) -> nn.Module:
    """Make every matrix multiplication of a model fit for tiles, in place; return the model.

    aihwkit converts by exact class, so GPT-2's `Conv1D` would silently stay digital: it becomes the
    equal `nn.Linear`. An output head that shares the token embedding's weight gets a copy of it:
    the head may go on tiles, the embedding stays digital. The outputs do not change.
    """
    for place in places(model):
        if is_conv1d(place.module):
            parent, child = parent_of(model, place.path)
            setattr(parent, child, _linear(place.module))
    embedded = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    for module in model.modules():
        if isinstance(module, nn.Linear) and id(module.weight) in embedded:
            shared = module.weight
            module.weight = nn.Parameter(shared.detach().clone(), shared.requires_grad)
            # Saving and loading would otherwise tie them again and lose what the head has learnt.
            cast(Any, model.config).tie_word_embeddings = False
    return model


def manifest(model: nn.Module) -> tuple[Layer, ...]:
    """List a digital model's layers in the order of computation, each once.

    The order is that of a real forward pass over one short `input_ids`, so modules that are never
    called (an unused pooler) do not appear.
    """
    known = {place.path: place for place in places(model)}
    with isolated(next(model.parameters()).device):
        called, _ = called_layers(model)
    ties = _ties(model)
    shared = shared_weights(model)
    return tuple(_layer(known[path], ties, shared) for path in called)


def weight_spread(model: nn.Module, layer_name: str) -> WeightSpread:
    """Return how one layer's weights are spread."""
    weight = _numbers(model, layer_name)
    # numpy sums in one thread: the last digits of torch's sum go with the number of threads.
    return WeightSpread(std=float(weight.std()), max_abs=float(np.max(np.abs(weight))))


def weight_histogram(model: nn.Module, layer_name: str) -> Histogram:
    """Count the weights of one layer in `BINS` bins of equal width, from smallest to largest.

    Where all weights are equal the bins reach half a unit to both sides.
    """
    counts, edges = np.histogram(_numbers(model, layer_name), bins=BINS)
    return Histogram(float(edges[0]), float(edges[-1]), tuple(map(int, counts)))


def coverage(model: nn.Module, layers_manifest: Sequence[Layer]) -> Coverage:
    """Measure how much of the manifest is on tiles, by looking at the modules themselves."""
    on = paths_on_tiles(model)
    products = [layer for layer in layers_manifest if layer.kind == "matmul"]
    covered = [layer for layer in products if layer.path in on]
    return Coverage(
        weights=sum(x.weights for x in covered) / max(1, sum(x.weights for x in products)),
        macs=sum(x.macs for x in covered) / max(1, sum(x.macs for x in products)),
        on_tiles=tuple(layer.name for layer in covered),
        digital=tuple(layer.name for layer in products if layer.path not in on),
    )


def paths_on_tiles(model: nn.Module) -> frozenset[str]:
    """Return the module paths of everything in the model that computes on tiles now."""
    return frozenset(path for path, module in model.named_modules() if isinstance(module, OnTiles))


def _numbers(model: nn.Module, layer_name: str) -> Any:
    weight = weight_of(find(model, [layer_name])[0].module)
    return weight.detach().double().cpu().numpy()


def _linear(conv: Any) -> nn.Linear:
    weight = weight_of(conv).detach().contiguous()
    outputs, inputs = weight.shape
    # On `meta`, so that nothing is initialised and no random number drawn.
    linear = nn.Linear(inputs, outputs, device="meta")
    linear.weight = nn.Parameter(weight, conv.weight.requires_grad)
    linear.bias = conv.bias
    linear.train(conv.training)
    return linear


def _layer(place: Place, ties: Mapping[str, str], shared: frozenset[int]) -> Layer:
    weight = weight_of(place.module)
    product = place.kind == "matmul"
    return Layer(
        name=place.name,
        path=place.path,
        kind=place.kind,
        shape=tuple(weight.shape),
        block=block_of(place.path),
        weights=weight.numel(),
        macs=weight.numel() if product else 0,
        tileable=type(place.module) is nn.Linear and id(place.module.weight) not in shared,
        tied_to=ties.get(place.path) if product else None,
    )


def _ties(model: nn.Module) -> dict[str, str]:
    """Map a module path to the public name of the layer it shares its weight with by design."""
    prefix = getattr(model, "base_model_prefix", "")
    declared = getattr(model, "_tied_weights_keys", None)
    pairs = declared.items() if isinstance(declared, Mapping) else ()
    ties = {
        tied.removesuffix(".weight"): public_name(owner.removesuffix(".weight"), prefix)
        for tied, owner in pairs
    }
    embeddings = {id(p.module.weight): p for p in places(model) if p.kind == "embedding"}
    for place in places(model):
        if place.kind == "matmul" and id(place.module.weight) in embeddings:
            ties[place.path] = embeddings[id(place.module.weight)].name
    return ties
