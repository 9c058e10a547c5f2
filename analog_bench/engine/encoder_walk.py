"""An encoder that answers questions: what is the same before, between and behind its blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn

from analog_bench.engine.walk import Stage, State, Walk, attention_bias, layers_of
from analog_bench.tasks.windows import Batch

BlockStages = Callable[[nn.Module, Any], list[Stage]]
"""Cuts one block of a model; its stages hand on `hidden` and `bias`."""


def encoder_walk(model: nn.Module, encoder: Any, block_stages: BlockStages) -> Walk:
    """Cut a model of embeddings, a row of blocks and a head for answers.

    Args:
        model: The model, in eval mode.
        encoder: The part of it that holds the embeddings and the blocks.
        block_stages: Cuts a block. Its first stage finds in the state `hidden`, of shape (inputs,
            tokens, width), and the attention's `bias`; its last one leaves them.

    Returns:
        The walk. It calls the model's own modules, so whatever is put on them takes effect.
    """
    whole = cast(Any, model)
    device = next(model.parameters()).device

    def begin(batch: Batch) -> State:
        return {
            "input_ids": batch.input_ids.to(device),
            "token_type_ids": batch.token_type_ids.to(device),
            "bias": attention_bias(batch.attention_mask.to(device), torch.float32),
        }

    def embed(state: State) -> State:
        hidden = encoder.embeddings(
            input_ids=state["input_ids"], token_type_ids=state["token_type_ids"]
        )
        return {"hidden": hidden, "bias": state["bias"]}

    def answer(state: State) -> State:
        # The head is looked up at each run, as a tile may have taken its place.
        return {"output": whole.qa_outputs(state["hidden"])}

    stages = [Stage(layers_of(model, encoder.embeddings), embed)]
    for block in encoder.encoder.layer:
        stages.extend(block_stages(model, block))
    stages.append(Stage(layers_of(model, whole.qa_outputs), answer))
    return Walk(begin, tuple(stages))
