"""A byte-level BPE tokeniser of GPT-2's kind, learnt from texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END_OF_TEXT = "<|endoftext|>"


def learn_bpe(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Learn merges; the same texts give the same tokeniser.

    Every text can be encoded and comes back exactly, since all 256 bytes are tokens.

    Args:
        texts: What to learn from.
        vocabulary: Number of tokens, the end-of-text token (id 0) included. Texts that hold too
            few different words give fewer.

    Returns:
        The tokeniser.
    """
    model: Any = models
    before: Any = pre_tokenizers
    after: Any = decoders
    tokenizer = Tokenizer(model.BPE())
    tokenizer.pre_tokenizer = before.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = after.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(before.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
