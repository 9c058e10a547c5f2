"""Layers: the named modules that a case can act on, and how to find them in a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from analog_bench.errors import UsageError, did_you_mean

Kind = Literal["embedding", "norm", "matmul"]

# Named and not imported: importing transformers takes seconds, and fails where torchvision does
# not match torch.
_CONV1D = "transformers.pytorch_utils.Conv1D"


@dataclass(frozen=True, eq=False)
class Place:
    """A layer found in a model.

    Attributes:
        name: Public name: the module path without the model's base prefix
            (`encoder.layer.0.output.dense`, not `bert.encoder.layer.0.output.dense`).
        path: Module path.
        module: The module.
        kind: `embedding`, `norm` or `matmul`.
    """

    name: str
    path: str
    module: nn.Module
    kind: Kind


def kind_of(module: nn.Module) -> Kind | None:
    """Return what kind of layer a module is; None where it is not one."""
    if isinstance(module, nn.Linear) or is_conv1d(module):
        return "matmul"
    if isinstance(module, nn.Embedding):
        return "embedding"
    return "norm" if _is_norm(module) else None


def is_conv1d(module: nn.Module) -> bool:
    """Return whether a module is GPT-2's matrix product, which stores (inputs, outputs)."""
    return _is(module, _CONV1D)


def weight_of(module: nn.Module) -> Tensor:
    """Return a layer's weight; a matrix comes as (outputs, inputs) whatever the module stores."""
    weight = module.weight
    if not isinstance(weight, Tensor):
        raise TypeError(f"{type(module).__name__} has no weight")
    return weight.t() if is_conv1d(module) else weight


def as_stored(module: nn.Module, weight: Tensor) -> Tensor:
    """Turn a weight as `weight_of` returns it into the form that the module stores."""
    return (weight.t() if is_conv1d(module) else weight).contiguous()


def places(model: nn.Module) -> list[Place]:
    """List the layers of a digital model in the order of its modules."""
    prefix = getattr(model, "base_model_prefix", "")
    found = []
    for path, module in model.named_modules():
        kind = kind_of(module)
        if kind is not None and path:
            found.append(Place(public_name(path, prefix), path, module, kind))
    return found


def public_name(path: str, prefix: str) -> str:
    """Return a module path without the base prefix."""
    return path[len(prefix) + 1 :] if prefix and path.startswith(f"{prefix}.") else path


def find(model: nn.Module, names: Iterable[str]) -> list[Place]:
    """Look layers up by public name or module path.

    Raises:
        UsageError: A name that is no layer of the model.
    """
    known = {key: place for place in places(model) for key in (place.path, place.name)}
    found = []
    for name in names:
        if name not in known:
            public = sorted({place.name for place in known.values()})
            raise UsageError(f"no layer {name!r} in this model; {did_you_mean(name, public)}")
        found.append(known[name])
    return found


def shared_weights(model: nn.Module) -> frozenset[int]:
    """Return the ids of the parameters that several modules use as their weight."""
    owners = Counter(
        id(module._parameters["weight"])
        for module in model.modules()
        if module._parameters.get("weight") is not None
    )
    return frozenset(weight for weight, count in owners.items() if count > 1)


def parent_of(model: nn.Module, path: str) -> tuple[nn.Module, str]:
    """Return the module that holds the one at a path, and the name it goes by there."""
    above, _, child = path.rpartition(".")
    return model.get_submodule(above), child


def _is_norm(module: nn.Module) -> bool:
    """Return whether a module scales features one by one, whatever library it comes from."""
    weight = module._parameters.get("weight")
    return type(module).__name__.endswith("Norm") and weight is not None and weight.dim() == 1


def _is(module: nn.Module, name: str) -> bool:
    return any(f"{cls.__module__}.{cls.__qualname__}" == name for cls in type(module).__mro__)
