"""The transformer blocks of a model, and the residual stream that each reads and puts out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from analog_bench.analog.layers import places
from analog_bench.errors import UsageError
from analog_bench.zoo.model_structure import block_path


@dataclass(frozen=True, eq=False)
class BlockCall:
    """A call of a clean block: all that it was given, and the stream that it put out.

    `leaves` are what it was given, flattened; the one at `stream` is the residual stream.
    """

    module: nn.Module
    leaves: tuple[Any, ...]
    form: Any
    stream: int
    output: Tensor

    @property
    def input(self) -> Tensor:
        """The stream before the block."""
        given: Tensor = self.leaves[self.stream]
        return given

    def at(self, stream: Tensor) -> Tensor:
        """Compute the block on another stream, everything else as it was."""
        leaves = list(self.leaves)
        leaves[self.stream] = stream
        args, kwargs = tree_unflatten(leaves, self.form)
        return _first_tensor(self.module(*args, **kwargs))


class CleanBlocks:
    """The transformer blocks of a clean model, apart from what is put into the model later.

    They are a twin's, which shares the model's weights: it can be computed while a chip is in the
    model, and has nothing of the chip.
    """

    def __init__(self, model: nn.Module) -> None:
        """Make the twin of a model that is clean now; no weight is copied.

        Raises:
            UsageError: The model has no numbered blocks.
        """
        named = dict.fromkeys(block_path(place.path) for place in places(model))
        self.paths = tuple(path for path in named if path is not None)
        if not self.paths:
            raise UsageError("the model has no numbered blocks, so noise cannot be followed")
        shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
        self._twin = deepcopy(model, shared)
        config: Any = getattr(self._twin, "config", None)
        if hasattr(config, "use_cache"):
            # Blocks are called again, with what they were given: nothing must have been added.
            config.use_cache = False

    def calls(self, run: Callable[[nn.Module], object]) -> list[BlockCall]:
        """Return the calls of all blocks in a forward pass, `run`, of the clean model.

        Raises:
            UsageError: A block does not read what the one before it puts out, and nothing else of
                that shape: there is no residual stream.
        """
        calls: list[BlockCall] = []

        def keep(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            calls.append(_call(module, args, kwargs, output))

        with torch.inference_mode(), _watching(self._twin, self.paths, keep):
            run(self._twin)
        for before, after in pairwise(calls):
            if not torch.equal(before.output, after.input):
                raise UsageError(
                    "the model's blocks do not read what the one before puts out, so noise "
                    "cannot be followed from block to block"
                )
        return calls

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[list[Tensor]]:
        """Collect a noisy pass's streams: what enters the first block, what leaves each.

        Blocks that are not computed, because their output is replayed, are not among them.
        """
        streams: list[Tensor] = []

        def keep(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            if not streams:
                streams.append(_call(module, args, kwargs, output).input)
            streams.append(_first_tensor(output))

        with _watching(model, self.paths, keep):
            yield streams


def _call(module: nn.Module, args: Any, kwargs: Any, output: Any) -> BlockCall:
    leaves, form = tree_flatten((args, kwargs))
    put_out = _first_tensor(output)
    like = (
        n
        for n, leaf in enumerate(leaves)
        if isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.shape == put_out.shape
    )
    stream = next(like, None)
    if stream is None:
        raise UsageError(
            "a block puts out what is unlike all it reads: there is no residual stream"
        )
    return BlockCall(module, tuple(leaves), form, stream, put_out)


def _first_tensor(output: object) -> Tensor:
    first: Tensor = next(leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
    return first


@contextmanager
def _watching(model: nn.Module, paths: Sequence[str], take: Callable[..., None]) -> Iterator[None]:
    with ExitStack() as stack:
        for path in paths:
            module = model.get_submodule(path)
            stack.callback(module.register_forward_hook(take, with_kwargs=True).remove)
        yield
