"""The losses a student is trained on, against what they are by hand."""

import math
from types import SimpleNamespace

import pytest
import torch

from analog_bench.hwa.span_batches import SpanBatch
from training.distil_loss import distillation_losses

MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
BATCH = SpanBatch(
    torch.zeros_like(MASK), torch.zeros_like(MASK), MASK, torch.tensor([[1, 2], [0, 1]])
)


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def output(seed=0):
    return SimpleNamespace(
        start_logits=drawn(seed, 2, 4),
        end_logits=drawn(seed + 1, 2, 4),
        hidden_states=[drawn(seed + 2, 2, 4, 3), drawn(seed + 3, 2, 4, 3)],
    )


def test_a_student_like_its_teacher_has_only_the_truth_left():
    losses = distillation_losses(output(), output(), BATCH)
    assert float(losses.states) == 0
    assert float(losses.answers) == pytest.approx(0, abs=1e-7)
    assert float(losses.truth) > 0


def test_values_by_hand():
    even, sure = output(), output()
    even.start_logits = even.end_logits = torch.zeros(2, 4)
    sure.start_logits = torch.tensor([[0.0, 50, 0, 0], [50.0, 0, 0, 0]])
    sure.end_logits = torch.tensor([[0.0, 0, 50, 0], [0.0, 50, 0, 0]])
    losses = distillation_losses(even, sure, BATCH)
    # Four and two places, and the teacher is both sure and right.
    by_hand = (math.log(4) + math.log(2)) / 2
    assert float(losses.answers) == pytest.approx(by_hand, abs=1e-5)
    assert float(losses.truth) == pytest.approx(by_hand, abs=1e-5)
    assert float(losses.total(7.0, 2.0, 1.0)) == pytest.approx(3 * by_hand, abs=1e-4)


def test_states_count_as_a_share_of_the_teachers_variance():
    own, taught = output(), output(5)
    real = MASK.bool()
    mean = [hidden[real].mean(0) for hidden in taught.hidden_states]
    own.hidden_states = [m.expand(2, 4, 3) for m in mean]
    assert float(distillation_losses(own, taught, BATCH).states) == pytest.approx(1.0)


def test_padding_counts_for_nothing():
    own, taught = output(), output(5)
    before = distillation_losses(own, taught, BATCH).numbers()
    for one in (own, taught):
        for tensor in (one.start_logits, one.end_logits, *one.hidden_states):
            tensor[1, 2:] = drawn(9, *tensor[1, 2:].shape) * 30
    assert distillation_losses(own, taught, BATCH).numbers() == pytest.approx(before)
