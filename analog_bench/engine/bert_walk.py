"""BERT for question answering, cut before and inside each block."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from analog_bench.engine.walk import Stage, State, Walk, attention_bias, layers_of
from analog_bench.tasks.windows import Batch


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
    whole = cast(Any, model)
    bert = whole.bert
    device = next(model.parameters()).device

    def begin(batch: Batch) -> State:
        return {
            "input_ids": batch.input_ids.to(device),
            "token_type_ids": batch.token_type_ids.to(device),
            "bias": attention_bias(batch.attention_mask.to(device), torch.float32),
        }

    def embed(state: State) -> State:
        hidden = bert.embeddings(
            input_ids=state["input_ids"], token_type_ids=state["token_type_ids"]
        )
        return {"hidden": hidden, "bias": state["bias"]}

    def answer(state: State) -> State:
        # The head is looked up at each run, as a tile may have taken its place.
        return {"logits": whole.qa_outputs(state["hidden"])}

    stages = [Stage(layers_of(model, bert.embeddings), embed)]
    for block in bert.encoder.layer:
        stages.extend(_block_stages(model, block))
    stages.append(Stage(layers_of(model, whole.qa_outputs), answer))
    return Walk(begin, tuple(stages))


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
