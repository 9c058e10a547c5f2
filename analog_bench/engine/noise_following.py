"""Follows the noise of a chip from block to block, while its batches are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from torch import nn

from analog_bench.analog.block_calls import CleanBlocks
from analog_bench.analog.clean_inputs import spread
from analog_bench.analog.propagation import Tracer
from analog_bench.tasks.task import Task

PASSES = 7.0
"""Forward passes that following takes besides the chip's own, about."""

# Products with a Jacobian take twice as long as a pass, and their medians need few tokens.
_DIFFERENTIATED = 2


class Follower:
    """The clean model and its batches, to hold chips against."""

    def __init__(self, model: nn.Module, task: Task, *, seed: int) -> None:
        """Prepare; the model must be clean now."""
        self._model = model
        self._task = task
        self._seed = seed
        self._blocks = CleanBlocks(model)
        self._differentiated = set(spread(len(task.batches), _DIFFERENTIATED))

    def tracer(self) -> Tracer:
        """Return what gathers the figures of one chip."""
        return Tracer(seed=self._seed)

    @contextmanager
    def following(self, tracer: Tracer, batch: int) -> Iterator[None]:
        """Follow the noise in one batch, which is read inside.

        Raises:
            UsageError: The model has no residual stream to follow.
        """
        with self._blocks.watching(self._model) as streams:
            yield
        tracer.add(
            batch,
            self._blocks.calls(partial(self._run, batch)),
            streams,
            self._task.batches[batch].attention_mask,
            differentiate=batch in self._differentiated,
        )

    def _run(self, batch: int, model: nn.Module) -> object:
        return self._task.run(model, batch)
