"""Noise added to a layer's output, anew at each read: `white_output` and `white_output_rel`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor

from analog_bench.analog.noise_effects import Effect, Site, handles
from analog_bench.noise import WhiteOutput, WhiteOutputRel
from analog_bench.zoo.devices import CPU
from analog_bench.zoo.layer_names import hooked

# Drawn in pieces that fit the cache: a whole activation at once costs half as much again in page
# faults. The size determines the draws, so it must not change without need.
_PIECE = 65_536

StdOf = Callable[[Tensor, "Tensor | None"], "float | Tensor"]


@handles(WhiteOutput)
def _white_output(noise: WhiteOutput, site: Site) -> OutputNoise:
    """Formula: y + N(0, std²), in the units of y."""
    return OutputNoise(site, lambda _y, _mask: noise.std)


@handles(WhiteOutputRel)
def _white_output_rel(noise: WhiteOutputRel, site: Site) -> OutputNoise:
    """Formula: y + N(0, (std · RMS(y))²), RMS over the batch's tokens and all features."""
    return OutputNoise(site, lambda y, mask: noise.std * rms(y, mask))


class OutputNoise(Effect):
    """White noise on the output of one layer, drawn from its own generator.

    The generator is seeded by (layer, chip, batch), so other draws do not affect it.
    """

    def __init__(self, site: Site, std_of: StdOf) -> None:
        self._site = site
        self._std_of = std_of
        self._generator: torch.Generator | None = None
        self._mask: Tensor | None = None

    def attached(self) -> AbstractContextManager[None]:
        """Perturb the layer's output."""
        return hooked({self._site.place.name: self._site.place.module}, after=self._perturb)

    @contextmanager
    def reading(self, batch: int, attention_mask: Tensor | None) -> Iterator[None]:
        """Seed the draws of one batch."""
        self._generator = torch.Generator(self._site.device)
        self._generator.manual_seed(self._site.seed(f"read:{batch}"))
        self._mask = attention_mask
        try:
            yield
        finally:
            self._generator = self._mask = None

    def _perturb(self, _name: str, _module: object, _inputs: object, output: Tensor) -> Tensor:
        if self._generator is None:
            raise self._site.not_read()
        mask = self._mask
        shared = output.dim() == 3 and len(output) == 1
        if mask is not None and shared and output.shape[1] != mask.shape[1]:
            # As in DeBERTa, its rows are relative positions, not tokens, and all inputs share them.
            mask = None
        # In float32, whatever the layer's precision: bfloat16 would round the noise away.
        output = _one_an_input(output.float(), mask)
        return add_normal(output, self._std_of(output, mask), self._generator)


def add_normal(values: Tensor, std: float | Tensor, generator: torch.Generator) -> Tensor:
    """Add N(0, std²) to every value; in place, or to a new tensor if it is not contiguous."""
    values = values.contiguous()
    if values.device.type != CPU:  # where each piece would cost a launch and a wait for std
        return values.add_(torch.empty_like(values).normal_(generator=generator).mul_(std))
    flat = values.view(-1)
    buffer = torch.empty(min(_PIECE, flat.numel()), device=values.device)
    scale = float(std)
    for start in range(0, flat.numel(), _PIECE):
        piece = flat[start : start + _PIECE]
        normals = buffer[: piece.numel()].normal_(generator=generator)
        piece.add_(normals, alpha=scale)
    return values


def rms(values: Tensor, mask: Tensor | None) -> Tensor:
    """Return the root mean square, sqrt(mean(y²)), of (inputs, tokens, features), float64.

    With a mask, shape (inputs, tokens), padding (0) does not count. Values computed once per input,
    shape (inputs, features), have no padding.

    Raises:
        ValueError: The mask has another shape.
    """
    squares: Tensor = torch.linalg.vector_norm(values, dim=-1).double().square()
    if mask is None or squares.shape == mask.shape[:1]:
        return (squares.mean() / values.shape[-1]).sqrt()
    if mask.shape != squares.shape:
        raise ValueError(
            f"an attention mask of shape {tuple(mask.shape)} does not fit an output of shape "
            f"{tuple(values.shape)}"
        )
    kept = mask.to(squares)
    return ((squares * kept).sum() / (kept.sum() * values.shape[-1])).sqrt()


def _one_an_input(output: Tensor, mask: Tensor | None) -> Tensor:
    """Repeat what a model computes once per batch (position embeddings) for each input."""
    if mask is None or output.dim() != 3 or output.shape[0] != 1 or mask.shape[0] == 1:
        return output
    return output.repeat(mask.shape[0], 1, 1)
