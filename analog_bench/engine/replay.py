"""Replay: what a model computes before a case's first layer is computed once, for all cases.

Noise in a layer leaves everything before it untouched. One forward pass is observed: when each
module begins and ends, and who reads what it returns. For a case, every module that ends before the
case's first layer begins is then replaced by a stand-in that returns its clean output. This works
for any model made of modules, and gives the same numbers to the bit.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from analog_bench.errors import UsageError
from analog_bench.zoo.layer_names import hooked


@dataclass(frozen=True)
class Call:
    """The only call of a module in a forward pass.

    `begin` and `end` are the numbers of events in the pass before it is entered and left;
    `storages` is the memory that its output lies in, by address.
    """

    path: str
    begin: int
    end: int
    storages: frozenset[int]


@dataclass(frozen=True)
class ForwardPass:
    """What was observed of a forward pass, whose moments are counted in events.

    `begins` maps the path of each module that is called to when it is first entered, `reads` the
    address of a module's output to when it is read. `calls` are of modules that can be replayed:
    called once, and nothing changes their output in place afterwards.
    """

    begins: Mapping[str, int]
    calls: tuple[Call, ...]
    reads: Mapping[int, Sequence[int]]

    def begin_of(self, layers: Sequence[str]) -> int:
        """Return when the first of some layers begins; `UsageError` if one is never computed."""
        missing = [layer for layer in layers if layer not in self.begins]
        if missing:
            raise UsageError(
                f"the model's forward pass does not compute {missing[0]}; leave it out"
            )
        return min(self.begins[layer] for layer in layers)

    def before(self, moment: int) -> dict[str, bool]:
        """Return the outermost modules that end before a moment, in the order of their calls.

        Each comes with whether anything but these modules themselves reads its output.
        """
        outermost: list[Call] = []
        for call in sorted(self.calls, key=lambda call: call.begin):
            if call.end < moment and (not outermost or call.begin > outermost[-1].end):
                outermost.append(call)
        return {call.path: self._is_read(call, outermost) for call in outermost}

    def _is_read(self, call: Call, replayed: Sequence[Call]) -> bool:
        return any(
            moment > call.end and not any(r.begin < moment < r.end for r in replayed)
            for storage in call.storages
            for moment in self.reads.get(storage, ())
        )


def observe(model: nn.Module, run: Callable[[], object]) -> ForwardPass:
    """Observe one forward pass, `run`, of a model without noise."""
    events = _Events()
    modules = {path: module for path, module in model.named_modules() if path}
    hooks = hooked(modules, before=events.enter, after=events.leave)
    with hooks, torch.inference_mode(), events:
        run()
    calls = []
    for path, ends in events.ends.items():
        storages = frozenset(_storages(events.outputs[path]))
        changed = max((events.writes.get(storage, 0) for storage in storages), default=0)
        if len(ends) == 1 and changed < ends[0]:
            calls.append(Call(path, events.begins[path], ends[0], storages))
    return ForwardPass(events.begins, tuple(calls), events.reads)


class _Events(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts module calls and tensor operations, in the order in which they happen."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.begins: dict[str, int] = {}
        self.ends: dict[str, list[int]] = defaultdict(list)
        self.outputs: dict[str, Any] = {}  # kept, so that no address is used twice
        self.reads: dict[int, list[int]] = defaultdict(list)
        self.writes: dict[int, int] = {}
        self._clock = 0

    def enter(self, path: str, *_: object) -> None:
        self._clock += 1
        self.begins.setdefault(path, self._clock)

    def leave(self, path: str, _module: object, _inputs: object, output: object) -> None:
        self._clock += 1
        self.ends[path].append(self._clock)
        self.outputs[path] = output

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        self._clock += 1
        for storage in _storages((args, kwargs)):
            self.reads[storage].append(self._clock)
            if func._schema.is_mutable:
                self.writes[storage] = self._clock
        return func(*args, **(kwargs or {}))


class Replay:
    """Clean outputs of the modules before the layers at hand, for every batch.

    Cases come in the order of depth: one set of activations is kept and moves forward through the
    model. A case before the last one starts anew: slower, same numbers. `run` computes the model on
    a batch, by its index. Numbers do not depend on `enabled`.
    """

    def __init__(
        self, model: nn.Module, run: Callable[[int], Tensor], batches: int, *, enabled: bool = True
    ) -> None:
        self._model = model
        self._run = run
        self._enabled = enabled
        self._moment = 0
        self._kept: list[dict[str, Any]] = [{} for _ in range(batches)]

    def move_to(self, layers: Sequence[str]) -> None:
        """Keep what lies before some layers. The model must be clean (digital) now.

        Raises:
            UsageError: A layer that the model does not compute, or a model that calls its modules
                in another order for another batch.
        """
        if not self._enabled:
            return
        moment = self._observed.begin_of(layers)
        if moment < self._moment:
            self._kept = [{} for _ in self._kept]
        self._moment = moment
        wanted = self._observed.before(moment)
        for batch, kept in enumerate(self._kept):
            # In place, so that one set of activations lives, plus those of one batch.
            self._kept[batch] = self._advanced(batch, kept, wanted, layers)

    def output(self, batch: int) -> Tensor:
        """Compute one batch with whatever is in the model now, replaying what is kept."""
        with self._replaying(self._kept[batch]), torch.inference_mode():
            return self._run(batch)

    def outputs(self) -> Iterator[Tensor]:
        """Compute each batch, and yield its output."""
        for batch in range(len(self._kept)):
            yield self.output(batch)

    @cached_property
    def _observed(self) -> ForwardPass:
        # Batches come longest first: the last one is the cheapest to keep all activations of.
        return observe(self._model, partial(self._run, len(self._kept) - 1))

    def _advanced(
        self, batch: int, kept: Mapping[str, Any], wanted: Mapping[str, bool], layers: Sequence[str]
    ) -> dict[str, Any]:
        outputs = dict(kept)
        new = wanted.keys() - outputs.keys()
        if new:
            outputs |= self._recorded(batch, new, layers)
        return {p: outputs[p] if is_read else _unread(outputs[p]) for p, is_read in wanted.items()}

    def _recorded(self, batch: int, new: set[str], layers: Sequence[str]) -> dict[str, Any]:
        outputs: dict[str, Any] = {}

        def record(path: str, _module: object, _inputs: object, output: object) -> None:
            outputs[path] = output
            if len(outputs) == len(new):
                raise _Recorded

        ahead, wanted = (
            {path: self._model.get_submodule(path) for path in paths} for paths in (layers, new)
        )
        with hooked(ahead, before=_refuse), hooked(wanted, after=record), suppress(_Recorded):
            self.output(batch)
            _refuse()
        return outputs

    @contextmanager
    def _replaying(self, outputs: Mapping[str, Any]) -> Iterator[None]:
        with ExitStack() as stack:
            for path, output in outputs.items():
                module = self._model.get_submodule(path)
                stack.callback(self._model.set_submodule, path, module)
                self._model.set_submodule(path, _StandIn(module, output))
            yield


def _refuse(*_: object) -> None:
    raise UsageError(
        "the model calls its modules in another order for another batch; use --replay off"
    )


class _Recorded(Exception):
    """Everything that was to be recorded is: the rest of the forward pass is not needed."""


class _StandIn(nn.Module):
    """Returns what a module has returned before; in all else it is that module."""

    def __init__(self, module: nn.Module, output: object) -> None:
        super().__init__()
        # Past `nn.Module`, which would make it a submodule.
        self.__dict__["module"] = module
        self.__dict__["output"] = output

    def forward(self, *_args: object, **_kwargs: object) -> object:
        """Return the output."""
        return self.__dict__["output"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["module"], name)


def _storages(values: object) -> set[int]:
    return {
        leaf.untyped_storage().data_ptr()
        for leaf in tree_leaves(values)
        if isinstance(leaf, Tensor)
    }


def _unread(output: object) -> object:
    """Return an output of the same form that takes no memory; reading it by mistake gives NaN."""
    return tree_map_only(
        Tensor,
        lambda x: x.new_full((), math.nan).expand(x.shape) if x.is_floating_point() else x,
        output,
    )
