"""The order of training windows: whole passes, from any step on, with the right answers."""

import pytest
import torch

from analog_bench.errors import DataError
from analog_bench.hwa.span_batches import SpanBatches
from analog_bench.tasks.qa_windows import WindowLimits
from tests.tiny_teacher import VOCABULARY, questions_of, teacher_of
from training.span_features import collate, span_features

LIMITS = WindowLimits(20, 4)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return teacher_of(tmp_path_factory.mktemp("teacher")).tokenizer


@pytest.fixture(scope="module")
def batches(tokenizer):
    return SpanBatches(questions_of(), tokenizer, LIMITS, 5, seed=3)


def rows(batch):
    real = batch.attention_mask.sum(1).tolist()
    return [
        (*ids[:length].tolist(), *types[:length].tolist(), *span.tolist())
        for ids, types, span, length in zip(
            batch.input_ids, batch.token_type_ids, batch.spans, real, strict=True
        )
    ]


def test_windows_and_answers_are_those_of_the_other_recipe(batches, tokenizer):
    features = span_features(questions_of(), tokenizer, LIMITS)
    assert len(batches) == len(features) > 24
    one = collate([features[n] for n in range(len(features))])
    found = batches.sample(len(features))
    assert torch.equal(found.input_ids, one["input_ids"])
    assert torch.equal(found.token_type_ids, one["token_type_ids"])
    assert torch.equal(found.attention_mask, one["attention_mask"])
    assert found.spans.tolist() == list(
        map(list, zip(one["start_positions"].tolist(), one["end_positions"].tolist(), strict=True))
    )


def test_a_pass_holds_every_window_once_but_for_the_rest(batches):
    every = sorted(rows(batches.sample(len(batches))))
    for lap in range(2):
        steps = range(lap * batches.per_pass, (lap + 1) * batches.per_pass)
        seen = [row for step in steps for row in rows(batches.of_step(step))]
        assert len(seen) == batches.per_pass * 5
        assert all(seen.count(row) <= every.count(row) for row in seen)


def test_a_step_gets_the_same_windows_in_any_order_of_asking(batches, tokenizer):
    again = SpanBatches(questions_of(), tokenizer, LIMITS, 5, seed=3)
    steps = [7, 0, batches.per_pass, 3]
    first = {step: rows(batches.of_step(step)) for step in sorted(steps)}
    assert {step: rows(again.of_step(step)) for step in steps} == first
    other = SpanBatches(questions_of(), tokenizer, LIMITS, 5, seed=4)
    assert rows(other.of_step(0)) != first[0]
    assert first[0] != first[batches.per_pass]


def test_windows_of_a_batch_are_of_like_length(tokenizer):
    many = SpanBatches(questions_of(400), tokenizer, WindowLimits(40, 4), 8, seed=3)
    share = [
        float(many.of_step(step).attention_mask.float().mean()) for step in range(many.per_pass)
    ]
    assert sum(share) / len(share) > 0.97


def test_tokens_are_counted(batches):
    counts = batches.token_counts(len(VOCABULARY))
    sample = batches.sample(len(batches))
    assert int(counts.sum()) == int(sample.attention_mask.sum())
    assert int(counts[VOCABULARY.index("[CLS]")]) == len(batches)
    assert len(batches.sample(4).input_ids) == 4


def test_too_few_windows_for_a_batch(tokenizer):
    with pytest.raises(DataError, match=r"windows to train on are too few for batches of 500"):
        SpanBatches(questions_of(3), tokenizer, LIMITS, 500, seed=3)
