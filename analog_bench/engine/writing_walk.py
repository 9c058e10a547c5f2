"""A language model that writes texts, as a walk of one stage."""

from __future__ import annotations

from typing import Any, cast

from torch import nn

from analog_bench.engine.walk import Stage, State, Walk, layers_of
from analog_bench.tasks.text_generation import TextGeneration
from analog_bench.tasks.windows import Batch


def writing_walk(model: nn.Module, task: TextGeneration) -> Walk:
    """Make the walk of a model that writes.

    It has one stage with every layer in it: the first token that a noisy layer changes is read by
    all layers for the next one, so there are no clean activations to resume from.

    Args:
        model: A causal language model, in eval mode.
        task: What to write on from, and how.

    Returns:
        The walk; its output is the tokens that were written.
    """
    device = next(model.parameters()).device

    def begin(batch: Batch) -> State:
        return {"input_ids": batch.input_ids.to(device)}

    def write(state: State) -> State:
        return {"output": task.write(cast(Any, model), state["input_ids"])}

    return Walk(begin, (Stage(layers_of(model, model), write),), by_token=True)
