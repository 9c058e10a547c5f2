"""A model computed on a task's batches: in a precision, with replay, and what is wrong there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial

import torch
from torch import Tensor, nn

from analog_bench.analog.layer_manifest import Layer
from analog_bench.engine.computing import computing
from analog_bench.engine.replay import Replay
from analog_bench.engine.scores import broken_layer, first_not_finite
from analog_bench.records import Precision
from analog_bench.tasks.task import Task

Reading = Callable[[int, "Tensor | None"], AbstractContextManager[None]]
"""From a batch's index and attention mask to the context in which it is computed."""


class BatchReader:
    """Computes a task's batches with whatever is in a model; made while it is clean."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        layers: Sequence[Layer],
        precision: Precision,
        *,
        replay: bool,
    ) -> None:
        self._model = model
        self._task = task
        self._layers = layers
        self._batches = range(len(task.batches))
        self.precision: Precision = precision
        self.device = next(model.parameters()).device
        # The first token that a noisy layer changes is read by all layers for the next one: a model
        # that writes has nothing clean to replay.
        self.replays = replay and not task.by_token
        run = partial(self.run, model)
        self.replay = Replay(model, run, len(self._batches), enabled=self.replays)

    def run(self, model: nn.Module, batch: int) -> Tensor:
        """Compute the model, or its twin, on a batch."""
        with computing(self.precision, self.device):
            return self._task.run(model, batch)

    def read(self, reading: Reading) -> tuple[list[Tensor], str]:
        """Return what scoring needs of each batch's outputs, and where they stop being finite.

        A GPU is not waited for before the last batch.
        """
        outputs = []
        for batch in self._batches:
            with reading(batch, self._mask(batch)):
                outputs.append(self._task.reduce(batch, self.replay.output(batch)))
        bad = first_not_finite(outputs)
        if bad is None:
            return outputs, ""
        with reading(bad, self._mask(bad)), torch.inference_mode():
            # Not by replay, which calls no layer before the case's own.
            layer = broken_layer(self._model, self._layers, partial(self.run, self._model, bad))
        return outputs, f"; first those of {layer}" if layer else ", though those of its layers are"

    def _mask(self, batch: int) -> Tensor | None:
        return None if self._task.by_token else self._task.batches[batch].on(self.device)[2]
