"""The numbers of a model's configuration that decide its layers, read from plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, get_args

from msgspec import Meta, Struct

from analog_bench.codec import plain
from analog_bench.errors import WeightsError

Family: TypeAlias = Literal["bert", "mobilebert", "gpt2"]
Normalisation: TypeAlias = Literal["layer_norm", "no_norm"]
Size: TypeAlias = Annotated[int, Meta(ge=0)]
FAMILIES: tuple[Family, ...] = get_args(Family)


class MobileBlocks(Struct, frozen=True, forbid_unknown_fields=True):
    """What MobileBERT's blocks have beyond BERT's (Sun et al., ACL 2020).

    Attributes:
        embedding: Width of the word embeddings.
        trigram: Whether each token's input also holds its two neighbours' embeddings.
        bottleneck: Width inside a block, 0 where blocks have no bottleneck.
        bottleneck_attention: Whether queries, keys and values all come from the one bottleneck.
        shared_bottleneck: Whether queries and keys have a bottleneck of their own.
        feed_forwards: Feed-forward networks in a block.
        normalisation: `no_norm` (elementwise scale and shift) or `layer_norm`.
    """

    embedding: Size
    trigram: bool
    bottleneck: Size
    bottleneck_attention: bool
    shared_bottleneck: bool
    feed_forwards: Size
    normalisation: Normalisation


class Architecture(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A model's family and sizes.

    Attributes:
        family: `bert`, `mobilebert` (both with a question-answering head) or `gpt2` (with its
            language-modelling head).
        blocks: Number of transformer blocks.
        width: Width of the hidden states.
        heads: Attention heads a block.
        inner: Width inside the feed-forward networks.
        vocabulary: Number of tokens.
        positions: Tokens an input holds at most.
        mobile: MobileBERT's extras, for that family only.
    """

    family: Family
    blocks: Size
    width: Size
    heads: Size
    inner: Size
    vocabulary: Size
    positions: Size
    mobile: MobileBlocks | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the sizes as JSON values; `mobile` only where there is one."""
        return plain(self)

    def __post_init__(self) -> None:
        if (self.family == "mobilebert") != (self.mobile is not None):
            raise ValueError("'mobile' belongs to family mobilebert and only there")


def architecture_of(config: Mapping[str, Any], origin: str) -> Architecture:
    """Read the numbers from a transformers `config.json`.

    Args:
        config: The parsed file.
        origin: What to call the file in errors.

    Returns:
        The architecture.

    Raises:
        WeightsError: The family is not one of the known ones, the head is another, a number is
            missing, or an option changes the computation in a way this project does not know.
    """
    family = config.get("model_type")
    if family not in FAMILIES:
        raise WeightsError(
            f"{origin}: model_type {family!r} is not supported; known: {', '.join(FAMILIES)}"
        )
    head = {
        "bert": "BertForQuestionAnswering",
        "mobilebert": "MobileBertForQuestionAnswering",
        "gpt2": "GPT2LMHeadModel",
    }[family]
    found = config.get("architectures")
    if not isinstance(found, list) or head not in found:
        raise WeightsError(f"{origin}: architectures must name {head}, found {found!r}")
    for option, usual in _USUAL.items():
        if config.get(option, usual) != usual:
            raise WeightsError(
                f"{origin}: {option} = {config[option]!r} is not supported, only {usual!r}"
            )
    number = _Numbers(config, origin)
    if family == "gpt2":
        width = number.positive("n_embd")
        return Architecture(
            family="gpt2",
            blocks=number.positive("n_layer"),
            width=width,
            heads=number.positive("n_head"),
            inner=number.positive("n_inner", default=4 * width),
            vocabulary=number.positive("vocab_size"),
            positions=number.positive("n_positions"),
        )
    if len(config.get("id2label") or (0, 1)) != 2:
        raise WeightsError(f"{origin}: a question-answering head has 2 outputs (start and end)")
    return Architecture(
        family="bert" if family == "bert" else "mobilebert",
        blocks=number.positive("num_hidden_layers"),
        width=number.positive("hidden_size"),
        heads=number.positive("num_attention_heads"),
        inner=number.positive("intermediate_size"),
        vocabulary=number.positive("vocab_size"),
        positions=number.positive("max_position_embeddings"),
        mobile=_mobile(number) if family == "mobilebert" else None,
    )


# Options that add modules or change the order of computation unless they have this value.
_USUAL: Mapping[str, Any] = {
    "add_cross_attention": False,
    "is_decoder": False,
    "position_embedding_type": "absolute",
    "chunk_size_feed_forward": 0,
}


@dataclass(frozen=True)
class _Numbers:
    config: Mapping[str, Any]
    origin: str

    def positive(self, key: str, default: int | None = None) -> int:
        value = self.config.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise WeightsError(f"{self.origin}: {key} must be a number above 0, found {value!r}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.config.get(key, default)
        if not isinstance(value, bool):
            raise WeightsError(f"{self.origin}: {key} must be true or false, found {value!r}")
        return value


def _mobile(number: _Numbers) -> MobileBlocks:
    # The defaults are those of transformers' MobileBertConfig.
    normalisation = number.config.get("normalization_type", "no_norm")
    if normalisation not in get_args(Normalisation):
        raise WeightsError(f"{number.origin}: no normalization_type {normalisation!r} is known")
    inside = number.flag("use_bottleneck", True)
    return MobileBlocks(
        embedding=number.positive("embedding_size", default=128),
        trigram=number.flag("trigram_input", True),
        bottleneck=number.positive("intra_bottleneck_size", default=128) if inside else 0,
        bottleneck_attention=number.flag("use_bottleneck_attention", False),
        shared_bottleneck=number.flag("key_query_shared_bottleneck", True),
        feed_forwards=number.positive("num_feedforward_networks", default=4),
        normalisation=normalisation,
    )
