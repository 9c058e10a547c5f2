"""Sample the inputs of a layer of the clean model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from analog_bench.analog.layers import modules_of
from analog_bench.zoo.layer_names import hooked

ROWS = 512
"""Largest number of inputs kept per layer."""

BATCHES = 8
"""Largest number of batches that they are taken from."""

# Largest number of outputs of these rows, because vocabularies are wide.
_VALUES = 2**22
_TOP = 4


class CleanInputs(NamedTuple):
    """Inputs of a layer, shape (rows, features), or (rows,) for an embedding.

    `weights`, shape (rows,), is the number of inputs that each row represents; None if it is 1.
    """

    rows: Tensor
    weights: Tensor | None = None


class Pass(NamedTuple):
    """One batch through the clean model, computed by `run`.

    `attention_mask`, shape (inputs, tokens), is 1 where there is a token; None without padding.
    """

    attention_mask: Tensor | None
    run: Callable[[], object]


def spread(count: int, most: int) -> list[int]:
    """Return at most `most` of the indices 0 to count − 1, evenly spaced."""
    kept = min(count, most)
    return [(2 * index + 1) * count // (2 * kept) for index in range(kept)]


def observe_inputs(
    model: nn.Module, layer_names: Sequence[str], passes: Sequence[Pass]
) -> dict[str, CleanInputs]:
    """Keep a sample of each layer's inputs, at most `ROWS` per layer, equally many per batch.

    In some layers one token in a hundred carries most of the output's energy, and a plain sample
    would miss it by a fifth. A quarter of the rows are therefore those with the largest outputs,
    each representing itself. The others are evenly spaced over the rest in order of output size,
    and represent all of it. Nothing else is kept, not even during a pass.

    Raises:
        UsageError: A name is not a layer of the model.
        ValueError: No pass computed a layer.
    """
    samples = {
        name: _Sample(-(-ROWS // len(passes)), _VALUES // len(passes)) for name in layer_names
    }

    def observe(name: str, _module: object, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        samples[name].observe(inputs[0], output)

    with hooked(modules_of(model, layer_names), after=observe):
        for mask, run in passes:
            for sample in samples.values():
                sample.begin(mask)
            run()
            for sample in samples.values():
                sample.end()
    for name, sample in samples.items():
        if not sample.kept:
            raise ValueError(f"no input of {name} was seen, so there is nothing to sample")
    return {
        name: CleanInputs(
            torch.cat([part.rows for part in sample.kept]),
            torch.cat([part.weights for part in sample.kept]),
        )
        for name, sample in samples.items()
    }


class _Part(NamedTuple):
    """Rows, the number of inputs they represent, and the squared norms of their outputs."""

    rows: Tensor
    weights: Tensor
    squares: Tensor


class _Sample:
    def __init__(self, rows: int, values: int) -> None:
        self.kept: list[_Part] = []
        self._rows = rows
        self._values = values
        self._mask: Tensor | None = None
        # A model that writes computes its layers once per token.
        self._calls: list[_Part] = []

    def begin(self, mask: Tensor | None) -> None:
        self._mask, self._calls = mask, []

    def observe(self, given: Tensor, output: Tensor) -> None:
        mask = self._mask
        if given.is_floating_point():
            given = given.float()  # layers are computed alone in float32
        squares = torch.linalg.vector_norm(output, dim=-1).double().square()
        if mask is not None and squares.shape == mask.shape:
            kept = mask.to(given.device) != 0
            rows, squares = given[kept], squares[kept]
        else:
            # Without padding, or computed once for all inputs, as position embeddings are.
            rows = given.flatten(0, squares.dim() - 1)
            squares = squares.flatten()
        most = min(self._rows, max(1, self._values // output.shape[-1]))
        self._calls.append(_thinned(_Part(rows, torch.ones_like(squares), squares), most))

    def end(self) -> None:
        if self._calls:
            together = _Part(*(torch.cat(parts) for parts in zip(*self._calls, strict=True)))
            self.kept.append(_thinned(together, max(len(call.rows) for call in self._calls)))
        self._calls = []


def _thinned(part: _Part, most: int) -> _Part:
    count = len(part.rows)
    if count <= most:
        return _Part(*(values.clone() for values in part))
    order = (part.weights * part.squares).argsort(descending=True, stable=True)
    top = most // _TOP
    rest = order[top:]
    picked = rest[torch.tensor(spread(len(rest), most - top), device=rest.device)]
    chosen = torch.cat([order[:top], picked])
    weights = part.weights[chosen]
    weights[top:] *= len(rest) / len(picked)
    return _Part(part.rows[chosen], weights, part.squares[chosen])
