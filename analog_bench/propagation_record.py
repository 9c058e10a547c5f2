"""What noise does to the residual stream of a model, block by block: part of a chip's record."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

LARGEST_FIGURE = 1e30
"""No length is that many times another, and powers must not leave the range of floats."""
Figure: TypeAlias = Annotated[float, Meta(ge=-LARGEST_FIGURE, le=LARGEST_FIGURE)]


class Quantiles(Struct, frozen=True, forbid_unknown_fields=True):
    """How a figure is spread over tokens.

    Attributes:
        low: What a tenth of the tokens lie below.
        median: What half of them lie below.
        high: What nine tenths lie below.
    """

    low: Figure
    median: Figure
    high: Figure


class BlockNoise(Struct, frozen=True, forbid_unknown_fields=True):
    """What noise does to the residual stream at one block's output, figures taken token by token.

    With x the clean stream, delta the noisy one less x, and F the clean block: delta is made here,
    F~(x~) - F(x~), plus handed on, F(x~) - F(x), where x~ is the noisy stream before the block.
    Lengths are Euclidean norms. What has no direction or nothing to be relative to on any token, as
    where no noise has come yet, is None.

    Attributes:
        error: Length of delta relative to that of x.
        made_here: Length of what is made here, relative to that of x.
        handed_on: Length of what is handed on, relative to that of x.
        share: Part of delta that is made here, measured along delta; the rest is handed on.
        across: Length of delta across x relative to that of x: what an RMS norm lets through.
        gain: Length of what is handed on, relative to that of delta before the block.
        jacobian_gain: The same to first order: what the block's Jacobian at x makes of delta.
        random_gain: What the Jacobian makes of random directions of the same lengths.
        coherence: Cosine between what is made here and what is handed on.
    """

    error: Quantiles
    made_here: Quantiles
    handed_on: Quantiles
    across: Quantiles
    share: Quantiles | None = None
    gain: Quantiles | None = None
    jacobian_gain: Quantiles | None = None
    random_gain: Quantiles | None = None
    coherence: Quantiles | None = None


class Propagation(Struct, frozen=True, forbid_unknown_fields=True):
    """How noise travelled along the residual stream of one chip.

    Attributes:
        entering: Length of what noise does to the stream before the first block, relative to the
            stream's, token by token.
        blocks: After each block, in the order of computation.
        jacobian: How products with the Jacobian were taken: `forward` (differentiation in forward
            mode) or `difference` (a central difference); empty where there are none.
    """

    entering: Quantiles
    blocks: tuple[BlockNoise, ...]
    jacobian: Literal["forward", "difference", ""] = ""
