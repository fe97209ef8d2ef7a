"""Temperature scaling (Guo et al., arXiv 1706.04599): one number a head that makes its probabilities honest.

Examples:
    >>> logits = np.array([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [4.0, 0.0]])
    >>> round(fit_temperature(logits, np.array([0, 0, 0, 1])), 1)  # so sure, and right in 3 of 4
    3.6
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from streamwatch.learning.metrics import Floats, Ints


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """The temperature that minimises the log loss of `logits` (n, k) on `labels` (n,); 1 when there are none.

    Searched between .2 and 5 on the log scale: beyond that the head is broken and no temperature mends it.
    """
    if len(labels) == 0:
        return 1.0
    found = minimize_scalar(
        lambda t: _log_loss(logits / np.exp(t), labels), bounds=(np.log(0.2), np.log(5.0)), method="bounded"
    )
    return float(np.exp(found.x))


def _log_loss(logits: Floats, labels: Ints) -> float:
    return float(-np.mean(log_softmax(logits, axis=1)[np.arange(len(labels)), labels]))
