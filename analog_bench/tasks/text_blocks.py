"""Cut a text into blocks of equal length in which every token is predicted exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from analog_bench.errors import UsageError
from analog_bench.tasks.task import draw
from analog_bench.tasks.token_batches import Batch, chunks, unpadded


@dataclass(frozen=True)
class Block:
    """One model input of `length` tokens.

    `begin` is the index of its first token in the text. The last `scored` predictions count. The
    tokens before them are context that an earlier block has scored.
    """

    begin: int
    length: int
    scored: int

    @property
    def first_scored(self) -> int:
        """Index in the text of the first token whose prediction counts."""
        return self.begin + self.length - self.scored + 1


def cut(tokens: int, length: int, stride: int) -> list[Block]:
    """Cut a text of `tokens` tokens into blocks that start `stride` tokens apart.

    Only the text's first token is never predicted. Every other one has at least `length - stride`
    tokens of context as soon as the text has that many. No block is padded: the last one begins
    early enough to be full, unless the text itself is shorter than a block.

    Raises:
        UsageError: The stride is not from 1 to `length`, or the text has no token to predict.
    """
    if not 1 <= stride <= length:
        raise UsageError(
            f"the stride must be 1 to {length} (the block's length), found {stride}: otherwise "
            "tokens would be left out"
        )
    if tokens < 2:
        raise UsageError(f"a text of {tokens} tokens has nothing to predict; give a longer one")
    targets = tokens - 1
    blocks: list[Block] = []
    done = 0
    while done < targets:
        end = min(done + (stride if done else length), targets)
        begin = max(0, end - length)
        blocks.append(Block(begin, end - begin, end - done))
        done = end
    return blocks


def sample(blocks: Sequence[Block], count: int) -> list[Block]:
    """Draw blocks by their position in the text; see `task.draw`."""
    drawn = draw([str(block.begin) for block in blocks], count, "blocks of text")
    return [blocks[row] for row in drawn]


def make_batches(blocks: Sequence[Block], ids: Tensor, batch_tokens: int) -> list[Batch]:
    """Stack blocks of equal length into batches without padding, the longest first.

    A batch holds at most `batch_tokens` tokens, but at least one block. `ids` are the token ids of
    the text.
    """
    batches = []
    for rows in chunks([block.length for block in blocks], batch_tokens, equal=True):
        spans = [(blocks[row].begin, blocks[row].begin + blocks[row].length) for row in rows]
        inputs = torch.stack([ids[begin:end] for begin, end in spans])
        batches.append(unpadded(rows, inputs))
    return batches
