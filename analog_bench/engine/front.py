"""The sweep front: clean activations of every batch at one point of the forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from analog_bench.engine.walk import State, Walk
from analog_bench.tasks.windows import Batch


class Front:
    """Clean activations at one boundary between stages, for all batches.

    Noise in a layer leaves everything before it untouched, so a case needs only what lies behind
    the boundary. Cases come in the order of depth; the front then moves forward through the clean
    stages, and no clean stage is computed twice. A case that lies behind the front makes it start
    anew from the inputs: slower, with the same numbers.
    """

    def __init__(self, walk: Walk, batches: Sequence[Batch]) -> None:
        """Stand before the first stage.

        Args:
            walk: The model's stages.
            batches: The inputs.
        """
        self._walk = walk
        self._batches = batches
        self._stage = 0
        self._states: list[State] = []

    @property
    def stage(self) -> int:
        """The stage that the front stands before."""
        return self._stage

    def move_to(self, stage: int) -> None:
        """Move to the boundary before a stage. The model must be clean (digital) now."""
        if stage < self._stage or not self._states:
            self._stage = 0
            self._states = [self._walk.begin(batch) for batch in self._batches]
        with torch.inference_mode():
            while self._stage < stage:
                run = self._walk.stages[self._stage].run
                for n, state in enumerate(self._states):
                    # In place, so that one set of activations lives, plus one batch.
                    self._states[n] = run(state)
                self._stage += 1

    def output(self, batch: int) -> Tensor:
        """Run one batch from the boundary to the end with whatever is in the model now.

        Args:
            batch: Index of the batch.

        Returns:
            What the walk leaves: logits, for all but texts.
        """
        with torch.inference_mode():
            return self._walk.resume(self._states[batch], self._stage)

    def outputs(self) -> Iterator[Tensor]:
        """Run each batch from the boundary to the end, and yield its output."""
        for batch in range(len(self._states)):
            yield self.output(batch)
