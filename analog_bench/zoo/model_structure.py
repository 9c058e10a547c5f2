"""The structure of a model, recorded when it is shipped or locked. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, cast

from msgspec import Meta, Struct

from analog_bench.zoo.model_heads import HEADS

LayerKind: TypeAlias = Literal["embedding", "norm", "matmul"]


@dataclass(frozen=True)
class LayerName:
    """One layer; only a `matmul` can be put on tiles.

    `name` is public, such as `encoder.layer.0.output.dense`. `path` is that of the module, with
    `bert.` in front. `block` is its transformer block; None before the first and after the last.
    """

    name: str
    path: str
    kind: LayerKind
    block: int | None


class Structure(Struct, frozen=True, forbid_unknown_fields=True):
    """A model's task, sizes and layers.

    Attributes:
        family: The name of its architecture in transformers (`model_type`).
        task: The name of its head in `model_heads.HEADS`: `qa`, `lm`, ...
        base: The part without the head, which public layer names omit.
        positions: Largest number of tokens in an input.
        vocabulary: Number of tokens in the vocabulary.
        computed: Kind and module path of each layer, in the order of a forward pass: `matmul
            bert.encoder.layer.0.output.dense`.
    """

    family: str
    task: str
    base: str
    positions: Annotated[int, Meta(ge=1)]
    vocabulary: Annotated[int, Meta(ge=1)]
    computed: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(embedding|norm|matmul) \S+$")], ...],
        Meta(min_length=1),
    ]

    def __post_init__(self) -> None:
        if self.task not in HEADS:
            raise ValueError(f"task must be one of {', '.join(HEADS)}, found {self.task!r}")

    @property
    def layers(self) -> tuple[LayerName, ...]:
        """Every embedding, norm and matrix multiplication, in the order of computation."""
        split = (entry.split(" ") for entry in self.computed)
        return tuple(
            LayerName(public_name(path, self.base), path, cast(LayerKind, kind), block_of(path))
            for kind, path in split
        )


def public_name(path: str, base: str) -> str:
    """Return the public name of a layer: its module path, without the base if it is inside it."""
    return path.removeprefix(f"{base}.") if base else path


def block_of(path: str) -> int | None:
    """Return the index of the transformer block of a module: the first number in its path."""
    block = block_path(path)
    return None if block is None else int(block.rpartition(".")[2])


def block_path(path: str) -> str | None:
    """Return the path of the transformer block of a module: up to the first number."""
    parts = path.split(".")
    first = next((n for n, part in enumerate(parts) if part.isdigit()), None)
    return None if first is None else ".".join(parts[: first + 1])
