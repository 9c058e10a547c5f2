"""Cross-entropy, perplexity and bits per byte, weighted by tokens; coherence of written text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from analog_bench.errors import UsageError


def token_nats(logits: Tensor, targets: Tensor) -> Tensor:
    """Return each target's negative log-likelihood in nats, float32, shape (tokens,).

    Logits have shape (tokens, vocabulary). The result is not finite where they are not.
    """
    return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")


def weighted_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return sum(w v) / sum(w), with `math.fsum`.

    Raises:
        UsageError: The numbers of values and weights differ, or sum(w) is not above 0.
    """
    whole = math.fsum(weights)
    if len(values) != len(weights) or not whole > 0:
        raise UsageError(f"{len(values)} scores cannot be weighted by {len(weights)} weights")
    products = (value * weight for value, weight in zip(values, weights, strict=True))
    return math.fsum(products) / whole


def perplexity(nats: float) -> float:
    """Return exp(nats) for nats per token; infinity on overflow."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


def bits_per_byte(nats: float, tokens: float, size: float) -> float:
    """Return the bits needed to encode a byte of a text of `size` UTF-8 bytes.

    `nats * tokens / (ln 2 * size)`, with `nats` per token: comparable between tokenisers (Gao et
    al. 2020, The Pile, section 3.1).
    """
    return nats * tokens / (math.log(2) * size)


def text_nats(model: PreTrainedModel, prompt: Sequence[int], tokens: Sequence[int]) -> float:
    """Return a written text's mean nats per token under the clean digital model, given its prompt.

    The text has at least one token and includes the end-of-text token if it ended, because ending
    where no text would end is not coherent.
    """
    ids = torch.tensor([[*prompt, *tokens]], device=model.device)
    with torch.inference_mode():
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits[0, -len(tokens) :]
    return float(token_nats(logits.cpu(), ids[0, -len(tokens) :].cpu()).double().mean())


def repetition(ids: Sequence[int], n: int = 4) -> float:
    """Return the share of repeated n-grams of tokens, seq-rep-n of Welleck et al. (ICLR 2020).

    `1 - |distinct n-grams| / |n-grams|`: 0 if none occurs twice or the text is shorter than an
    n-gram, towards 1 if one is repeated forever.
    """
    grams = [tuple(ids[place : place + n]) for place in range(len(ids) - n + 1)]
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0
