"""Tokenised texts in batches of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analog_bench.zoo.devices import CUDA
from analog_bench.zoo.model_builder import taken_by

_MORE_AT_ONCE = {CUDA: 16}


@dataclass(frozen=True, eq=False)
class Encoded:
    """One model input: ids and types of its tokens, each of shape (tokens,)."""

    input_ids: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs of similar length, padded only to the longest; tensors of shape (inputs, tokens).

    `windows` holds each input's index in the list of inputs. Token types are as given, 0 for
    padding. The attention mask is 1 where there is a token.
    """

    windows: tuple[int, ...]
    input_ids: Tensor
    token_type_ids: Tensor
    attention_mask: Tensor
    _sent: dict[torch.device, tuple[Tensor, Tensor, Tensor]] = field(
        default_factory=dict, init=False, repr=False
    )

    def inputs_of(self, model: nn.Module) -> dict[str, Tensor]:
        """Return the model's inputs from the batch, by parameter name, on the model's device."""
        names = ("input_ids", "token_type_ids", "attention_mask")
        tensors = self.on(next(model.parameters()).device)
        return taken_by(model, dict(zip(names, tensors, strict=True)))

    def on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Return ids, types and mask on a device, copied once because a copy stalls a GPU."""
        if device not in self._sent:
            whole = self.input_ids, self.token_type_ids, self.attention_mask
            ids, types, mask = (tensor.to(device) for tensor in whole)
            self._sent[device] = ids, types, mask
        return self._sent[device]


def tokens_at_once(tokens: int, device: str) -> int:
    """Return the number of tokens per batch on a type of device; `tokens` is that of a CPU.

    A GPU computes 16 times as many at once. The number is not part of a protocol, because a GPU
    draws other numbers than a CPU anyway.
    """
    return _MORE_AT_ONCE.get(device, 1) * tokens


def unpadded(rows: Sequence[int], ids: Tensor) -> Batch:
    """Return a batch of one segment without padding."""
    return Batch(tuple(rows), ids, torch.zeros_like(ids), torch.ones_like(ids))


def make_batches(inputs: Sequence[Encoded], pad_id: int, batch_tokens: int) -> list[Batch]:
    """Sort inputs by length and cut them into batches of at most `batch_tokens`, padding included.

    The cut depends only on the inputs, so every case of a run sees the same batches. An input
    longer than `batch_tokens` is a batch of its own. The longest batches come first, and with them
    the largest allocation.
    """
    return [
        padded([(row, inputs[row]) for row in chunk], pad_id)
        for chunk in chunks([len(one.input_ids) for one in inputs], batch_tokens)
    ]


def chunks(
    lengths: Sequence[int], batch_tokens: int, *, equal: bool = False
) -> Iterator[list[int]]:
    """Yield the rows of each batch, the longest first; `equal` separates different lengths."""
    chunk: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        full = chunk and (len(chunk) + 1) * lengths[chunk[0]] > batch_tokens
        if full or (chunk and equal and lengths[row] != lengths[chunk[0]]):
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk


def padded(members: Sequence[tuple[int, Encoded]], pad_id: int) -> Batch:
    """Return a batch of inputs, each with its row, padded to the longest."""
    longest = max(len(one.input_ids) for _, one in members)
    shape = (len(members), longest)
    ids = torch.full(shape, pad_id, dtype=torch.long)
    types = torch.zeros(shape, dtype=torch.long)
    mask = torch.zeros(shape, dtype=torch.long)
    for row, (_, one) in enumerate(members):
        length = len(one.input_ids)
        ids[row, :length] = torch.from_numpy(one.input_ids)
        types[row, :length] = torch.from_numpy(one.token_type_ids)
        mask[row, :length] = 1
    return Batch(tuple(index for index, _ in members), ids, types, mask)
