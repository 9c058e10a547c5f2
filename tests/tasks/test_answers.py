import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analog_bench.tasks.qa_answers import Span, best_spans, choose_answers
from analog_bench.tasks.qa_windows import Window
from analog_bench.tasks.token_batches import make_batches

LOGITS = st.sampled_from([-3.0, -1.0, 0.0, 0.5, 2.0]) | st.floats(-20, 20, width=32)


def window(question, context, example=0, tail=1):
    """[CLS] question [SEP] context [SEP], with context tokens of three characters each."""
    before = question + 2
    offsets = np.full((before + context + tail, 2), -1)
    offsets[before : before + context] = [(3 * n, 3 * n + 2) for n in range(context)]
    ids = np.arange(1, len(offsets) + 1)
    return Window(ids, (offsets[:, 0] >= 0).astype(np.int64), example, offsets)


def by_brute_force(starts, ends, offsets, most):
    best = None
    for first in range(len(offsets)):
        for last in range(first, min(first + most, len(offsets))):
            if offsets[first, 0] >= 0 and offsets[last, 0] >= 0:
                score = float(np.float32(starts[first]) + np.float32(ends[last]))
                if best is None or score > best.score:
                    best = Span(score, int(offsets[first, 0]), int(offsets[last, 1]))
    return best


@given(st.data())
def test_the_best_span_is_that_of_a_loop_over_all_spans(data):
    shapes = st.tuples(st.integers(1, 5), st.integers(1, 12))
    windows = [window(*shape) for shape in data.draw(st.lists(shapes, min_size=1, max_size=4))]
    most = data.draw(st.sampled_from([1, 2, 3, 30]))
    (batch,) = make_batches(windows, 0, 10_000)
    count = batch.input_ids.numel() * 2
    drawn = data.draw(st.lists(LOGITS, min_size=count, max_size=count))
    starts, ends = torch.tensor(drawn).reshape(2, *batch.input_ids.shape)
    found = best_spans(starts, ends, batch, windows, most)
    for row, index in enumerate(batch.windows):
        offsets = windows[index].offsets
        assert found[row] == by_brute_force(starts[row].numpy(), ends[row].numpy(), offsets, most)


def best(starts, ends, windows, most=30):
    (batch,) = make_batches(windows, 0, 10_000)
    return best_spans(torch.tensor([starts]), torch.tensor([ends]), batch, windows, most)[0]


def test_ties_go_to_the_earliest_start_and_then_the_shortest_span():
    zeros = [0.0] * 10
    assert best(zeros, zeros, [window(2, 5)]) == Span(0.0, 0, 2)
    assert best(zeros, [*[0.0] * 6, 1.0, 1.0, 0.0, 0.0], [window(2, 5)]) == Span(1.0, 0, 8)


def test_logits_outside_the_context_count_for_nothing():
    starts = [9.0, 9.0, 9.0, 9.0, 0.0, 0.0, 1.0, 0.0, 0.0, 9.0]
    ends = [9.0, 9.0, 9.0, 9.0, 9.0, 0.0, 0.0, 2.0, 0.0, math.nan]
    assert best(starts, ends, [window(2, 5)], most=2) == Span(9.0, 0, 2)
    ends[4] = 0.0
    assert best(starts, ends, [window(2, 5)], most=2) == Span(3.0, 6, 11)


def test_spans_are_no_longer_than_allowed():
    starts = [0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    ends = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 0.0]
    assert best(starts, ends, [window(2, 5)], most=5) == Span(10.0, 0, 14)
    assert best(starts, ends, [window(2, 5)], most=4) == Span(5.0, 0, 2)


@pytest.mark.parametrize("where", [4, 6, 8])
def test_a_logit_that_is_not_a_number_makes_the_score_not_a_number(where):
    logits = [0.0] * 10
    logits[where] = math.nan
    assert math.isnan(best(logits, [0.0] * 10, [window(2, 5)]).score)
    assert math.isnan(best([0.0] * 10, logits, [window(2, 5)]).score)


def test_half_precision_logits_on_their_way():
    (batch,) = make_batches([window(2, 5)], 0, 100)
    logits = torch.zeros(1, 10, dtype=torch.bfloat16)
    logits[0, 6] = 1.0
    assert best_spans(logits, logits, batch, [window(2, 5)], 30) == [Span(2.0, 6, 8)]


def test_a_question_gets_the_best_span_of_its_windows():
    windows = [window(1, 3, example) for example in (0, 0, 0, 1)]
    spans = [
        (3, Span(-7.0, 0, 3)),
        (2, Span(2.0, 4, 7)),
        (0, Span(1.0, 0, 3)),
        (1, Span(2.0, 8, 11)),
    ]
    contexts = ["one two three", "four five"]
    # Windows 1 and 2 tie: the earlier one wins, in whatever order they come.
    for order in (spans, spans[::-1]):
        assert choose_answers(order, windows, contexts) == ["thr", "fou"]
