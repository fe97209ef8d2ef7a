"""The Shiryaev–Roberts e-detector: when has there been enough evidence that something changed at some time?

For each alternative j the statistic `M_j ← (M_j + 1)·f_j/f₀` adds up the evidence for a change at every earlier
bucket. Under the null the mean of the M_j grows by at most 1 a bucket, so the average number of buckets to a false
alarm at `mean ≥ A` is at least A: for any volume, any null in the class, and however often the open bucket is looked
at (the ratio is a martingale document by document). An empty bucket has ratio 1, so a gap of g buckets adds g: gaps
cost nothing.

Reference: J. Shin, A. Ramdas, A. Rinaldo, "E-detectors: a nonparametric framework for sequential change detection",
arXiv:2203.03532, definition 2.2 and theorem 2.4. We keep three alternatives with fixed weights instead of their
adaptive grid; the mean is weighted by them.

Examples:
    >>> detector = ShiryaevRoberts.fresh(2)
    >>> for _ in range(3):
    ...     detector.close((0.0, 0.0))
    >>> round(exp(detector.log_mean((0.5, 0.5))), 6)          # three buckets without evidence
    3.0
    >>> round(exp(detector.preview((2.0, 1.0), (0.5, 0.5))), 3)   # the open bucket, not yet closed
    20.215
    >>> detector.skip(10)
    >>> round(exp(detector.log_mean((0.5, 0.5))), 6)
    13.0
"""

from collections.abc import Sequence
from math import exp, inf, log, log1p

import msgspec


class ShiryaevRoberts(msgspec.Struct, array_like=True):
    """log M_j of each alternative; −∞ before the first bucket."""

    log_m: list[float]

    @classmethod
    def fresh(cls, n_alternatives: int) -> "ShiryaevRoberts":
        """No evidence yet."""
        return cls([-inf] * n_alternatives)

    def close(self, log_ratios: Sequence[float]) -> None:
        """End a bucket whose documents had these log likelihood ratios."""
        self.log_m = [_log_add(m, 0.0) + ratio for m, ratio in zip(self.log_m, log_ratios, strict=True)]

    def skip(self, n_buckets: int) -> None:
        """Pass over empty buckets."""
        if n_buckets > 0:
            self.log_m = [_log_add(m, log(n_buckets)) for m in self.log_m]

    def preview(self, log_ratios: Sequence[float], weights: Sequence[float]) -> float:
        """log of the mean of M, were the open bucket to end now. The weights of the alternatives sum to 1."""
        ended = [_log_add(m, 0.0) + ratio for m, ratio in zip(self.log_m, log_ratios, strict=True)]
        return _log_mean(ended, weights)

    def log_mean(self, weights: Sequence[float]) -> float:
        """log of the mean of M over all closed buckets."""
        return _log_mean(self.log_m, weights)


def _log_add(a: float, b: float) -> float:
    """log(eᵃ + eᵇ) without overflow."""
    if a < b:
        a, b = b, a
    return a + log1p(exp(b - a)) if b > -inf else a


def _log_mean(logs: Sequence[float], weights: Sequence[float]) -> float:
    largest = max(logs)
    if largest == -inf:
        return -inf
    return largest + log(sum(weight * exp(value - largest) for value, weight in zip(logs, weights, strict=True)))
