"""Find the layers among a model's modules, those that a forward pass calls, and their inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

from analog_bench.zoo.model_structure import LayerKind

# By name, because importing transformers takes seconds and fails if torchvision does not match
# torch.
_CONV1D = "transformers.pytorch_utils.Conv1D"


def called_layers(model: nn.Module) -> tuple[dict[str, LayerKind], Any]:
    """Run a model once on one short input; return the layers it calls, and its output.

    The layers, module path to kind, are in the order of computation, without an unused pooler.
    """
    kinds = {p: kind for p, module in model.named_modules() if p and (kind := kind_of(module))}
    called: dict[str, LayerKind] = {}

    def enter(path: str, *_: object) -> None:
        called.setdefault(path, kinds[path])

    device = next(model.parameters()).device
    with hooked({path: model.get_submodule(path) for path in kinds}, before=enter), torch.no_grad():
        output = model(input_ids=torch.zeros(1, 3, dtype=torch.long, device=device))
    return called, output


@contextmanager
def hooked(
    modules: Mapping[str, nn.Module],
    *,
    before: Callable[..., Any] | None = None,
    after: Callable[..., Any] | None = None,
) -> Iterator[None]:
    """Let functions see the inputs and outputs of modules while the context lasts.

    `before` receives a module's name, the module and its inputs; `after` also receives its output.
    If a function returns something other than None, that replaces the inputs or the output, as in
    torch's hooks.
    """
    with ExitStack() as stack:
        for name, module in modules.items():
            if before is not None:
                hook = module.register_forward_pre_hook(partial(before, name))
                stack.callback(hook.remove)
            if after is not None:
                hook = module.register_forward_hook(partial(after, name))
                stack.callback(hook.remove)
        yield


def kind_of(module: nn.Module) -> LayerKind | None:
    """Return the kind of layer that a module is; None if it is not a layer."""
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
