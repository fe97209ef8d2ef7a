"""How surprising the negatives of some hours are: what the overview is sorted by.

    z = (k − Σ n·p) ÷ √( Σ n·p·q·(1 + (m − 1)·ρ)·v + (s·Σ n·p·q)² )

k negatives came in hours that hold n documents each, where the usual share of the hour is p (q = 1 − p). ρ is the series'
overdispersion between minutes, m the documents of a mean minute of the hour, v the variance inflation of neighbouring
minutes, s the standard error of the level's log-odds. So z says how many standard deviations the hours stand above what is
usual, as the share test sees the series. It is for sorting, and no test: nothing is alarmed on it.

Examples:
    >>> round(surprise([50, 50], 40, [0.2, 0.2], rho=0.01, inflation=1.0, level_error=0.05), 1)
    4.9
    >>> round(surprise([50, 50], 20, [0.2, 0.2], rho=0.01, inflation=1.0, level_error=0.05), 1)
    0.0
    >>> surprise([0, 0], 0, [0.2, 0.2], 0.01, 1.0, 0.05)
    0.0
"""

from collections.abc import Sequence
from math import sqrt

MINUTES = 60
"""Detection buckets of an hour: ρ is measured between them."""


def surprise(
    n: Sequence[int], k: int, p: Sequence[float], rho: float, inflation: float, level_error: float
) -> float:  # fmt: skip
    """z of `k` negatives in hours of `n` documents whose usual shares are `p`."""
    expected = spread = variance = 0.0
    for documents, share in zip(n, p, strict=True):
        binomial = documents * share * (1 - share)
        expected += documents * share
        spread += binomial
        variance += binomial * (1 + max(documents / MINUTES - 1, 0.0) * rho)
    sd = sqrt(variance * inflation + (level_error * spread) ** 2)
    return (k - expected) / sd if sd else 0.0
