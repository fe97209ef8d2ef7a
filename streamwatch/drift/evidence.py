"""The evidence of all alternatives together: one number, and one promise.

Each alternative keeps a Shiryaev–Roberts statistic on the clock of documents: `M ← (M + n)·e` after a step of n documents whose
e-value is e. While nothing changes E[e] ≤ 1, so E[M] grows by at most a document a document; so does a mean of many such M
with fixed weights. An alarm when that mean reaches A therefore comes, on average, after A documents at least: over all
alternatives and monitors together, with no correction for their number. What costs is the weight: log(1/w) more evidence.

n is the number of documents that the alternative could have seen: one that sees nothing gathers nothing.

References: J. Shin, A. Ramdas, A. Rinaldo, "E-detectors", arXiv:2203.03532 (as `streamwatch.detection.shiryaev_roberts`); E. S.
Page, "Continuous inspection schemes", Biometrika 41 (1954), for the onset.

Examples:
    >>> from math import exp
    >>> evidence = Evidence.fresh(2)
    >>> for bucket_ms in (10, 20, 30):
    ...     evidence.add(np.array([0.0, -1.0]), np.array([5.0, 5.0]), bucket_ms)
    >>> round(exp(evidence.log_mean(np.array([1.0, 0.0]))), 6)          # e = 1: as many as documents
    15.0
    >>> evidence.add(np.array([3.0, 3.0]), np.array([5.0, 5.0]), 40)
    >>> evidence.onset_ms.tolist()                             # since when it speaks for a change
    [40, 40]
"""

from math import inf, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Evidence:
    """Of each alternative: log M, Page's CUSUM of log e, and the bucket in which that last left zero."""

    def __init__(self, log_m: Floats, cusum: Floats, onset_ms: NDArray[np.int64]) -> None:
        self.log_m, self.cusum, self.onset_ms = log_m, cusum, onset_ms

    @classmethod
    def fresh(cls, n: int) -> "Evidence":
        """None yet, of n alternatives."""
        return cls(np.full(n, -inf), np.zeros(n), np.zeros(n, dtype=np.int64))

    def add(self, log_e: Floats, n: Floats, bucket_ms: int) -> None:
        """A step that began with `bucket_ms`: the log e-values, and the documents that each alternative could see."""
        with np.errstate(divide="ignore"):
            self.log_m = np.logaddexp(self.log_m, np.log(n)) + log_e
        self.onset_ms = np.where(self.cusum > 0, self.onset_ms, bucket_ms)
        self.cusum = np.maximum(0.0, self.cusum + log_e)

    def log_parts(self, weights: Floats) -> Floats:
        """log of each alternative's part of the mean; the weights sum to 1 at most."""
        with np.errstate(divide="ignore"):
            parts: Floats = self.log_m + np.log(weights)
        return parts

    def log_mean(self, weights: Floats) -> float:
        """log of the weighted mean of M."""
        return log_sum(self.log_parts(weights))


def log_sum(logs: Floats) -> float:
    """log Σ eˣ.

    >>> log_sum(np.array([-inf, -inf]))
    -inf
    """
    largest = float(logs.max(initial=-inf))
    return largest + log(float(np.exp(logs - largest).sum())) if largest > -inf else -inf
