"""A text cut into blocks of equal length, in which every token is predicted exactly once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from analog_bench.errors import UsageError
from analog_bench.tasks.windows import Batch


@dataclass(frozen=True)
class Block:
    """One model input: `length` tokens of the text, of whose successors the last are scored.

    Attributes:
        begin: Place of its first token in the text.
        length: Tokens the model sees.
        scored: How many of its predictions count: the last ones. The tokens before them are context
            that an earlier block has scored.
    """

    begin: int
    length: int
    scored: int

    @property
    def first_scored(self) -> int:
        """Place in the text of the first token whose prediction counts."""
        return self.begin + self.length - self.scored + 1


def cut(tokens: int, length: int, stride: int) -> list[Block]:
    """Cut a text into blocks that start `stride` tokens apart.

    Only the text's first token is never predicted. No block is padded: the last one begins early
    enough to be full, unless the text itself is shorter than a block.

    Args:
        tokens: Tokens of the text, at least 2.
        length: Tokens a block shows the model.
        stride: Tokens between the starts of blocks, 1 to `length`; a token is predicted from at
            least `length - stride` tokens of context once the text has as many.

    Raises:
        UsageError: A stride or a length that does not do, or a text without a token to predict.
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
    """Take a fixed pseudo-random sample of blocks, spread over the text, in its order.

    A block's place in the draw is the hash of its position, so the first 100 are among the first
    300.

    Raises:
        UsageError: Fewer than one, or more than there are.
    """
    if count < 1:
        raise UsageError(f"--examples must be at least 1, found {count}")
    if count > len(blocks):
        raise UsageError(
            f"--examples asks for {count} blocks of text, the data holds {len(blocks)}"
        )
    keys = [hashlib.sha256(str(block.begin).encode()).digest() for block in blocks]
    drawn = sorted(range(len(blocks)), key=keys.__getitem__)
    return [blocks[place] for place in sorted(drawn[:count])]


def make_batches(blocks: Sequence[Block], ids: Tensor, batch_tokens: int) -> list[Batch]:
    """Stack blocks of equal length into batches, the longest first.

    Args:
        blocks: What to batch.
        ids: Token ids of the text, shape (tokens,).
        batch_tokens: Tokens a batch holds at most; at least one block makes a batch.

    Returns:
        Batches without padding; `windows` gives each input's row in `blocks`.
    """
    order = sorted(range(len(blocks)), key=lambda row: (-blocks[row].length, row))
    batches: list[Batch] = []
    chunk: list[int] = []
    for row in order:
        full = (len(chunk) + 1) * blocks[row].length > batch_tokens
        if chunk and (full or blocks[row].length != blocks[chunk[0]].length):
            batches.append(_batch(chunk, blocks, ids))
            chunk = []
        chunk.append(row)
    return [*batches, _batch(chunk, blocks, ids)] if chunk else batches


def _batch(rows: Sequence[int], blocks: Sequence[Block], ids: Tensor) -> Batch:
    inputs = torch.stack(
        [ids[blocks[row].begin : blocks[row].begin + blocks[row].length] for row in rows]
    )
    return Batch(tuple(rows), inputs, torch.zeros_like(inputs), torch.ones_like(inputs))
