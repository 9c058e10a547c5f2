"""Sub-networks of a MobileBERT with fewer blocks, feed-forward networks or heads, or less width.

A sub-network is a real model of transformers. Until it is copied, it shares its weights with the
whole, so that both are trained together in a supernet.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

import torch
from msgspec import Struct
from torch import Tensor, nn

_OUTPUTS, _INPUTS = 0, 1
# Linear layers that become narrower with fewer heads or a smaller width, and on which side.
_NARROWED = (
    (r".*\.attention\.self\.\w+", _OUTPUTS, "heads"),
    (r".*\.attention\.output\.dense", _INPUTS, "heads"),
    (r".*\.intermediate\.dense", _OUTPUTS, "width"),
    (r".*\.(layer|ffn)\.\d+\.output\.dense", _INPUTS, "width"),
)


class SubNetwork(Struct, frozen=True, forbid_unknown_fields=True):
    """The remaining parts of a MobileBERT.

    Attributes:
        feed_forwards: Number of feed-forward networks in each block of the whole; 0 removes the
            block.
        heads: Attention heads of each remaining block.
        width: Intermediate width of each feed-forward network.
    """

    feed_forwards: tuple[int, ...]
    heads: int
    width: int

    @property
    def blocks(self) -> tuple[int, ...]:
        """Indices, in the whole, of the remaining blocks."""
        return tuple(n for n, count in enumerate(self.feed_forwards) if count)

    @property
    def stands_for(self) -> tuple[int, ...]:
        """For each remaining block, the last block it stands for: that before the next one."""
        return (*(block - 1 for block in self.blocks[1:]), len(self.feed_forwards) - 1)

    def __str__(self) -> str:
        """Return a text such as `202112, 8 heads, 256 wide`, feed-forwards of each block first."""
        digits = "".join(map(str, self.feed_forwards))
        return f"{digits}, {self.heads} heads, {self.width} wide"


def whole(config: Any) -> SubNetwork:
    """Return the sub-network that is the whole."""
    networks = (config.num_feedforward_networks,) * config.num_hidden_layers
    return SubNetwork(networks, config.num_attention_heads, config.intermediate_size)


def order_by_importance(model: nn.Module) -> None:
    """Put the most important heads and intermediate units of each block first, in place.

    The importance of a unit is |w_in|·|w_out|, that of a head the Frobenius norm of its part of
    W_output·W_value. The model computes the same as before.
    """
    with torch.no_grad():
        for block in _blocks(model):
            for network in (*block.ffn, block) if hasattr(block, "ffn") else (block,):
                into, out = network.intermediate.dense, network.output.dense
                units = into.weight.norm(dim=1) * out.weight.norm(dim=0)
                _reorder((into,), out, units.argsort(descending=True, stable=True))
            own, out = block.attention.self, block.attention.output.dense
            size = own.attention_head_size
            values, outputs = own.value.weight.split(size), out.weight.split(size, 1)
            norms = torch.stack([(o @ v).norm() for o, v in zip(outputs, values, strict=True)])
            heads = norms.argsort(descending=True, stable=True)
            rows = (heads[:, None] * size + torch.arange(size, device=heads.device)).flatten()
            _reorder((own.query, own.key, own.value), out, rows)


def share(
    model: nn.Module, part: SubNetwork, seen: Callable[[Tensor], Tensor] = lambda weight: weight
) -> nn.Module:
    """Return a sub-network that shares the whole's weights and adds to its gradients.

    Its gradients are added to the whole's parameters where these have a gradient, and also stay
    with the sub-network. The remaining heads and units are the first ones; see
    `order_by_importance`. `seen` maps the weight of a linear layer of the whole to the one that the
    sub-network computes with, for example one with noise; the gradient is still that of the shared
    weight. A copy (`copy.deepcopy`) shares nothing.
    """
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    own = copy.deepcopy(model, shared)
    blocks = _blocks(own)
    for number in part.blocks:
        ffn = getattr(blocks[number], "ffn", None)
        if ffn is not None:
            blocks[number].ffn = ffn[: part.feed_forwards[number] - 1]
    left: Any = own
    left.mobilebert.encoder.layer = nn.ModuleList([blocks[number] for number in part.blocks])
    left.config.num_hidden_layers = len(part.blocks)
    size = blocks[part.blocks[0]].attention.self.attention_head_size
    for path, layer in own.named_modules():
        if isinstance(layer, nn.Linear):
            rows, columns = _left_of(path, part.heads * size, part.width)
            layer.weight = _part_of(layer.weight, (rows, columns), seen)
            if layer.bias is not None:
                layer.bias = _part_of(layer.bias, (rows,), lambda bias: bias)
            layer.out_features, layer.in_features = layer.weight.shape
    return own


def _blocks(model: Any) -> Any:
    return model.mobilebert.encoder.layer


def _reorder(into: tuple[nn.Linear, ...], out: nn.Linear, order: Tensor) -> None:
    for layer in into:
        layer.weight.copy_(layer.weight[order])
        layer.bias.copy_(layer.bias[order])
    out.weight.copy_(out.weight[:, order])


def _left_of(path: str, heads: int, width: int) -> tuple[slice, slice]:
    """Return the remaining outputs and inputs of a linear layer."""
    left = [slice(None), slice(None)]
    for pattern, side, what in _NARROWED:
        if re.fullmatch(pattern, path):
            left[side] = slice(heads if what == "heads" else width)
    return left[_OUTPUTS], left[_INPUTS]


def _part_of(
    parameter: Tensor, left: tuple[slice, ...], seen: Callable[[Tensor], Tensor]
) -> nn.Parameter:
    part = nn.Parameter(seen(parameter.detach())[left], parameter.requires_grad)
    if parameter.grad is not None:
        part.register_hook(partial(_hand_on, parameter.grad[left]))  # type: ignore[no-untyped-call]
    return part


def _hand_on(shared: Tensor, gradient: Tensor) -> None:
    shared.add_(gradient)
