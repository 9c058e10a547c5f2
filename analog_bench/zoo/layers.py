"""The layers of a model by name, in the order of computation, from its architecture alone.

Layer names are what users write and results store: the module's path in the transformers model
without the name of the base model (`encoder.layer.0.output.dense`, `h.3.mlp.c_fc`, `qa_outputs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from analog_bench.errors import UsageError
from analog_bench.zoo.architecture import Architecture, Family, MobileBlocks

LayerKind = Literal["embedding", "norm", "matmul"]


@dataclass(frozen=True)
class LayerName:
    """One layer.

    Attributes:
        name: Its public name.
        kind: `embedding`, `norm` or `matmul`; only the last can be put on tiles.
        block: The transformer block it belongs to; None before the first and after the last.
    """

    name: str
    kind: LayerKind
    block: int | None


_BASE: dict[Family, str] = {"bert": "bert", "mobilebert": "mobilebert", "gpt2": "transformer"}
_HEAD: dict[Family, str] = {"bert": "qa_outputs", "mobilebert": "qa_outputs", "gpt2": "lm_head"}


def module_path(family: Family, layer_name: str) -> str:
    """Return the path of a layer's module in the full transformers model.

    Args:
        family: The model's family.
        layer_name: A public name, e.g. `encoder.layer.0.output.dense` or `qa_outputs`.

    Returns:
        E.g. `bert.encoder.layer.0.output.dense`; the head's name is its path.
    """
    return layer_name if layer_name == _HEAD[family] else f"{_BASE[family]}.{layer_name}"


def layer_name(family: Family, path: str) -> str:
    """Return the public name of a module of the full model; the inverse of `module_path`.

    Args:
        family: The model's family.
        path: The module's path, e.g. `transformer.h.0.ln_1`.

    Returns:
        The public name, e.g. `h.0.ln_1`.

    Raises:
        UsageError: The path is neither the head's nor inside the base model.
    """
    base = f"{_BASE[family]}."
    if path == _HEAD[family]:
        return path
    if not path.startswith(base) or path == base:
        raise UsageError(
            f"{path!r} is no module of a {family} model: it does not start with {base}"
        )
    return path[len(base) :]


def layer_names(architecture: Architecture) -> tuple[LayerName, ...]:
    """List the layers that take part in the computation, first to last.

    Args:
        architecture: The model's numbers.

    Returns:
        Every embedding, norm and matrix multiplication with weights, in the order in which the
        transformers implementation evaluates them. Modules that exist but are never called (a
        pooler, MobileBERT's unused bottleneck) are left out.
    """
    if architecture.family == "gpt2":
        return tuple(_gpt2(architecture))
    if architecture.mobile is None:
        return tuple(_bert(architecture))
    return tuple(_mobilebert(architecture, architecture.mobile))


def _layer(name: str, block: int | None = None) -> LayerName:
    last = name.rsplit(".", 1)[-1]
    kind: LayerKind = "matmul"
    if last.endswith("_embeddings") or last in ("wte", "wpe"):
        kind = "embedding"
    elif last == "LayerNorm" or last.startswith("ln_"):
        kind = "norm"
    return LayerName(name, kind, block)


def _bert(architecture: Architecture) -> Iterator[LayerName]:
    yield _layer("embeddings.word_embeddings")
    yield _layer("embeddings.token_type_embeddings")
    yield _layer("embeddings.position_embeddings")
    yield _layer("embeddings.LayerNorm")
    for block in range(architecture.blocks):
        for part in (*_ATTENTION, *_FEED_FORWARD):
            yield _layer(f"encoder.layer.{block}.{part}", block)
    yield _layer("qa_outputs")


def _mobilebert(architecture: Architecture, mobile: MobileBlocks) -> Iterator[LayerName]:
    yield _layer("embeddings.word_embeddings")
    if mobile.trigram or mobile.embedding != architecture.width:
        yield _layer("embeddings.embedding_transformation")
    yield _layer("embeddings.position_embeddings")
    yield _layer("embeddings.token_type_embeddings")
    yield _layer("embeddings.LayerNorm")
    for block in range(architecture.blocks):
        for part in _mobile_parts(mobile):
            yield _layer(f"encoder.layer.{block}.{part}", block)
    yield _layer("qa_outputs")


def _mobile_parts(mobile: MobileBlocks) -> Iterator[str]:
    if mobile.bottleneck:
        yield from _normed("bottleneck.input")
        if mobile.shared_bottleneck and not mobile.bottleneck_attention:
            yield from _normed("bottleneck.attention")
    yield from _ATTENTION
    for network in range(mobile.feed_forwards - 1):
        for part in _FEED_FORWARD:
            yield f"ffn.{network}.{part}"
    yield from _FEED_FORWARD
    if mobile.bottleneck:
        yield from _normed("output.bottleneck")


def _gpt2(architecture: Architecture) -> Iterator[LayerName]:
    yield _layer("wte")
    yield _layer("wpe")
    for block in range(architecture.blocks):
        for part in ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"):
            yield _layer(f"h.{block}.{part}", block)
    yield _layer("ln_f")
    yield _layer("lm_head")


def _normed(where: str) -> tuple[str, str]:
    return f"{where}.dense", f"{where}.LayerNorm"


_ATTENTION = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    *_normed("attention.output"),
)
_FEED_FORWARD = ("intermediate.dense", *_normed("output"))
