"""The transformer blocks of a model, and the residual stream that each reads and outputs."""

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
    """A call of a clean block: its arguments and the stream that it output.

    `leaves` are the flattened arguments; the one at index `stream` is the residual stream.
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
        """Run the block on another stream, with all other arguments unchanged."""
        leaves = list(self.leaves)
        leaves[self.stream] = stream
        args, kwargs = tree_unflatten(leaves, self.form)
        return _first_tensor(self.module(*args, **kwargs))


class CleanBlocks:
    """The transformer blocks of a clean model, unaffected by later changes to the model.

    They belong to a twin that shares the model's weights. The twin can be run while a chip is in
    the model, and is not affected by the chip.
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
            # Blocks are called again with the same arguments, to which a cache would have been
            # added.
            config.use_cache = False

    def calls(self, run: Callable[[nn.Module], object]) -> list[BlockCall]:
        """Return the calls of all blocks in a forward pass, `run`, of the clean model.

        Raises:
            UsageError: There is no residual stream: a block does not read the output of the
                previous one, or reads something else of the same shape too.
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
        """Collect a noisy pass's streams: the input of the first block and the output of each.

        Blocks whose output is replayed are not computed, so they are not included.
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
