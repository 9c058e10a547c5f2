"""How noise travels through a model: each block adds noise and passes noise on.

Block b maps the residual stream x[b-1] to x[b] = F(x[b-1]). With ~ for a noisy chip on the same
tokens and delta[b] = x~[b] - x[b], exactly

    delta[b] = (F~(x~[b-1]) - F(x~[b-1])) + (F(x~[b-1]) - F(x[b-1])).

The first part is made in the block, the second is passed on. This takes one clean pass of each
block on the noisy stream.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_map_only

from analog_bench.analog.block_calls import BlockCall
from analog_bench.propagation_record import BlockNoise, Propagation, Quantiles
from analog_bench.seeds import derive_seed

Jacobian = Literal["forward", "difference", ""]
_QUANTILES = (0.1, 0.5, 0.9)
_DIGITS = 6
# For a central difference in single precision: the cube root of its smallest step, times the
# stream.
_STEP = 5e-3


@dataclass(frozen=True, eq=False)
class Split:
    """The noise that one block makes and passes on in one batch.

    Tensors have shape (inputs, tokens, features). `before` and `after` are delta before and after
    the block; `after` is the sum of what is made and what is passed on.
    """

    clean: Tensor
    before: Tensor
    after: Tensor
    made_here: Tensor
    handed_on: Tensor


def split(calls: Sequence[BlockCall], streams: Sequence[Tensor]) -> list[Split]:
    """Split the noise after each block into what is made there and what is passed on.

    `streams` are the noisy ones, as `CleanBlocks.watching` collects them. If the first blocks were
    replayed, they are those of the last blocks; the replayed ones are clean.
    """
    replayed = len(calls) + 1 - max(len(streams), 1)
    clean = [calls[0].input, *(call.output for call in calls)]
    noisy = [*clean[:replayed], *(streams or clean[-1:])]
    parts = []
    with torch.inference_mode():
        for n, call in enumerate(calls):
            before, after = noisy[n : n + 2]
            kept = call.output if torch.equal(before, clean[n]) else call.at(before)
            parts.append(
                Split(
                    clean=call.output,
                    before=before - clean[n],
                    after=after - call.output,
                    made_here=after - kept,
                    handed_on=kept - call.output,
                )
            )
    return parts


def jacobian_products(
    call: BlockCall, directions: Sequence[Tensor]
) -> tuple[list[Tensor], Jacobian]:
    """Return J u for each direction u, with J the block's Jacobian at the clean stream.

    The products come from forward-mode differentiation, or from a central difference if a part of
    the block does not support it. The method's name is returned with them.
    """
    # Differentiation does not accept inference-mode tensors.
    leaves = tree_map_only(Tensor, torch.clone, list(call.leaves))
    clean = BlockCall(call.module, tuple(leaves), call.form, call.stream, call.output)
    directions = [direction.clone() for direction in directions]
    try:
        # The fused kernels of attention have no forward mode; the plain formula has.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            products = [torch.func.jvp(clean.at, (clean.input,), (u,))[1] for u in directions]
        return products, "forward"
    except NotImplementedError:
        return [_difference(clean, u) for u in directions], "difference"


def _difference(call: BlockCall, direction: Tensor) -> Tensor:
    """Return (F(x + h u) - F(x - h u)) / 2h, with h u a small part of x."""
    length = float(direction.norm())
    if length == 0:
        return torch.zeros_like(direction)
    h = _STEP * float(call.input.norm()) / length
    with torch.inference_mode():
        ahead, behind = call.at(call.input + h * direction), call.at(call.input - h * direction)
        product: Tensor = (ahead - behind) / (2 * h)
    return product


class Tracer:
    """Collects, token by token, what a chip's noise does to the stream over all batches."""

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self._entering: list[Tensor] = []
        self._values: list[dict[str, list[Tensor]]] = []
        self._jacobian: Jacobian = ""

    def add(
        self,
        batch: int,
        calls: Sequence[BlockCall],
        streams: Sequence[Tensor],
        attention_mask: Tensor | None,
        *,
        differentiate: bool = False,
    ) -> None:
        """Add one batch; with an attention mask (inputs, tokens), padding does not count.

        `differentiate` asks for products with Jacobians in this batch, which cost several passes.
        """
        self._values = self._values or [defaultdict(list) for _ in calls]
        for n, (call, part) in enumerate(zip(calls, split(calls, streams), strict=True)):
            mask = _mask(part.clean, attention_mask)
            if n == 0:
                self._entering.append((_length(part.before) / _length(call.input))[mask])
            found = _per_token(part)
            if differentiate and bool(part.before[mask].any()):
                random = self._random(part.before, batch, n)
                products, self._jacobian = jacobian_products(call, [part.before, random])
                known = _length(part.before)
                for name, product in zip(("jacobian_gain", "random_gain"), products, strict=True):
                    found[name] = _length(product) / known
            for name, values in found.items():
                self._values[n][name].append(values[mask].cpu())

    def result(self) -> Propagation:
        """Return medians and quantiles over the tokens of all batches."""
        blocks = tuple(
            BlockNoise(**{name: _quantiles(parts) for name, parts in of_block.items()})  # type: ignore[arg-type]
            for of_block in self._values
        )
        entering = _quantiles([part.cpu() for part in self._entering])
        return Propagation(entering or Quantiles(0.0, 0.0, 0.0), blocks, self._jacobian)

    def _random(self, delta: Tensor, batch: int, block: int) -> Tensor:
        """Return random directions of the length of delta, token by token."""
        generator = torch.Generator()
        generator.manual_seed(derive_seed(self._seed, "random directions", block, batch))
        drawn = torch.randn(delta.shape, generator=generator).to(delta)
        return drawn * (_length(delta) / _length(drawn)).to(delta).unsqueeze(-1)


def _per_token(part: Split) -> dict[str, Tensor]:
    """Return the fields of `BlockNoise`, shape (inputs, tokens); NaN where undefined."""
    clean, delta = part.clean.double(), part.after.double()
    made, handed = part.made_here.double(), part.handed_on.double()
    size, length = _length(clean), _length(delta)
    radial = (delta * clean).sum(-1) / size
    return {
        "error": length / size,
        "made_here": _length(made) / size,
        "handed_on": _length(handed) / size,
        "across": (length.square() - radial.square()).clamp_min(0).sqrt() / size,
        "share": (made * delta).sum(-1) / length.square(),
        "gain": _length(handed) / _length(part.before),
        "coherence": (made * handed).sum(-1) / (_length(made) * _length(handed)),
    }


def _quantiles(parts: Sequence[Tensor]) -> Quantiles | None:
    values = torch.cat(list(parts))
    values = values[torch.isfinite(values)]
    if not len(values):
        return None
    # `torch.quantile` takes at most 16 million values; a large corpus has more.
    ordered = values.sort().values
    places = (round(share * (len(ordered) - 1)) for share in _QUANTILES)
    return Quantiles(*(float(f"{float(ordered[place]):.{_DIGITS}g}") for place in places))


def _length(values: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(values.double(), dim=-1)
    return length


def _mask(stream: Tensor, attention_mask: Tensor | None) -> Tensor:
    """Return which tokens are real, shape (inputs, tokens), on the stream's device."""
    if attention_mask is None:
        return torch.ones(stream.shape[:-1], dtype=torch.bool, device=stream.device)
    return attention_mask.to(stream.device) != 0
