"""How large a model's layers are, and what else an inference computes. Needs no torch."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from analog_bench.codec import LARGEST_WHOLE, Whole
from analog_bench.zoo.model_structure import LayerKind

Size = Annotated[int, Meta(ge=1, le=LARGEST_WHOLE)]
USUAL_TOKENS = 128
"""Tokens of an inference where nothing else is said, or all that a model takes."""


class LayerShape(Struct, frozen=True, forbid_unknown_fields=True):
    """The size of one layer, and how often an inference computes it.

    Attributes:
        name: Its public name.
        kind: `embedding`, `norm` or `matmul`.
        block: Its transformer block; None before the first and after the last.
        inputs: Values a vector has before it; of an embedding the number of its rows.
        outputs: Values a vector has behind it.
        vectors: Vectors an inference passes through it: one a token in most layers, one a text in a
            classifier's head, and several a token where blocks share a layer, as ALBERT's do.
    """

    name: str
    kind: LayerKind
    block: Whole | None
    inputs: Size
    outputs: Size
    vectors: Size

    @property
    def weights(self) -> int:
        """Number of its weights, without a bias."""
        return self.outputs * (1 if self.kind == "norm" else self.inputs)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an inference; none unless it is a matrix multiplication."""
        return self.vectors * self.weights if self.kind == "matmul" else 0


class ModelShape(Struct, frozen=True, forbid_unknown_fields=True):
    """What one inference of a model computes.

    Attributes:
        tokens: Tokens of the inference.
        layers: In the order of computation, at least one.
        attention_macs: Multiply-accumulates of tokens with each other, all heads and blocks; all
            pairs are counted, also those that a mask leaves out.
        exponentials: Exponentials of all softmaxes.
        cached: Keys and values that all heads hold together.
    """

    tokens: Size
    layers: Annotated[tuple[LayerShape, ...], Meta(min_length=1)]
    attention_macs: Whole
    exponentials: Whole
    cached: Whole

    @property
    def macs(self) -> int:
        """All multiply-accumulates of an inference."""
        return self.attention_macs + sum(layer.macs for layer in self.layers)
