"""Text that a model writes on from a prompt, token by token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from analog_bench.errors import UsageError
from analog_bench.seeds import derive_seed

PROMPT = "Once upon a time"
BROKEN = -1
"""Stands for tokens that could not be picked, since a logit was no finite number."""


@dataclass(frozen=True)
class Sampling:
    """How the next token is picked.

    A text has so many `tokens`, or fewer where the model ends it. Logits are divided by the
    temperature, above 0; only the `top_k` likeliest tokens can be picked (Fan et al. 2018).
    """

    tokens: int = 100
    temperature: float = 0.8
    top_k: int = 40

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.top_k < 1 or not 0 < self.temperature < math.inf:
            raise UsageError(
                "generation needs at least 1 token, a top-k of at least 1 and a temperature above "
                f"0, found {self.tokens}, {self.top_k} and {self.temperature}"
            )


@dataclass(frozen=True)
class Prompt:
    """What texts go on from.

    `ids` are its tokens behind an end-of-text token (`end`): the model reads it as the beginning of
    a text.
    """

    text: str
    ids: tuple[int, ...]
    end: int

    @classmethod
    def of(cls, text: str, tokenizer: PreTrainedTokenizerFast) -> Prompt:
        """Return a prompt, tokenised; `UsageError` without an end-of-text token."""
        backend: Any = tokenizer.backend_tokenizer
        end = tokenizer.eos_token_id
        if not isinstance(end, int):
            raise UsageError(
                "a model that writes needs an end-of-text token, and its tokeniser has no "
                "eos_token; name another model"
            )
        return cls(text, (end, *backend.encode(text, add_special_tokens=False).ids), end)


def draws_of(prompt: str, seed: int, texts: int, tokens: int) -> Tensor:
    """Return the numbers that tokens are picked by: 0 to 1, float64, shape (texts, tokens).

    The n-th text has the same ones however many texts there are.
    """
    rows = []
    for text in range(texts):
        own = torch.Generator().manual_seed(derive_seed(seed, "generation", prompt, text))
        rows.append(torch.rand(tokens, generator=own, dtype=torch.float64))
    return torch.stack(rows)


def write(
    model: nn.Module, prompts: Tensor, draws: Tensor, sampling: Sampling, *, end: int
) -> Tensor:
    """Let a model write on from prompts of one length, all texts together.

    Each token is picked by one number: two models that agree on their likeliest tokens write the
    same text, so that digital and analog texts by the same numbers are comparable word by word. A
    text that has ended stays among the others till all have, so that what a chip draws for one does
    not depend on when another ends.

    The model is causal, digital or with a chip in it that is being read. Prompts are token ids,
    draws a number from 0 to 1 for each token to write (`draws_of`); `end` is the end-of-text token.
    Like them the result has shape (texts, tokens): token ids, `end` from where a text ends,
    `BROKEN` from where a logit is no finite number.
    """
    device = prompts.device
    written = torch.full(draws.shape, end, dtype=torch.long)
    unfinished = set(range(len(prompts)))
    step, begin = prompts, 0
    cache: Any = None
    with torch.inference_mode():
        for place in range(draws.shape[1]):
            # Spelt out for every text: noise on position embeddings then differs between them.
            positions = torch.arange(begin, begin + step.shape[1], device=device)
            out = model(
                input_ids=step,
                position_ids=positions.expand(len(prompts), -1),
                past_key_values=cache,
                use_cache=True,
            )
            cache, begin = out.past_key_values, begin + step.shape[1]
            logits = out.logits[:, -1].cpu()
            for text in sorted(unfinished):
                token = _pick(logits[text], sampling, draws[text, place])
                if token == BROKEN:
                    written[text, place:] = BROKEN
                else:
                    written[text, place] = token
                if token in (end, BROKEN):
                    unfinished.remove(text)
            if not unfinished:
                break
            step = written[:, place : place + 1].clamp(min=0).to(device)
    return written


def until_end(tokens: Sequence[int], end: int) -> tuple[int, ...]:
    """Return the tokens of a text up to and including its end-of-text token."""
    listed = tuple(tokens)
    return listed[: listed.index(end) + 1] if end in listed else listed


def _pick(logits: Tensor, sampling: Sampling, draw: Tensor) -> int:
    if not bool(torch.isfinite(logits).all()):
        return BROKEN
    least = logits.topk(min(sampling.top_k, len(logits))).values[-1]
    likely = (logits >= least).nonzero()[:, 0]
    # Sorted by likelihood, then by token: equal logits stand in the same order everywhere.
    order = torch.sort(logits[likely].double(), descending=True, stable=True)
    kept = order.values[: sampling.top_k] / sampling.temperature
    shares = torch.softmax(kept, dim=0).cumsum(dim=0)
    place = int(torch.searchsorted(shares, draw, right=True))
    return int(likely[order.indices[min(place, len(kept) - 1)]])
