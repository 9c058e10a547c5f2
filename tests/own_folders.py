"""Models in folders, as a user's `save_pretrained` leaves them: tiny and random."""

from __future__ import annotations

from pathlib import Path

from tests import tiny_gpt2
from tests.hub_stand_in import tiny_bert

QUESTIONS = 320
"""Positions that questions need."""
TEXT = 256
"""Positions that text needs."""


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
