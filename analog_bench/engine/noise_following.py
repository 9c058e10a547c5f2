"""Follows the noise of a chip from block to block, while its batches are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from analog_bench.analog.block_calls import BlockCall, CleanBlocks
from analog_bench.analog.clean_inputs import spread
from analog_bench.analog.propagation import Tracer
from analog_bench.tasks.task import Task

# Medians over tokens need a few thousand of them, scores all there are. A product with a Jacobian
# takes five passes, and few chips say what it is.
_BATCHES = 2
_CHIPS = 3


class Follower:
    """The clean model and its batches, to hold chips against."""

    def __init__(
        self, model: nn.Module, task: Task, run: Callable[[nn.Module, int], Tensor]
    ) -> None:
        """Prepare; the model must be clean now. `run` computes a model on one of the batches."""
        self._model = model
        self._task = task
        self._run = run
        self._blocks = CleanBlocks(model)
        self._followed = spread(len(task.batches), _BATCHES)
        self._calls: dict[int, list[BlockCall]] = {}

    @contextmanager
    def following(self, chip: int, batch: int, tracer: Tracer) -> Iterator[None]:
        """Follow a chip's noise through one batch, which is read inside; most batches are left out.

        The tracer is that of the chip at one drift time. UsageError for a model without a residual
        stream.
        """
        if batch not in self._followed:
            yield
            return
        with self._blocks.watching(self._model) as streams:
            yield
        if batch not in self._calls:
            self._calls[batch] = self._blocks.calls(lambda twin: self._run(twin, batch))
        tracer.add(
            batch,
            self._calls[batch],
            streams,
            self._task.batches[batch].attention_mask,
            # Batches come longest first.
            differentiate=chip < _CHIPS and batch == self._followed[-1],
        )
