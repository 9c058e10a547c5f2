"""MobileBERT for question answering, cut before and inside each block."""

from __future__ import annotations

from typing import Any, cast

from torch import nn

from analog_bench.engine.encoder_walk import encoder_walk
from analog_bench.engine.walk import Stage, State, Walk, layers_of


def mobilebert_walk(model: nn.Module) -> Walk:
    """Cut a `MobileBertForQuestionAnswering`.

    A block has a stage for its bottlenecks, self-attention, the attention's output with the
    residual, each feed-forward network but the last, and the last one with the way out of the
    bottleneck. A network is not cut in two: that would save a hundredth of a sweep's time.

    Args:
        model: The model, in eval mode.

    Returns:
        The walk. It calls the model's own modules, so whatever is put on them takes effect.
    """
    return encoder_walk(model, cast(Any, model).mobilebert, _block_stages)


def _block_stages(model: nn.Module, block: Any) -> list[Stage]:
    def narrow(state: State) -> State:
        query, key, value, residual = block.bottleneck(state["hidden"])
        return {**state, "query": query, "key": key, "value": value, "residual": residual}

    def attend(state: State) -> State:
        hidden = state["hidden"]
        # Without bottlenecks all four are the hidden state itself.
        query, key, value = (state.get(name, hidden) for name in ("query", "key", "value"))
        context, _ = block.attention.self(query, key, value, attention_mask=state["bias"])
        return {
            "hidden": hidden,
            "residual": state.get("residual", hidden),
            "context": context,
            "bias": state["bias"],
        }

    def add_attended(state: State) -> State:
        inner = block.attention.output(state["context"], state["residual"])
        return {"hidden": state["hidden"], "inner": inner, "bias": state["bias"]}

    def widen_out(state: State) -> State:
        wide = block.intermediate(state["inner"])
        return {
            "hidden": block.output(wide, state["inner"], state["hidden"]),
            "bias": state["bias"],
        }

    stages = [Stage(layers_of(model, block.bottleneck), narrow)] if block.use_bottleneck else []
    stages.append(Stage(layers_of(model, block.attention.self), attend))
    stages.append(Stage(layers_of(model, block.attention.output), add_attended))
    if block.num_feedforward_networks > 1:
        stages.extend(_network_stage(model, network) for network in block.ffn)
    stages.append(Stage(layers_of(model, block.intermediate, block.output), widen_out))
    return stages


def _network_stage(model: nn.Module, network: Any) -> Stage:
    def feed_forward(state: State) -> State:
        return {**state, "inner": network(state["inner"])}

    return Stage(layers_of(model, network), feed_forward)
