"""The sizes of a model's layers, and what else an inference computes. Needs no torch."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from analog_bench.codec import LARGEST_WHOLE, Whole
from analog_bench.zoo.model_structure import LayerKind

Size = Annotated[int, Meta(ge=1, le=LARGEST_WHOLE)]
USUAL_TOKENS = 128
"""Default number of tokens of an inference, or fewer if the model takes fewer."""


class LayerShape(Struct, frozen=True, forbid_unknown_fields=True):
    """The size of one layer, and how often an inference computes it.

    Attributes:
        name: Its public name.
        kind: `embedding`, `norm` or `matmul`.
        block: Its transformer block; None before the first and after the last.
        inputs: Size of an input vector; for an embedding the number of its rows.
        outputs: Size of an output vector.
        vectors: Vectors per inference: one per token in most layers, one per text in a classifier's
            head, several per token if blocks share a layer, as in ALBERT.
    """

    name: str
    kind: LayerKind
    block: Whole | None
    inputs: Size
    outputs: Size
    vectors: Size

    @property
    def weights(self) -> int:
        """Number of weights, without the bias."""
        return self.outputs * (1 if self.kind == "norm" else self.inputs)

    @property
    def macs(self) -> int:
        """Multiply-accumulates per inference; 0 unless it is a matrix multiplication."""
        return self.vectors * self.weights if self.kind == "matmul" else 0


class ModelShape(Struct, frozen=True, forbid_unknown_fields=True):
    """What one inference of a model computes.

    Attributes:
        tokens: Tokens of the inference.
        layers: In the order of computation, at least one.
        attention_macs: Multiply-accumulates between tokens, over all heads and blocks; all pairs
            are counted, including masked ones.
        exponentials: Exponentials of all softmaxes.
        cached: Number of cached keys and values of all heads.
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
