"""First weights of a MobileBERT block: a BERT block's, factorised and fitted by least squares."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from training.least_squares import factors, principal, ridge, roots, with_one
from training.teacher_view import TeacherView

_STREAM = 3.0
"""How far a usual direction's spread is scaled down in the narrow stream. With it the entries of
all matrices are of one size, about 0.1: an optimiser's steps then mean as much in each."""
_EXACT = 1e-6
"""A penalty that only keeps the equations solvable."""


@torch.no_grad()
def factorise_block(
    block: nn.Module,
    number: int,
    view: TeacherView,
    entering: Tensor,
    attend: Callable[[], Tensor],
) -> None:
    """Set a block so that what leaves it comes near to what leaves the teacher's.

    The block adds `output.bottleneck` of its narrow stream to what entered it. The stream's
    coordinates are therefore made the principal directions of the change that is needed, and each
    part is fitted to what the parts before it leave: queries, keys and values head by head from the
    teacher's matrices, then stream and attention together, then one feed-forward network after the
    other, with the teacher's own neurons as seen from the stream.

    Args:
        block: `MobileBertLayer`, with as many heads as the teacher's.
        number: The teacher's block to take after, from 0.
        view: The teacher's activations and parameters.
        entering: What enters `block`, at the same tokens, shape (tokens, width).
        attend: Runs the block's self-attention with its weights of the moment; shape (tokens,
            bottleneck).
    """
    mobile: Any = block
    own = f"encoder.layer.{number}."
    part = {k.removeprefix(own): v.double() for k, v in view.state.items() if k.startswith(own)}
    entering = entering.double()
    change = view.hidden[number + 1].double() - entering
    mean = change.mean(0)
    width = mobile.bottleneck.input.dense.weight.shape[0]
    directions, squares = principal(change - mean, width)
    directions = directions * (_STREAM * squares.mean().sqrt())
    target = (change - mean) @ torch.linalg.pinv(directions).T
    _put(mobile.output.bottleneck.dense, directions, mean)

    _set_queries_and_keys(mobile, part, entering, view.heads)
    _set_values(mobile, part, entering, directions, view.heads)
    both = torch.cat([entering, attend().double()], dim=1)
    weight, bias = ridge(both, target)
    inner = entering.shape[1]
    _put(mobile.bottleneck.input.dense, weight[:, :inner], torch.zeros_like(bias))
    _put(mobile.attention.output.dense, weight[:, inner:], bias)
    _set_feed_forwards(
        mobile, part, both @ weight.T + bias, target, view.attended[number].double(), directions
    )


def _set_queries_and_keys(
    mobile: Any, part: dict[str, Tensor], entering: Tensor, heads: int
) -> None:
    names = ("query", "key")
    matrices = [part[f"attention.self.{name}.weight"] for name in names]
    shifts = [part[f"attention.self.{name}.bias"] for name in names]
    mean = entering.mean(0)
    root, inverse = roots((entering - mean).T @ (entering - mean) / len(entering))
    # The narrow coordinates, of unit variance, that tell most about all queries and keys.
    width = mobile.bottleneck.attention.dense.weight.shape[0]
    _, _, axes = torch.linalg.svd(torch.cat(matrices) @ root, full_matrices=False)
    narrow = axes[:width] @ inverse
    _put(mobile.bottleneck.attention.dense, narrow, -(narrow @ mean))
    stream = (entering - mean) @ narrow.T
    back, offset = ridge(stream, entering, _EXACT)
    # Each head's scores as a form of the stream with a one appended, for the biases.
    query, key = (
        torch.cat([matrix @ back, (matrix @ offset + shift)[:, None]], dim=1)
        for matrix, shift in zip(matrices, shifts, strict=True)
    )
    extended = with_one(stream)
    moments = extended.T @ extended / len(extended)
    wide, slim = len(query) // heads, width // heads
    split: tuple[list[Tensor], list[Tensor]] = ([], [])
    for head in range(heads):
        rows = slice(head * wide, (head + 1) * wide)
        form = query[rows].T @ key[rows] * math.sqrt(slim / wide)
        for heads_of, factor in zip(split, factors(form, moments, moments, slim), strict=True):
            heads_of.append(factor)
    for name, heads_of in zip(names, split, strict=True):
        joined = torch.cat(heads_of)
        _put(getattr(mobile.attention.self, name), joined[:, :-1], joined[:, -1])


def _set_values(
    mobile: Any, part: dict[str, Tensor], entering: Tensor, directions: Tensor, heads: int
) -> None:
    value, output = part["attention.self.value.weight"], part["attention.output.dense.weight"]
    centred = entering - entering.mean(0)
    moments = centred.T @ centred / len(centred)
    wide, slim = len(value) // heads, directions.shape[1] // heads
    even = torch.eye(directions.shape[1], dtype=torch.float64)
    per_head = []
    for head in range(heads):
        rows = slice(head * wide, (head + 1) * wide)
        form = directions.T @ output[:, rows] @ value[rows]
        per_head.append(factors(form, even, moments, slim)[1])
    weight = torch.cat(per_head)
    weight = weight / (centred @ weight.T).std(0)[:, None]
    _put(mobile.attention.self.value, weight, -(weight @ entering.mean(0)))


def _set_feed_forwards(
    mobile: Any,
    part: dict[str, Tensor],
    stream: Tensor,
    target: Tensor,
    attended: Tensor,
    directions: Tensor,
) -> None:
    before = attended @ part["intermediate.dense.weight"].T + part["intermediate.dense.bias"]
    reach = (directions.T @ part["output.dense.weight"]).norm(dim=0)
    order = (gelu(before).std(0) * reach).argsort(descending=True)
    networks = [*getattr(mobile, "ffn", ()), mobile]
    for number, network in enumerate(networks):
        dense = network.intermediate.dense
        # The most important neurons are dealt out to the networks in turn.
        chosen = order[number :: len(networks)][: dense.weight.shape[0]]
        weight, bias = ridge(stream, before[:, chosen])
        excited = network.intermediate.intermediate_act_fn(stream @ weight.T + bias)
        back, offset = ridge(excited, target - stream)
        _put(dense, weight, bias)
        _put(network.output.dense, back, offset)
        stream = stream + excited @ back.T + offset


def _put(dense: Any, weight: Tensor, bias: Tensor) -> None:
    dense.weight.copy_(weight)
    dense.bias.copy_(bias)
