"""The difference between tuned weights and their base, in a compact form.

Tensors of a delta are named by their role and the parameter they belong to:

- `delta:NAME`: float16, to be added; or int8, to be multiplied first by `scale:NAME` (float32, one
  per row, shape (rows, 1)).
- `whole:NAME`: float32, a parameter that the base lacks.

Unchanged parameters are omitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from analog_bench.errors import WeightsError

DeltaType = Literal["float16", "int8"]
_LARGEST = 127


def delta_between(
    base: Mapping[str, Tensor], tuned: Mapping[str, Tensor], dtype: DeltaType
) -> dict[str, Tensor]:
    """Return the delta from one set of weights to another, which may have new parameters.

    Only matrices are stored as int8 (symmetric, one scale per row); vectors, which take little
    space, are float16 even then. After application, the error of each weight is at most 2^-11 of
    its change for float16 (in float16's normal range) and half a scale for int8, beyond float32's
    own rounding.

    Raises:
        WeightsError: `tuned` lacks a parameter of the base, or has one of another shape or one that
            is not finite.
    """
    missing = sorted(set(base) - set(tuned))
    if missing:
        raise WeightsError(f"the tuned weights lack {missing[0]}")
    delta: dict[str, Tensor] = {}
    for name, target in sorted(tuned.items()):
        if not bool(torch.isfinite(target).all()):
            raise WeightsError(f"the tuned {name} holds values that are not finite numbers")
        if name not in base:
            delta[f"whole:{name}"] = target.detach().float().clone()
            continue
        _same_shape(name, base[name], target)
        change = target.detach().double() - base[name].detach().double()
        if not bool(change.any()):
            continue
        if dtype == "int8" and change.dim() == 2:
            scale = (change.abs().amax(dim=1, keepdim=True) / _LARGEST).float()
            steps = change / scale.double().where(scale > 0, torch.ones((), dtype=torch.float64))
            delta[f"delta:{name}"] = steps.round().clamp(-_LARGEST, _LARGEST).to(torch.int8)
            delta[f"scale:{name}"] = scale
        else:
            delta[f"delta:{name}"] = change.half()
            if not bool(torch.isfinite(delta[f"delta:{name}"]).all()):
                raise WeightsError(f"the change of {name} is too large for float16")
    return delta


def apply_delta(
    base: Mapping[str, Tensor], delta: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """Add a delta, read from a file, to the weights it was made for.

    Sums are in float64 and rounded once to float32.

    Raises:
        WeightsError: A tensor is unknown, or of the wrong type or shape.
    """
    tuned = dict(base)
    try:
        for key in sorted(delta):
            _apply(key, base, delta, tuned)
    except WeightsError as problem:
        raise WeightsError(
            f"{path}: {problem}; restore the file from version control, or train anew"
        ) from None
    return tuned


def _apply(
    key: str, base: Mapping[str, Tensor], delta: Mapping[str, Tensor], tuned: dict[str, Tensor]
) -> None:
    tensor = delta[key]
    form, _, name = key.partition(":")
    if form == "whole" and name not in base:
        _typed(key, tensor, torch.float32)
        tuned[name] = tensor
    elif form == "delta" and name in base:
        _same_shape(name, base[name], tensor)
        change = tensor.double()
        if f"scale:{name}" in delta:
            _typed(key, tensor, torch.int8)
            change = change * _scale(name, delta[f"scale:{name}"], tensor)
        else:
            _typed(key, tensor, torch.float16)
        tuned[name] = (base[name].double() + change).float()
    elif form != "scale" or f"delta:{name}" not in delta:
        raise WeightsError(f"the delta holds an unknown tensor {key}")


def _scale(name: str, scale: Tensor, of: Tensor) -> Tensor:
    _typed(f"scale:{name}", scale, torch.float32)
    if tuple(scale.shape) != (of.shape[0], 1):
        raise WeightsError(
            f"the delta's scale:{name} must have the shape {(of.shape[0], 1)}, "
            f"found {tuple(scale.shape)}"
        )
    return scale.double()


def _same_shape(name: str, base: Tensor, other: Tensor) -> None:
    if base.shape != other.shape:
        raise WeightsError(
            f"{name} must have the shape {tuple(base.shape)}, found {tuple(other.shape)}"
        )


def _typed(key: str, tensor: Tensor, dtype: torch.dtype) -> None:
    if tensor.dtype != dtype:
        raise WeightsError(f"the delta's {key} must be {dtype}, found {tensor.dtype}")
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise WeightsError(f"the delta's {key} holds values that are not finite numbers")
