"""BERT for question answering, cut before and inside each block."""

from __future__ import annotations

from typing import Any, cast

from torch import nn

from analog_bench.engine.encoder_walk import encoder_walk
from analog_bench.engine.walk import Stage, State, Walk, layers_of


def bert_walk(model: nn.Module) -> Walk:
    """Cut a `BertForQuestionAnswering`.

    A block has four stages: self-attention, its output with the residual, the feed-forward part's
    first matrix, its second with the residual. Resuming there saves what lies before: noise in a
    block's feed-forward part costs none of its attention.

    Args:
        model: The model, in eval mode.

    Returns:
        The walk. It calls the model's own modules, so whatever is put on them takes effect.
    """
    return encoder_walk(model, cast(Any, model).bert, _block_stages)


def _block_stages(model: nn.Module, block: Any) -> list[Stage]:
    def attend(state: State) -> State:
        context, _ = block.attention.self(state["hidden"], attention_mask=state["bias"])
        return {**state, "context": context}

    def add_attended(state: State) -> State:
        attended = block.attention.output(state["context"], state["hidden"])
        return {"attended": attended, "bias": state["bias"]}

    def widen(state: State) -> State:
        return {**state, "wide": block.intermediate(state["attended"])}

    def add_fed_forward(state: State) -> State:
        return {
            "hidden": block.output(state["wide"], state["attended"]),
            "bias": state["bias"],
        }

    return [
        Stage(layers_of(model, block.attention.self), attend),
        Stage(layers_of(model, block.attention.output), add_attended),
        Stage(layers_of(model, block.intermediate), widen),
        Stage(layers_of(model, block.output), add_fed_forward),
    ]
