"""Continue a prompt with a model, token by token."""

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
"""Stands for a token that could not be picked because a logit was not finite."""


@dataclass(frozen=True)
class Sampling:
    """How the next token is picked.

    A text has `tokens` tokens, or fewer if the model ends it. Logits are divided by the
    temperature, above 0. Only the `top_k` likeliest tokens can be picked (Fan et al. 2018).
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
    """The beginning that texts continue.

    `ids` are its tokens after an end-of-text token (`end`), so that the model reads it as the
    beginning of a text.
    """

    text: str
    ids: tuple[int, ...]
    end: int

    @classmethod
    def of(cls, text: str, tokenizer: PreTrainedTokenizerFast) -> Prompt:
        """Return a tokenised prompt.

        Raises:
            UsageError: The tokeniser has no end-of-text token.
        """
        backend: Any = tokenizer.backend_tokenizer
        end = tokenizer.eos_token_id
        if not isinstance(end, int):
            raise UsageError(
                "a model that writes needs an end-of-text token, and its tokeniser has no "
                "eos_token; name another model"
            )
        return cls(text, (end, *backend.encode(text, add_special_tokens=False).ids), end)


def draws_of(prompt: str, seed: int, texts: int, tokens: int) -> Tensor:
    """Return the random numbers that pick tokens: 0 to 1, float64, shape (texts, tokens).

    The n-th text has the same numbers however many texts there are.
    """
    rows = []
    for text in range(texts):
        own = torch.Generator().manual_seed(derive_seed(seed, "generation", prompt, text))
        rows.append(torch.rand(tokens, generator=own, dtype=torch.float64))
    return torch.stack(rows)


def write(
    model: nn.Module, prompts: Tensor, draws: Tensor, sampling: Sampling, *, end: int
) -> Tensor:
    """Continue prompts of one length with a model, all texts together.

    Each token is picked by one number. Two models that agree on their likeliest tokens write the
    same text, so digital and analog texts from the same numbers can be compared word by word. A
    text that has ended stays in the batch until all have, so that a chip's draws for one text do
    not depend on when another ends.

    Args:
        model: A causal model, digital or with a chip that is being read.
        prompts: Token ids of the prompts.
        draws: A number from 0 to 1 for each token to write (`draws_of`), shape (texts, tokens).
        sampling: How tokens are picked.
        end: The end-of-text token.

    Returns:
        Token ids of shape (texts, tokens): `end` from where a text ends, `BROKEN` from where a
        logit is not finite.
    """
    device = prompts.device
    written = torch.full(draws.shape, end, dtype=torch.long)
    unfinished = set(range(len(prompts)))
    step, begin = prompts, 0
    cache: Any = None
    with torch.inference_mode():
        for place in range(draws.shape[1]):
            # Given for every text, so that noise on position embeddings differs between texts.
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
    # Sorted by likelihood, then by token: equal logits have the same order everywhere.
    order = torch.sort(logits[likely].double(), descending=True, stable=True)
    kept = order.values[: sampling.top_k] / sampling.temperature
    shares = torch.softmax(kept, dim=0).cumsum(dim=0)
    place = int(torch.searchsorted(shares, draw, right=True))
    return int(likely[order.indices[min(place, len(kept) - 1)]])
