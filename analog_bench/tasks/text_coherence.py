"""Two figures that say how coherent a written text is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from analog_bench.tasks.lm_metric import token_nats


def text_nats(model: PreTrainedModel, prompt: Sequence[int], tokens: Sequence[int]) -> float:
    """Return a written text's mean nats a token under the clean digital model, given its prompt.

    The text, of at least one token, counts with the end-of-text token where it ended: to end where
    no text would end is not coherent.
    """
    ids = torch.tensor([[*prompt, *tokens]], device=model.device)
    with torch.inference_mode():
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits[0, -len(tokens) :]
    return float(token_nats(logits.cpu(), ids[0, -len(tokens) :].cpu()).double().mean())


def repetition(ids: Sequence[int], n: int = 4) -> float:
    """Return the share of repeated n-grams of tokens, seq-rep-n of Welleck et al. (ICLR 2020).

    `1 - |distinct n-grams| / |n-grams|`: 0 where none comes twice or the text is shorter than an
    n-gram, towards 1 where one is repeated for ever.
    """
    grams = [tuple(ids[place : place + n]) for place in range(len(ids) - n + 1)]
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0
