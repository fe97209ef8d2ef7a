"""The gate's statistics: pure functions of what each model got right of the same documents.

The difference of a document is the candidate's share of right labels minus the incumbent's: −1, 0 or 1 with one task, halves
with two. Both models answered the same documents, so differences are resampled and not models: what both find hard
cancels. The bootstrap (Efron 1979) is of the weighted mean; documents with the same difference and weight are one
group, of which a resample takes a multinomial number, so that ten thousand resamples of any number of documents cost
milliseconds.

A test of many slices is Holm's (1979): the smallest p is multiplied by the number of slices, the next by one fewer.
Then the probability that any equal slice is called worse is at most the level.

Examples:
    >>> gain = resampled(np.array([1.0] * 60 + [-1.0] * 20 + [0.0] * 920))
    >>> round(gain.mean, 2), 0.02 < gain.lower(0.05) < 0.03, gain.p_at_most(0.0) < 0.001
    (0.04, True, True)
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Floats = NDArray[np.float64]

N_DRAWS = 10_000
"""Resamples: the 5 % quantile then rests on 500 of them, and p has a grain of 1 in 10,000, enough for fifty slices."""
SEED = 20
"""Any; always the same, so that the same answers give the same verdict."""
CELLS = 20_000_000
"""Of a resample's counts held at once: 160 MB."""
POWER = 0.8
"""With which a further sample should find the gain that was seen: the usual one."""


class Resampled(NamedTuple):
    """A weighted mean and its sorted bootstrap distribution."""

    mean: float
    draws: Floats
    n: int

    def lower(self, level: float) -> float:
        """The one-sided lower bound: the truth lies below it with probability `level`."""
        return float(np.quantile(self.draws, level, method="lower")) if self.n else -1.0

    def upper(self, level: float) -> float:
        """The one-sided upper bound."""
        return float(np.quantile(self.draws, 1 - level, method="higher")) if self.n else 1.0

    def p_at_most(self, value: float) -> float:
        """The p of "the truth is at most `value`": small where the mean is surely larger."""
        return float((1 + np.sum(self.draws <= value)) / (1 + len(self.draws)))

    def p_at_least(self, value: float) -> float:
        """The p of "the truth is at least `value`": small where the mean is surely smaller."""
        return float((1 + np.sum(self.draws >= value)) / (1 + len(self.draws)))


def resampled(difference: Floats, weight: Floats | None = None, seed: int = SEED) -> Resampled:
    """The bootstrap of the weighted mean of `(n,)` differences; weights are 1 where none are given."""
    n = len(difference)
    if not n:
        return Resampled(0.0, np.zeros(1), 0)
    pairs = np.stack([difference, np.ones(n) if weight is None else weight], axis=1)
    groups, counts = np.unique(pairs, axis=0, return_counts=True)
    value, w = groups[:, 0], groups[:, 1]
    random = np.random.default_rng(seed)
    rows = max(1, CELLS // len(groups))
    parts = [min(rows, N_DRAWS - start) for start in range(0, N_DRAWS, rows)]
    drawn = [_means(random.multinomial(n, counts / n, size=size), value, w) for size in parts]
    return Resampled(float(_means(counts[None, :], value, w)[0]), np.sort(np.concatenate(drawn)), n)


def _means(counts: NDArray[np.int64], value: Floats, weight: Floats) -> Floats:
    """The weighted mean of each row of `(draws, groups)` counts."""
    means: Floats = (counts @ (value * weight)) / (counts @ weight)
    return means


def worth(weight: Floats) -> int:
    """How many documents of equal weight say as much as these of `(n,)` weights (Kish 1965).

    >>> worth(np.ones(300)), worth(np.array([1.0] * 100 + [9.0] * 100))
    (300, 122)
    """
    return round(float(weight.sum() ** 2 / (weight @ weight))) if len(weight) else 0


def holm(p: Sequence[float]) -> list[float]:
    """The adjusted p of each test, in their order."""
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, p[i] * (len(p) - rank)))
        adjusted[i] = largest
    return adjusted


def documents_needed(difference: Floats, target: float, level: float) -> int | None:
    """How many documents would show that the mean lies above `target`, if it is what it seems; None if it seems not to.

    With a power of 80 %, by the normal approximation.

    >>> documents_needed(np.array([1.0] * 12 + [-1.0] * 8 + [0.0] * 80), 0.0, 0.05)
    775
    """
    if len(difference) < 2 or difference.mean() <= target:
        return None
    z = norm.isf(level) + norm.isf(1 - POWER)
    return int(np.ceil((z * difference.std(ddof=1) / (difference.mean() - target)) ** 2))
