"""Models in folders, as a user's `save_pretrained` leaves them: tiny and random."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import (
    AlbertTokenizer,
    BertTokenizerFast,
    DebertaV2Tokenizer,
    LlamaTokenizer,
    PreTrainedTokenizerFast,
    RobertaTokenizerFast,
)

from tests import tiny_gpt2
from tests.architectures import ENCODERS, model_of
from tests.hub_stand_in import tiny_bert
from training.tokeniser import learn_bpe

QUESTIONS = 320
"""Positions that questions need for windows of the usual length."""
TEXT = 256
"""Positions that text needs for blocks of the usual length."""
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,?'-"
CHARACTERS = LETTERS + LETTERS[:26].upper()
WORDS = ("the", "of", "and", "bees", "What", "Who")
_BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def saved_bert(folder: Path, **sizes: int) -> Path:
    """Write a BERT that takes as many tokens as questions need; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tiny_bert(folder, **{"max_position_embeddings": QUESTIONS, **sizes})
    return folder


def saved_gpt2(folder: Path, positions: int = TEXT) -> Path:
    """Write a GPT-2 and its tokeniser; return the folder."""
    tokenizer = tiny_gpt2.tokenizer_of(positions=positions)
    tiny_gpt2.model_of(tokenizer, positions=positions).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def saved(name: str, folder: Path, *, shard: str = "5GB", **changes: Any) -> Path:
    """Write a model of an architecture, with a tokeniser of its own kind; return the folder."""
    tokenizer = tokenizer_of(name)
    # RoBERTa's positions begin behind the number of its padding token.
    begin = 1 + tokenizer.pad_token_id if name == "roberta" else 0
    positions = "n_positions" if name == "gpt2" else "max_position_embeddings"
    sizes = {"vocab_size": len(tokenizer), positions: QUESTIONS + begin}
    if name in ENCODERS:
        sizes["pad_token_id"] = tokenizer.pad_token_id
    model_of(name, **{**sizes, **changes}).save_pretrained(folder, max_shard_size=shard)
    tokenizer.save_pretrained(folder)
    return folder


def tokenizer_of(name: str) -> Any:
    """Return a small tokeniser of the kind that an architecture's models come with."""
    if name == "roberta":
        model = json.loads(learn_bpe([tiny_gpt2.PROSE], 300).to_str())["model"]
        special = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
        pieces = dict.fromkeys((*special, *sorted(model["vocab"], key=model["vocab"].get)))
        merges = [tuple(pair) for pair in model["merges"]]
        return RobertaTokenizerFast(vocab={p: n for n, p in enumerate(pieces)}, merges=merges)
    if name == "albert":
        return AlbertTokenizer(vocab=_unigrams("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"))
    if name == "deberta-v2":
        return DebertaV2Tokenizer(vocab=_unigrams("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"))
    if name in ENCODERS:
        # DistilBERT's tells cases apart, as a cased BERT's does.
        pieces = [*_BERT, *CHARACTERS, *(f"##{x}" for x in CHARACTERS), *WORDS]
        vocabulary = {piece: n for n, piece in enumerate(pieces)}
        return BertTokenizerFast(vocab=vocabulary, do_lower_case=name != "distilbert")
    if name in ("llama", "mistral", "phi3"):
        spelt = [f"<0x{byte:02X}>" for byte in range(256)]
        pieces = ["<unk>", "<s>", "</s>", *spelt, "▁", *CHARACTERS, "th", "the", "▁the"]
        merges = [("t", "h"), ("th", "e"), ("▁", "the")]
        return LlamaTokenizer(vocab={piece: n for n, piece in enumerate(pieces)}, merges=merges)
    end = "<|endoftext|>"
    backend = learn_bpe([tiny_gpt2.PROSE], 300)
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=end, eos_token=end)


def _unigrams(*special: str) -> list[tuple[str, float]]:
    pieces = [(f"▁{word}", -2.0) for word in WORDS] + [(letter, -5.0) for letter in CHARACTERS]
    return [*((token, 0.0) for token in special), ("▁", -3.0), *pieces]
