"""What one inference of a model computes, traced on shapes alone: no weight is read."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Size, Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedModel

from analog_bench.analog.layers import Place, places, weight_of
from analog_bench.zoo.model_shape import LayerShape, ModelShape
from analog_bench.zoo.model_structure import block_of


def trace(model: PreTrainedModel, tokens: int) -> ModelShape:
    """Return what one inference of this many tokens, all at once, computes.

    `model` is an outline (`zoo.model_builder.runnable_outline`) on the device `meta`. Products
    between activations are batched, which tells them from layers: a layer multiplies all vectors by
    one matrix.
    """
    # The fused attention is one operation; eager attention is made of products and softmaxes.
    model.set_attn_implementation("eager")
    known = {place.path: place for place in places(model)}
    attention, vectors = _Attention(), Counter[str]()
    with ExitStack() as stack, torch.device("meta"):
        for place in known.values():
            enter = partial(_count_vectors, vectors, place)
            stack.callback(place.module.register_forward_pre_hook(enter).remove)
        with attention.mode, torch.no_grad():
            model(input_ids=torch.zeros(1, tokens, dtype=torch.long))
        paths = list(vectors)
    # Keys and values shared by several heads are repeated for each of them before a product.
    config: Any = model.config
    heads = getattr(config, "num_attention_heads", 1)
    own = getattr(config, "num_key_value_heads", None) or heads
    return ModelShape(
        tokens=tokens,
        layers=tuple(_shape(known[path], vectors[path]) for path in paths),
        attention_macs=attention.macs,
        exponentials=attention.exponentials,
        cached=attention.operands * own // heads,
    )


class _Attention:
    """Counts products of activations with each other, and exponentials."""

    def __init__(self) -> None:
        self.macs = self.operands = self.exponentials = 0
        aten = torch.ops.aten
        softmaxes = dict.fromkeys((aten._softmax, aten._safe_softmax), self._softmax)
        formulas = {aten.bmm: self._product, aten.baddbmm: self._added_product, **softmaxes}
        self.mode = FlopCounterMode(display=False, custom_mapping=formulas)

    def _product(self, first: Size, second: Size, *_: Any, **__: Any) -> int:
        self.macs += math.prod(first) * second[-1]
        self.operands += math.prod(second)
        return 0

    def _added_product(self, _: Size, first: Size, second: Size, *__: Any, **___: Any) -> int:
        return self._product(first, second)

    def _softmax(self, values: Size, *_: Any, **__: Any) -> int:
        self.exponentials += math.prod(values)
        return 0


def _count_vectors(vectors: Counter[str], place: Place, module: nn.Module, inputs: Any) -> None:
    given: Tensor = inputs[0]
    vectors[place.path] += given.numel() // (1 if place.kind == "embedding" else given.shape[-1])


def _shape(place: Place, vectors: int) -> LayerShape:
    shape = weight_of(place.module).shape
    outputs, inputs = (shape[0], shape[0]) if place.kind == "norm" else (shape[0], shape[-1])
    if place.kind == "embedding":
        outputs, inputs = inputs, outputs
    return LayerShape(place.name, place.kind, block_of(place.path), inputs, outputs, vectors)
