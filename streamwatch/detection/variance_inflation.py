"""How much more slowly evidence gathers than it seems, because neighbouring buckets err together.

A share that wanders for hours makes thirty buckets agree that are one observation. The residuals z of the buckets
(standardised, so that one bucket alone has variance 1) are summed with an exponential memory of `MEMORY_MS`; for
independent buckets that sum has a known variance, and how many times larger it is, is the variance inflation: 1 for
independent buckets, some 2τ for a share that wanders with a memory of τ buckets and drowns the sampling noise.

The detector divides its log likelihood ratios by it. A likelihood ratio to a power η ≤ 1 has expectation ≤ 1 under the
null as the ratio itself has (Jensen), so the promise of the e-detector is kept whatever is estimated here; what is gained
is that it is kept as well where buckets are not independent.

References: L. Kish, "Survey Sampling" (1965), design effects; P. Grünwald, T. van Ommen, "Inconsistency of Bayesian
inference for misspecified linear models, and a proposal for repairing it", Bayesian Analysis 12 (2017), the power η.

Examples:
    >>> inflation = VarianceInflation()
    >>> for i in range(2000):
    ...     inflation.add(1.0 if i % 2 else -1.0, 600_000 * i, 600_000)
    >>> inflation.factor
    1.0
    >>> for i in range(2000, 4000):
    ...     inflation.add(1.0 if (i // 36) ** 2 % 7 < 2 else -1.0, 600_000 * i, 600_000)
    >>> inflation.factor > 10
    True
"""

from math import exp

import msgspec

from streamwatch.timeline import DAY_MS, HOUR_MS

MEMORY_MS = 6 * HOUR_MS
"""Longer than shares wander for no reason, shorter than the day's own cycle."""
HALF_LIFE_MS = 14 * DAY_MS
PRIOR_SUMS = 20.0
"""Weight of the prior (no inflation), in independent sums."""
LARGEST_Z = 4.0
LARGEST = 64.0


class VarianceInflation(msgspec.Struct, array_like=True):
    """`total` is the running sum of residuals and `spread` its variance were they independent; `square` and `expected` are
    discounted sums of total² and of spread.
    """

    total: float = 0.0
    spread: float = 0.0
    square: float = 0.0
    expected: float = 0.0
    weight: float = 0.0
    at_ms: int = 0

    @property
    def factor(self) -> float:
        """The variance inflation, at least 1."""
        if not self.expected:
            return 1.0
        independent = self.weight
        seen = (PRIOR_SUMS + independent * self.square / self.expected) / (PRIOR_SUMS + independent)
        return min(LARGEST, max(1.0, seen))

    def add(self, z: float, at_ms: int, bucket_ms: int) -> None:
        """Add the residual of a closed bucket; buckets in time order."""
        passed_ms = at_ms - self.at_ms if self.at_ms else 0
        kept = exp(-passed_ms / MEMORY_MS)
        z = max(-LARGEST_Z, min(LARGEST_Z, z))
        self.total = self.total * kept + z
        self.spread = self.spread * kept * kept + 1.0
        discount = 0.5 ** (passed_ms / HALF_LIFE_MS)
        self.square = self.square * discount + self.total * self.total
        self.expected = self.expected * discount + self.spread
        # Sums overlap: one is independent of the last once in two memories.
        self.weight = self.weight * discount + min(1.0, max(passed_ms, bucket_ms) / (2 * MEMORY_MS))
        self.at_ms = at_ms
