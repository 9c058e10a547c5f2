"""Which modules of a model are layers, and which of them a forward pass computes."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import nn

from analog_bench.zoo.model_structure import LayerKind

# Named and not imported: importing transformers takes seconds, and fails where torchvision does
# not match torch.
_CONV1D = "transformers.pytorch_utils.Conv1D"


def called_layers(model: nn.Module) -> tuple[dict[str, LayerKind], Any]:
    """Run a model once on one short input; return which layers it calls, and its output.

    Layers, module path to kind, are in the order of computation; an unused pooler is none of them.
    """
    called: dict[str, LayerKind] = {}

    def enter(path: str, kind: LayerKind, *_: object) -> None:
        called.setdefault(path, kind)

    device = next(model.parameters()).device
    with ExitStack() as stack, torch.no_grad():
        for path, module in model.named_modules():
            kind = kind_of(module)
            if kind is not None and path:
                stack.callback(module.register_forward_pre_hook(partial(enter, path, kind)).remove)
        output = model(input_ids=torch.zeros(1, 3, dtype=torch.long, device=device))
    return called, output


def kind_of(module: nn.Module) -> LayerKind | None:
    """Return what kind of layer a module is; None where it is not one."""
    if isinstance(module, nn.Linear) or is_conv1d(module):
        return "matmul"
    if isinstance(module, nn.Embedding):
        return "embedding"
    weight = module._parameters.get("weight")
    scales = weight is not None and weight.dim() == 1
    return "norm" if scales and type(module).__name__.endswith("Norm") else None


def is_conv1d(module: nn.Module) -> bool:
    """Return whether a module is GPT-2's matrix product, which stores (inputs, outputs)."""
    return any(f"{cls.__module__}.{cls.__qualname__}" == _CONV1D for cls in type(module).__mro__)
