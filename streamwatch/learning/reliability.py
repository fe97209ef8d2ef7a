"""Whether probabilities mean what they say: the expected calibration error, corrected for chance, with its interval.

Texts are sorted by confidence into 15 bins of equal mass. A bin's gap is the difference of its mean confidence and the
share of it that is right, and the plain error is the mean gap A (Guo et al., arXiv 1706.04599). It is never 0: of 1,000
texts each bin has 67, and the gaps that chance makes there average .03 even when every probability is true. That part, N,
is found by consistency resampling (Bröcker and Smith 2007): outcomes are drawn from the stated probabilities themselves.
Chance and a true gap add up like variances, so that what is left is √(A² − N²), the step that Kumar et al.
(arXiv 1909.10155) take for the squared error, here for the absolute one. With A < N it is −√(N² − A²), so that a perfect
model measures 0 on average; only what people read is clipped at 0.

In `tests/unit/test_evaluate_reliability.py` the truth is known.

Examples:
    >>> says = np.full(2000, 0.8)
    >>> right = np.arange(2000) % 2 == 0  # says .8, is right in one of two
    >>> made = calibration(says, right)
    >>> round(made.ece, 2), made.low < 0.3 < made.high
    (0.3, True)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

N_BINS = 15
"""Bins of equal mass: Guo et al. use 15, and equal mass leaves none of them empty."""

N_DRAWS = 2000
"""Resamples: the ends of a 95 % interval then rest on 50 draws each, and 15 bins of 2,000 take milliseconds."""

SEED = 15
"""Any; always the same, so that the same predictions give the same figures."""

INTERVAL = (0.025, 0.975)


class Calibration(NamedTuple):
    """The expected calibration error and its bootstrap 95 % interval.

    `ece` is below 0 where the gaps are smaller than chance makes them; `low` and `high` are clipped at 0.
    """

    ece: float
    low: float
    high: float

    @property
    def shown(self) -> float:
        """The error as people read it: not below 0."""
        return max(self.ece, 0.0)


NOTHING_KNOWN = Calibration(0.0, 0.0, 1.0)
"""Of no texts."""


class _Bins(NamedTuple):
    """For each bin: how many texts (int64), their mean confidence, the share that is right (float64)."""

    n: NDArray[np.int64]
    confidence: Floats
    right: Floats


def expected_calibration_error(p: Floats, labels: NDArray[np.int64], n_bins: int = N_BINS) -> Calibration:
    """The calibration of `(n, k)` probabilities, whose rows sum to 1, against `(n,)` labels.

    >>> expected_calibration_error(np.array([[0.99, 0.01]] * 500), np.zeros(500, dtype=np.int64)).shown < 0.02
    True
    """
    return calibration(p.max(1), p.argmax(1) == labels, n_bins) if len(labels) else NOTHING_KNOWN


def calibration(confidence: Floats, right: Bools, n_bins: int = N_BINS) -> Calibration:
    """The calibration of `(n,)` confidences, each of which was `right` or not."""
    if not len(confidence):
        return NOTHING_KNOWN
    bins = _binned(confidence, right, min(n_bins, len(confidence)))
    random = np.random.default_rng(SEED)
    chance = float(np.mean(_drawn_gaps(bins, bins.confidence, random)))
    gap = float(_mean_gap(bins, bins.right))
    drawn = _drawn_gaps(bins, bins.right, random)
    below, above = np.quantile(drawn - drawn.mean(), INTERVAL)
    low, high = _without_chance(gap - above, chance), _without_chance(gap - below, chance)
    return Calibration(_without_chance(gap, chance), max(low, 0.0), max(high, 0.0))


def _binned(confidence: Floats, right: Bools, n_bins: int) -> _Bins:
    """Bins of equal mass. The sort is stable, so that equal confidences fall as they came."""
    order = np.argsort(confidence, kind="stable")
    starts = np.linspace(0, len(order), n_bins + 1).astype(np.int64)
    n = np.diff(starts)
    sums = (np.add.reduceat(values[order].astype(np.float64), starts[:-1]) for values in (confidence, right))
    mean_confidence, share_right = (total / n for total in sums)
    return _Bins(n, np.minimum(mean_confidence, 1.0), share_right)


def _mean_gap(bins: _Bins, right: Floats) -> Floats:
    """The gap averaged over the texts: of `(bins,)` shares one number, of `(draws, bins)` one for each draw."""
    mean: Floats = np.abs(right - bins.confidence) @ bins.n / bins.n.sum()
    return mean


def _drawn_gaps(bins: _Bins, share: Floats, random: np.random.Generator) -> Floats:
    """Mean gaps `(draws,)` when each bin is right with probability `share`: resampling its outcomes is a binomial draw."""
    return _mean_gap(bins, random.binomial(bins.n, share, size=(N_DRAWS, len(bins.n))) / bins.n)


def _without_chance(gap: float, chance: float) -> float:
    """Monotone in `gap`, hence an interval of gaps becomes one of errors."""
    squared = max(gap, 0.0) ** 2 - chance**2
    return float(np.sign(squared) * np.sqrt(abs(squared)))
