"""GPT-2 with its language-modelling head, cut before each block and in its middle."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from analog_bench.engine.walk import Stage, State, Walk, layers_of
from analog_bench.errors import UsageError
from analog_bench.tasks.windows import Batch


def gpt2_walk(model: nn.Module) -> Walk:
    """Cut a `GPT2LMHeadModel`.

    A block has two stages: the attention with its residual, and the feed-forward part with its own.
    Further cuts would not pay: the head, which every case computes, costs more than two blocks, and
    a boundary behind the widened activations would hold five times as much. As it is, the front
    holds one hidden state a token.

    Args:
        model: The model, in eval mode. Its inputs are blocks without padding.

    Returns:
        The walk. It calls the model's own modules, so whatever is put on them takes effect.

    Raises:
        UsageError: An attention other than the fused one, which alone knows without a mask that
            it must not look ahead.
    """
    whole = cast(Any, model)
    gpt2 = whole.transformer
    attention = gpt2.config._attn_implementation
    if attention != "sdpa":
        raise UsageError(
            f"the engine runs GPT-2 with the attention 'sdpa' only, found {attention!r}; load the "
            "model with attn_implementation='sdpa'"
        )
    device = next(model.parameters()).device

    def begin(batch: Batch) -> State:
        return {"input_ids": batch.input_ids.to(device)}

    def embed(state: State) -> State:
        tokens = state["input_ids"]
        places = torch.arange(tokens.shape[1], device=device).unsqueeze(0)
        return {"hidden": gpt2.wte(tokens) + gpt2.wpe(places)}

    def predict(state: State) -> State:
        # The head is looked up at each run, as a tile may have taken its place.
        return {"output": whole.lm_head(gpt2.ln_f(state["hidden"]))}

    stages = [Stage(layers_of(model, gpt2.wte, gpt2.wpe), embed)]
    for block in gpt2.h:
        stages.extend(_block_stages(model, block))
    stages.append(Stage(layers_of(model, gpt2.ln_f, whole.lm_head), predict))
    return Walk(begin, tuple(stages))


def _block_stages(model: nn.Module, block: Any) -> list[Stage]:
    def attend(state: State) -> State:
        hidden = state["hidden"]
        attended, _ = block.attn(block.ln_1(hidden))
        return {"hidden": attended + hidden}

    def feed_forward(state: State) -> State:
        hidden = state["hidden"]
        return {"hidden": hidden + block.mlp(block.ln_2(hidden))}

    return [
        Stage(layers_of(model, block.ln_1, block.attn), attend),
        Stage(layers_of(model, block.ln_2, block.mlp), feed_forward),
    ]
