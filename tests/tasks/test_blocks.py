"""Blocks of a text: every token predicted once, no padding, samples that nest."""

import pytest
import torch

from analog_bench.errors import UsageError
from analog_bench.tasks.text_blocks import Block, cut, make_batches, sample

SHAPES = [(2, 8, 4), (9, 8, 4), (10, 8, 8), (13, 8, 4), (100, 8, 3), (101, 16, 16), (57, 10, 1)]


@pytest.mark.parametrize(("tokens", "length", "stride"), SHAPES)
def test_every_token_but_the_first_is_scored_exactly_once(tokens, length, stride):
    scored = [
        place
        for block in cut(tokens, length, stride)
        for place in range(block.first_scored, block.first_scored + block.scored)
    ]
    assert scored == list(range(1, tokens))


@pytest.mark.parametrize(("tokens", "length", "stride"), SHAPES)
def test_blocks_are_full_and_lie_in_the_text(tokens, length, stride):
    blocks = cut(tokens, length, stride)
    for block in blocks:
        assert block.length == min(length, tokens - 1)
        assert block.begin >= 0
        # The last prediction is of a token of the text.
        assert block.begin + block.length < tokens
        assert 1 <= block.scored <= block.length


@pytest.mark.parametrize(("tokens", "length", "stride"), SHAPES)
def test_context_is_at_least_length_less_stride(tokens, length, stride):
    for block in cut(tokens, length, stride)[1:]:
        assert block.length - block.scored >= length - stride


def test_the_scheme_in_numbers():
    assert cut(11, 6, 3) == [Block(0, 6, 6), Block(3, 6, 3), Block(4, 6, 1)]


@pytest.mark.parametrize("stride", [0, 9, -1])
def test_a_stride_that_leaves_tokens_out_is_refused(stride):
    with pytest.raises(UsageError, match="stride must be 1 to 8"):
        cut(100, 8, stride)


@pytest.mark.parametrize("tokens", [0, 1])
def test_a_text_without_a_second_token_is_refused(tokens):
    with pytest.raises(UsageError, match="nothing to predict"):
        cut(tokens, 8, 4)


def test_samples_nest_and_stay_in_order():
    blocks = cut(2000, 8, 4)
    few, more = sample(blocks, 20), sample(blocks, 60)
    assert set(few) < set(more)
    assert [b.begin for b in more] == sorted(b.begin for b in more)
    # Spread over the text: something of each quarter.
    assert {b.begin * 4 // 2000 for b in more} == {0, 1, 2, 3}
    assert sample(blocks, len(blocks)) == blocks


@pytest.mark.parametrize("count", [0, 5])
def test_a_sample_larger_than_the_text_is_refused(count):
    with pytest.raises(UsageError, match="examples"):
        sample(cut(20, 8, 4), count)


def test_batches_hold_the_tokens_unpadded_and_bounded():
    ids = torch.arange(100, 200)
    blocks = cut(100, 8, 4)
    batches = make_batches(blocks, ids, batch_tokens=30)
    assert sorted(row for batch in batches for row in batch.windows) == list(range(len(blocks)))
    for batch in batches:
        assert batch.input_ids.numel() <= 30
        assert batch.attention_mask.all()
        for row, inputs in zip(batch.windows, batch.input_ids, strict=True):
            begin = blocks[row].begin
            assert inputs.tolist() == ids[begin : begin + blocks[row].length].tolist()


def test_a_block_longer_than_a_batch_makes_its_own():
    batches = make_batches(cut(40, 16, 16), torch.arange(40), batch_tokens=4)
    assert [tuple(batch.input_ids.shape) for batch in batches] == [(1, 16)] * 3


def test_blocks_of_unequal_length_never_share_a_batch():
    blocks = [Block(0, 4, 4), Block(2, 6, 2), Block(1, 4, 1), Block(0, 6, 6)]
    batches = make_batches(blocks, torch.arange(20), batch_tokens=100)
    assert [(batch.windows, batch.input_ids.shape[1]) for batch in batches] == [
        ((1, 3), 6),
        ((0, 2), 4),
    ]
