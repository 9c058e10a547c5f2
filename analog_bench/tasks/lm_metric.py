"""Cross-entropy, perplexity and bits per byte, weighted by tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from analog_bench.errors import UsageError


def token_nats(logits: Tensor, targets: Tensor) -> Tensor:
    """Return each target's negative log-likelihood in nats, float32, shape (tokens,).

    Logits have the shape (tokens, vocabulary); where they are not finite there is no number.
    """
    return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")


def weighted_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return sum(w v) / sum(w) by `math.fsum`; `UsageError` unless counts agree and sum(w) > 0."""
    whole = math.fsum(weights)
    if len(values) != len(weights) or not whole > 0:
        raise UsageError(f"{len(values)} scores cannot be weighted by {len(weights)} weights")
    products = (value * weight for value, weight in zip(values, weights, strict=True))
    return math.fsum(products) / whole


def perplexity(nats: float) -> float:
    """Return exp(nats a token); infinite where that is beyond the largest number."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


def bits_per_byte(nats: float, tokens: float, size: float) -> float:
    """Return the bits it takes to encode a byte of a text of `size` UTF-8 bytes.

    `nats * tokens / (ln 2 * size)`, with `nats` a token: comparable between tokenisers (Gao et al.
    2020, The Pile, section 3.1).
    """
    return nats * tokens / (math.log(2) * size)
