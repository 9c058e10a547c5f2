"""Layers: the named modules that a case can act on, and how to find them in a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.zoo.layer_names import is_conv1d, kind_of
from analog_bench.zoo.model_structure import LayerKind, public_name


@dataclass(frozen=True, eq=False)
class Place:
    """A layer found in a model.

    `name` is public: the module `path` without the model's base prefix, so
    `encoder.layer.0.output.dense`, not `bert.encoder.layer.0.output.dense`.
    """

    name: str
    path: str
    module: nn.Module
    kind: LayerKind


def weight_of(module: nn.Module) -> Tensor:
    """Return a layer's weight; a matrix as (outputs, inputs), however it is stored."""
    weight = module.weight
    if not isinstance(weight, Tensor):
        raise TypeError(f"{type(module).__name__} has no weight")
    return weight.t() if is_conv1d(module) else weight


def as_stored(module: nn.Module, weight: Tensor) -> Tensor:
    """Return a weight from `weight_of` in the form that the module stores."""
    return (weight.t() if is_conv1d(module) else weight).contiguous()


def places(model: nn.Module) -> list[Place]:
    """List the layers of a digital model in the order of its modules."""
    prefix = getattr(model, "base_model_prefix", "")
    return [
        Place(public_name(path, prefix), path, module, kind)
        for path, module in model.named_modules()
        if path and (kind := kind_of(module)) is not None
    ]


def find(model: nn.Module, names: Iterable[str]) -> list[Place]:
    """Return layers by public name or module path.

    Raises:
        UsageError: There is no such layer.
    """
    known = {key: place for place in places(model) for key in (place.path, place.name)}
    found = []
    for name in names:
        if name not in known:
            public = sorted({place.name for place in known.values()})
            raise UsageError(f"no layer {name!r} in this model; {did_you_mean(name, public)}")
        found.append(known[name])
    return found


def modules_of(model: nn.Module, names: Iterable[str]) -> dict[str, nn.Module]:
    """Return the modules of layers, which are named as for `find`."""
    listed = list(names)
    return {n: place.module for n, place in zip(listed, find(model, listed), strict=True)}


def shared_weights(model: nn.Module) -> frozenset[int]:
    """Return the ids of the parameters that several modules use as their weight."""
    owners = Counter(
        id(module._parameters["weight"])
        for module in model.modules()
        if module._parameters.get("weight") is not None
    )
    return frozenset(weight for weight, count in owners.items() if count > 1)
