"""What noise in single layers should cost, from the clean model and the layers' own errors.

To second order in a layer's error d, the divergence from the clean model's outputs is 1/2 d F d,
F being the Fisher information of the layer's output y: the mean of g g', with g the gradient of the
log-likelihood of outputs that the model draws itself. Per choice of the model, the mean over inputs
and draws of

    along the error    1/2 (sum over tokens of g d)^2
    error x alpha      alpha |d|^2 / |y|^2,  alpha = 1/2 sum over tokens of |g|^2 |y|^2 / width

The latter takes the error to point anywhere, and tokens' errors for independent (HIGGS, arXiv
2411.17525, which measures its alpha). No model with noise in it is ever run: each layer is, on its
clean inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from analog_bench.analog.chip import Chip
from analog_bench.analog.clean_inputs import spread
from analog_bench.seeds import derive_seed
from analog_bench.tasks.sampled_likelihood import sampled_log_likelihood
from analog_bench.tasks.task import Task
from analog_bench.zoo.layer_names import hooked

_BATCHES = 6
_DRAWS = 8

ChipOf = Callable[[str, int], AbstractContextManager[Chip]]
"""Puts a chip, by its index, into one layer of the clean model, by its path."""


@dataclass
class ZeroShot:
    """What noise in one layer should cost, in nats a choice: along the error, and error x alpha."""

    along: float = 0.0
    by_alpha: float = 0.0


def zero_shot(
    model: nn.Module, task: Task, layers: Iterable[str], chip_of: ChipOf, *, seed: int
) -> dict[str, ZeroShot]:
    """Return estimates for layers of the clean model, by path, over six batches, each on a chip."""
    paths = list(layers)
    estimates = {path: ZeroShot() for path in paths}
    batches = spread(len(task.batches), _BATCHES)
    generator = torch.Generator().manual_seed(derive_seed(seed, "zero-shot"))
    for chip, batch in enumerate(batches):
        kept = _inputs_and_outputs(model, task, batch, paths)
        errors = {}
        for path, (given, clean) in kept.items():
            with chip_of(path, chip) as installed, torch.inference_mode():
                mask = None if task.by_token else task.batches[batch].attention_mask
                with installed.reading(batch, mask):
                    errors[path] = (model.get_submodule(path)(given) - clean).clone()
        shares = {
            path: float(errors[path].square().sum() / clean.square().sum())
            for path, (_, clean) in kept.items()
        }
        for _ in range(_DRAWS):
            gradients, choices = _gradients(model, task, batch, paths, generator)
            scale = 0.5 / (choices * _DRAWS * len(batches))
            for path, gradient in gradients.items():
                clean, one = kept[path][1], estimates[path]
                products = (gradient * errors[path]).flatten(1)  # those of inputs are independent
                one.along += scale * float(products.sum(-1).square().sum())
                sizes = gradient.square().sum(-1) * clean.square().sum(-1) / clean.shape[-1]
                one.by_alpha += scale * float(sizes.sum()) * shares[path]
    return estimates


def _inputs_and_outputs(
    model: nn.Module, task: Task, batch: int, paths: Iterable[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    kept: dict[str, tuple[Tensor, Tensor]] = {}

    def keep(path: str, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        kept[path] = inputs[0], output

    layers = {path: model.get_submodule(path) for path in paths}
    with hooked(layers, after=keep), torch.no_grad():
        task.run(model, batch)
    return kept


def _gradients(
    model: nn.Module, task: Task, batch: int, paths: Iterable[str], generator: torch.Generator
) -> tuple[Mapping[str, Tensor], int]:
    """Return the gradients at layers' outputs of one drawn log-likelihood, and its choices."""
    outputs: dict[str, Tensor] = {}

    def watch(path: str, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        # Weights may be frozen: then nothing before the first layer has a gradient.
        outputs[path] = output if output.requires_grad else output.detach().requires_grad_()
        return outputs[path]

    layers = {path: model.get_submodule(path) for path in paths}
    with hooked(layers, after=watch), torch.enable_grad():
        log_likelihood, choices = sampled_log_likelihood(
            task, batch, task.run(model, batch), generator
        )
        gradients = torch.autograd.grad(log_likelihood, list(outputs.values()))
    return dict(zip(outputs, gradients, strict=True)), choices
