"""First embeddings of a MobileBERT: a BERT's, with its normalisation folded in, at a low rank."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from training.least_squares import principal
from training.teacher_view import TeacherView

_POSITIONS = 8
_LONGEST = 256
_COMMON = 400
_SPREAD = 0.15
"""Of the word embeddings' entries: small, so that an optimiser's steps matter to them."""


@torch.no_grad()
def factorise_embeddings(embeddings: nn.Module, view: TeacherView, counts: Tensor) -> None:
    """Set MobileBERT's embeddings so that they come near to what enters the teacher's first block.

    The teacher divides each sum of word, position and type by its own spread; NoNorm divides
    nothing. So every word gets its mean *normalised* vector, over some positions, and the table of
    these is cut to the width of the word embeddings by a principal component analysis that weighs
    each word by the root of its count. Positions and types get what the most common words leave on
    average. A token's neighbours have no weight yet.

    Args:
        embeddings: `MobileBertEmbeddings`.
        view: The teacher's.
        counts: How often each token occurs in the training data, shape (vocabulary,).
    """
    mobile: Any = embeddings
    part = {
        k.removeprefix("embeddings."): v
        for k, v in view.state.items()
        if k.startswith("embeddings.")
    }
    words = part["word_embeddings.weight"]
    positions = part["position_embeddings.weight"]
    kinds = part["token_type_embeddings.weight"]

    def normalised(tokens: Tensor, position: Tensor | int, kind: int) -> Tensor:
        summed = tokens + positions[position] + kinds[kind]
        return layer_norm(summed, summed.shape[-1:], eps=1e-12)

    usual = torch.linspace(0, min(_LONGEST, len(positions)) - 1, _POSITIONS).long()
    table = torch.stack([normalised(words, int(p), 1) for p in usual]).mean(0).double()
    # Even a word that never occurs keeps some weight: it may, later.
    weights = (counts + 1).double().sqrt()[:, None]
    mean = (table * weights).sum(0) / weights.sum()
    width = mobile.word_embeddings.weight.shape[1]
    directions, _ = principal((table - mean) * weights.sqrt(), width)
    coordinates = (table - mean) @ directions
    scale = (coordinates * weights).square().sum().div(weights.square().sum() * width).sqrt()
    scale = scale / _SPREAD
    mobile.word_embeddings.weight.copy_(coordinates / scale)
    # Padding must look like the end of the input, which trigrams fill with zeros.
    mobile.word_embeddings.weight[mobile.word_embeddings.padding_idx] = 0.0
    # Trigram inputs hold the next token, the token itself, the one before.
    turn = mobile.embedding_transformation
    turn.weight.zero_()
    begin = width if mobile.trigram_input else 0
    turn.weight[:, begin : begin + width] = directions * scale
    turn.bias.copy_(mean)

    common = counts.topk(min(_COMMON, len(words))).indices
    known = (coordinates[common] @ directions.T + mean).float()
    for position in range(len(positions)):
        left = normalised(words[common], position, 1) - known
        mobile.position_embeddings.weight[position] = left.mean(0)
    between = [
        normalised(words[common], int(p), 0) - normalised(words[common], int(p), 1) for p in usual
    ]
    mobile.token_type_embeddings.weight.zero_()
    mobile.token_type_embeddings.weight[0] = torch.stack(between).mean((0, 1))
    mobile.LayerNorm.weight.copy_(part["LayerNorm.weight"])
    mobile.LayerNorm.bias.copy_(part["LayerNorm.bias"])
