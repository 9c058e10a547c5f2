"""A model's forward pass as a row of stages, so that it can be resumed anywhere between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analog_bench.tasks.windows import Batch

State = Mapping[str, Tensor]
"""What the rest of the forward pass needs: named activations and the attention mask."""


@dataclass(frozen=True)
class Stage:
    """A stretch of the forward pass.

    Attributes:
        layers: Module paths of the layers computed in it.
        run: Maps the state before the stage to the state behind it, dropping what nothing later
            needs. It reaches each layer through the module that holds it, at every run: a tile
            takes a layer's place there.
    """

    layers: frozenset[str]
    run: Callable[[State], State]


@dataclass(frozen=True)
class Walk:
    """The stages of one model, in the order of computation.

    Attributes:
        begin: Maps a batch to the state before the first stage.
        stages: The stages; the last one leaves `output`: logits, or whatever the task scores.
        by_token: Whether layers see a batch token by token, so that its attention mask does not
            fit what they compute; nothing in it is padded then.
    """

    begin: Callable[[Batch], State]
    stages: tuple[Stage, ...]
    by_token: bool = False

    def first_stage(self, layers: Sequence[str]) -> int:
        """Return the first stage that computes any of the layers.

        Raises:
            KeyError: A layer that no stage computes: the walk and the model disagree.
        """
        places = {layer: n for n, stage in enumerate(self.stages) for layer in stage.layers}
        return min(places[layer] for layer in layers)

    def resume(self, state: State, stage: int) -> Tensor:
        """Run from a stage to the end and return the output."""
        for later in self.stages[stage:]:
            state = later.run(state)
        return state["output"]


WalkBuilder = Callable[[nn.Module], Walk]


def layers_of(model: nn.Module, *parts: nn.Module) -> frozenset[str]:
    """Return the module paths, in the whole model, of the layers in some of its parts.

    Args:
        model: The model.
        parts: Modules of it.

    Returns:
        The paths of every module in a part that has parameters of its own.
    """
    inside = {id(module) for part in parts for module in part.modules()}
    return frozenset(
        name
        for name, module in model.named_modules()
        if id(module) in inside and next(module.parameters(recurse=False), None) is not None
    )


def attention_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn a 0/1 token mask into the additive bias that attention takes.

    Args:
        mask: 1 where a token is, shape (inputs, tokens).
        dtype: The model's.

    Returns:
        0 at tokens, the type's lowest number at padding; shape (inputs, 1, tokens, tokens).
    """
    inputs, tokens = mask.shape
    low = torch.finfo(dtype).min
    bias = torch.zeros(inputs, 1, 1, tokens, dtype=dtype, device=mask.device)
    bias.masked_fill_(mask[:, None, None, :] == 0, low)
    return bias.expand(inputs, 1, tokens, tokens)
