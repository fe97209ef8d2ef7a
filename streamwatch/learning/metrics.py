"""What a set of predictions is worth: accuracy, macro-F1, recall, calibration error.

Examples:
    >>> labels, predicted = np.array([0, 0, 1]), np.array([0, 1, 1])
    >>> round(accuracy(labels, predicted), 2), round(macro_f1(labels, predicted, 2), 2), recall(labels, predicted, 0)
    (0.67, 0.67, 0.5)
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def accuracy(labels: Ints, predicted: Ints) -> float:
    """The share of examples with the right label."""
    return float(np.mean(labels == predicted))


def recall(labels: Ints, predicted: Ints, label: int) -> float:
    """The share of the examples with `label` that were found; 0 when there is none."""
    return _ratio(np.sum((labels == label) & (predicted == label)), np.sum(labels == label))


def f1(labels: Ints, predicted: Ints, label: int) -> float:
    """The harmonic mean of precision and recall of `label`."""
    hits = np.sum((labels == label) & (predicted == label))
    return _ratio(2 * hits, np.sum(labels == label) + np.sum(predicted == label))


def macro_f1(labels: Ints, predicted: Ints, n_labels: int) -> float:
    """The mean F1 over the labels that occur in `labels`: rare ones count like common ones."""
    return float(np.mean([f1(labels, predicted, k) for k in range(n_labels) if np.any(labels == k)]))


def expected_calibration_error(p: Floats, labels: Ints, n_bins: int = 15) -> float:
    """ECE (Guo et al., arXiv 1706.04599): the mean gap between confidence and accuracy over bins of confidence.

    `p` is (n, k), its rows sum to 1. 0 is perfect; .05 means probabilities are five points off on average.

    >>> round(expected_calibration_error(np.array([[0.8, 0.2], [0.8, 0.2]]), np.array([0, 1])), 2)
    0.3
    """
    confidence, right = p.max(1), (p.argmax(1) == labels).astype(float)
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = [abs(confidence[bins == b].sum() - right[bins == b].sum()) for b in range(n_bins)]
    return float(sum(gaps) / max(len(labels), 1))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
