"""Scores of predicted labels, held against torchmetrics and against worked examples."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import (
    binary_f1_score,
    multiclass_accuracy,
    multiclass_f1_score,
    multiclass_matthews_corrcoef,
)

from analog_bench.tasks.label_scores import accuracy, confusion, label_f1, matthews


@st.composite
def labelled(draw):
    labels = draw(st.integers(2, 5))
    count = draw(st.integers(1, 40))
    one = st.lists(st.integers(0, labels - 1), min_size=count, max_size=count)
    return labels, draw(one), draw(one)


@given(labelled())
def test_they_are_those_of_torchmetrics(case):
    labels, predicted, truth = case
    counts = confusion(predicted, truth, labels)
    pair = torch.tensor(predicted), torch.tensor(truth)
    micro = multiclass_accuracy(*pair, num_classes=labels, average="micro")
    assert accuracy(counts) == pytest.approx(100 * float(micro), abs=1e-4)
    f1 = (
        binary_f1_score(*pair)
        if labels == 2
        else multiclass_f1_score(*pair, num_classes=labels, average="macro")
    )
    assert label_f1(counts) == pytest.approx(100 * float(f1), abs=1e-4)
    if len({*predicted}) > 1 and len({*truth}) > 1:  # torchmetrics has other numbers for 0 / 0
        expected = 100 * float(multiclass_matthews_corrcoef(*pair, num_classes=labels))
        assert matthews(counts) == pytest.approx(expected, abs=1e-3)


def test_a_worked_example():
    # 6 true positives, 3 false negatives, 1 false positive, 2 true negatives.
    truth = [1] * 9 + [0] * 3
    predicted = [1] * 6 + [0] * 3 + [1] + [0] * 2
    counts = confusion(predicted, truth, 2)
    assert counts.tolist() == [[2, 1], [3, 6]]
    assert accuracy(counts) == pytest.approx(100 * 8 / 12)
    assert label_f1(counts) == pytest.approx(100 * 12 / (12 + 1 + 3))
    assert matthews(counts) == pytest.approx(100 * (6 * 2 - 1 * 3) / (7 * 9 * 3 * 5) ** 0.5)


@pytest.mark.parametrize(("guess", "f1"), [(0, 0.0), (1, 200 / 3)])
def test_one_label_for_everything_correlates_with_nothing(guess, f1):
    counts = confusion([guess] * 4, [0, 1, 0, 1], 2)
    assert (accuracy(counts), matthews(counts)) == (50.0, 0.0)
    assert label_f1(counts) == pytest.approx(f1)


def test_on_balanced_labels_correlation_is_twice_the_accuracy_less_a_hundred():
    counts = confusion([0, 0, 0, 1, 1, 1, 1, 0], [0, 0, 0, 0, 1, 1, 1, 1], 2)
    assert matthews(counts) == pytest.approx(2 * accuracy(counts) - 100)
