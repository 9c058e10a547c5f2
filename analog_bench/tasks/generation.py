"""Text that a model writes, and two figures that say how coherent it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from analog_bench.errors import UsageError
from analog_bench.seeds import derive_seed
from analog_bench.tasks.lm_metric import perplexity, token_nats

PROMPT = "Once upon a time"


@dataclass(frozen=True)
class Sampling:
    """How the next token is picked.

    Attributes:
        tokens: Tokens to write; fewer where the model ends its text.
        temperature: Logits are divided by it; above 0.
        top_k: Only this many of the likeliest tokens can be picked (Fan et al. 2018).
    """

    tokens: int = 120
    temperature: float = 0.8
    top_k: int = 40

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.top_k < 1 or not 0 < self.temperature < math.inf:
            raise UsageError(
                "generation needs at least 1 token, a top-k of at least 1 and a temperature above "
                f"0, found {self.tokens}, {self.top_k} and {self.temperature}"
            )


@dataclass(frozen=True)
class Generated:
    """A text that was written.

    Attributes:
        prompt: What it goes on from.
        text: What was written, without the prompt.
        prompt_ids: Tokens of the prompt, behind an end-of-text token.
        ids: Tokens that were written.
        broken: Whether it ended because a logit was no finite number.
    """

    prompt: str
    text: str
    prompt_ids: tuple[int, ...]
    ids: tuple[int, ...]
    broken: bool


def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    prompt: str = PROMPT,
    *,
    seed: int,
    sampling: Sampling | None = None,
) -> Generated:
    """Let a model write on from a prompt.

    A pure function of the model, the prompt, the seed and the sampling. Each token is picked by one
    number drawn from the seed alone: two models that agree on their likeliest tokens write the same
    text, so that digital and analog texts under one seed are comparable word by word.

    Args:
        model: A GPT-2, digital or with a chip in it.
        tokenizer: Its tokeniser.
        prompt: What to go on from; the model reads it as the beginning of a text.
        seed: Where the picks come from.
        sampling: How tokens are picked; the defaults where None.

    Returns:
        The text.

    Raises:
        UsageError: Prompt and text are longer than the model's positions.
    """
    used = sampling or Sampling()
    backend: Any = tokenizer.backend_tokenizer
    own = backend.encode(prompt, add_special_tokens=False).ids
    end = int(tokenizer.eos_token_id)
    start = [end, *own]
    room = int(model.config.n_positions)
    if len(start) + used.tokens > room:
        raise UsageError(
            f"the prompt's {len(start)} tokens and {used.tokens} to write are more than the "
            f"{room} positions of the model; shorten either"
        )
    draws = torch.Generator().manual_seed(derive_seed(seed, "generation", prompt))
    written: list[int] = []
    broken = False
    step = torch.tensor([start], device=model.device)
    cache: Any = None
    with torch.inference_mode():
        while len(written) < used.tokens:
            out = model(input_ids=step, past_key_values=cache, use_cache=True)
            cache, logits = out.past_key_values, out.logits[0, -1].cpu()
            broken = not bool(torch.isfinite(logits).all())
            if broken:
                break
            token = _pick(logits, used, float(torch.rand((), generator=draws, dtype=torch.float64)))
            if token == end:
                break
            written.append(token)
            step = torch.tensor([[token]], device=model.device)
    text = backend.decode(written, skip_special_tokens=True)
    return Generated(prompt, text, tuple(start), tuple(written), broken)


def text_perplexity(model: PreTrainedModel, generated: Generated) -> float:
    """Return the perplexity of a written text under a model, given its prompt.

    Args:
        model: The judge: the clean digital model.
        generated: The text.

    Returns:
        exp(mean nats a written token); not a number where nothing was written.
    """
    if not generated.ids:
        return math.nan
    ids = torch.tensor([[*generated.prompt_ids, *generated.ids]], device=model.device)
    count = len(generated.ids)
    with torch.inference_mode():
        logits = model(input_ids=ids[:, :-1]).logits[0, -count:]
    return perplexity(float(token_nats(logits.cpu(), ids[0, -count:].cpu()).double().mean()))


def repetition(ids: Sequence[int], n: int = 4) -> float:
    """Return the share of repeated n-grams of tokens, seq-rep-n of Welleck et al. (ICLR 2020).

    `1 - |distinct n-grams| / |n-grams|`: 0 where none comes twice, towards 1 where one is repeated
    for ever.

    Args:
        ids: Tokens of a written text.
        n: Length of the n-grams.

    Returns:
        The share, 0 to 1; 0 where the text is shorter than an n-gram.
    """
    grams = [tuple(ids[place : place + n]) for place in range(len(ids) - n + 1)]
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0


def _pick(logits: Tensor, sampling: Sampling, draw: float) -> int:
    # Sorted by likelihood, then by token: equal logits stand in the same order everywhere.
    order = torch.sort(logits.double(), descending=True, stable=True)
    kept = order.values[: sampling.top_k] / sampling.temperature
    shares = torch.softmax(kept, dim=0).cumsum(dim=0)
    place = int(torch.searchsorted(shares, torch.tensor(draw, dtype=torch.float64), right=True))
    return int(order.indices[min(place, len(kept) - 1)])
