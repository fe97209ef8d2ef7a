"""What a set of predictions is worth: accuracy, macro-F1, recall, precision, and where the mistakes go.

Labels are numbers from 0; a prediction of -1 is none at all, and wrong. How honest the probabilities are is measured in
`streamwatch.learning.reliability`.

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
    """The share of examples with the right label; 0 when there is none."""
    return _ratio(np.sum(labels == predicted), len(labels))


def recall(labels: Ints, predicted: Ints, label: int) -> float:
    """The share of the examples with `label` that were found; 0 when there is none."""
    return _ratio(np.sum((labels == label) & (predicted == label)), np.sum(labels == label))


def precision(labels: Ints, predicted: Ints, label: int) -> float:
    """The share of the predictions of `label` that are right; 0 when there is none.

    >>> precision(np.array([0, 0, 1]), np.array([0, 1, 1]), 1)
    0.5
    """
    return _ratio(np.sum((labels == label) & (predicted == label)), np.sum(predicted == label))


def f1(labels: Ints, predicted: Ints, label: int) -> float:
    """The harmonic mean of precision and recall of `label`."""
    hits = np.sum((labels == label) & (predicted == label))
    return _ratio(2 * hits, np.sum(labels == label) + np.sum(predicted == label))


def macro_f1(labels: Ints, predicted: Ints, n_labels: int) -> float:
    """The mean F1 over the labels that occur in `labels`: rare ones count like common ones; 0 when there is none."""
    occurring = [f1(labels, predicted, k) for k in range(n_labels) if np.any(labels == k)]
    return _ratio(sum(occurring), len(occurring))


def macro_recall(labels: Ints, predicted: Ints, n_labels: int) -> float:
    """The mean recall over the labels that occur: 1 / k for a model that always says the same of k labels.

    >>> macro_recall(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]), 3)
    0.5
    """
    occurring = [recall(labels, predicted, k) for k in range(n_labels) if np.any(labels == k)]
    return _ratio(sum(occurring), len(occurring))


def confusion(labels: Ints, predicted: Ints, n_labels: int) -> Ints:
    """How often each label (row) was predicted as each (column), `(n_labels, n_labels + 1)`; the last column is none.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, -1]), 2).tolist()
    [[1, 1, 0], [0, 0, 1]]
    """
    columns = np.where(predicted < 0, n_labels, predicted)
    counts = np.bincount(labels * (n_labels + 1) + columns, minlength=n_labels * (n_labels + 1))
    return counts.reshape(n_labels, n_labels + 1)


def selective_accuracy(confidence: Floats, right: NDArray[np.bool_], coverage: float) -> float:
    """The accuracy of the `coverage` most confident part (El-Yaniv and Wiener 2010); ties are taken as they came.

    >>> selective_accuracy(np.array([0.9, 0.5, 0.8, 0.4]), np.array([True, False, True, False]), 0.5)
    1.0
    """
    n = max(round(coverage * len(confidence)), min(len(confidence), 1))
    surest = np.argsort(-confidence, kind="stable")[:n]
    return _ratio(float(np.sum(right[surest])), n)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
