"""Accuracy, F1 and Matthews correlation of predicted labels, in points (percent)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def confusion(predicted: Sequence[int], truth: Sequence[int], labels: int) -> NDArray[np.int64]:
    """Count pairs of labels, shape (true label, predicted label)."""
    counts = np.zeros((labels, labels), np.int64)
    np.add.at(counts, (np.asarray(truth), np.asarray(predicted)), 1)
    return counts


def accuracy(counts: NDArray[np.int64]) -> float:
    """Return the share of correct labels, in percent."""
    return 100.0 * float(np.trace(counts)) / float(counts.sum())


def label_f1(counts: NDArray[np.int64]) -> float:
    """Return F1 = 2 TP / (2 TP + FP + FN), in percent.

    With two labels it is that of label 1, as in GLUE. With more it is the plain mean over the
    labels that occur in truth or prediction (macro). A label that is never predicted correctly has
    0.
    """
    both = counts.sum(axis=0) + counts.sum(axis=1)
    own = 200.0 * np.diag(counts) / np.maximum(both, 1)
    return float(own[1] if len(counts) == 2 else own[both > 0].mean())


def matthews(counts: NDArray[np.int64]) -> float:
    """Return the correlation of predicted and true labels, for any number of labels.

    It is R_K (Gorodkin 2004, Comput. Biol. Chem. 28, 367); 0 if all true or all predicted labels
    are the same.
    """
    true, predicted = counts.sum(axis=1).astype(float), counts.sum(axis=0).astype(float)
    total = float(counts.sum())
    covariance = float(np.trace(counts)) * total - float(true @ predicted)
    spread = (total**2 - float(true @ true)) * (total**2 - float(predicted @ predicted))
    return 100.0 * covariance / spread**0.5 if spread > 0 else 0.0
