"""How rare a score is among the series' own: the threshold that keeps a promise.

The largest score of each block of eight hours (a bucket, when that is longer), to the power of .8, has a discounted mean and
variance (half-life 63 blocks: three weeks), each maximum winsorised at 2 standard deviations, so that incidents do not
teach what is usual. A Gumbel distribution with these moments says how many blocks in a week exceed a score by chance:
λ(score); the evidence is `−log λ`, the log of the weeks to one such block. It reaches far beyond what was seen: the power makes
the tail heavier than that of Gaussian maxima (a stretched exponential), and the threshold stands at an upper bound of
its estimate: a quantile K standard deviations above the mean is uncertain by `√((1 + K²/2) / n)` of them, and `CAUTION` times
that is added; few blocks, more caution.

The tail of the truth may still be heavier. So each onset raises the bar by `STEP` (log), and the bar falls by the same in
the time in which one onset is allowed: in T weeks there are at most `T·allowed + bar/STEP` onsets, whatever the distribution.

References: E. J. Gumbel, "Statistics of extremes" (1958); I. Gibbs, E. Candès, "Adaptive conformal inference under
distribution shift", NeurIPS 2021, the bar (theirs moves both ways, ours never below the promise).

Examples:
    >>> tail = OwnTail(TailState(), block_ms=8 * HOUR_MS)
    >>> for block in range(200):
    ...     tail.learn(block * 8 * HOUR_MS, 1.5 + block % 3 / 2)
    >>> round(exp(tail.evidence(2.5)), 2), exp(tail.evidence(5.0)) > 100       # weeks to one more such score
    (0.39, True)
"""

from math import exp, expm1, log, pi, sqrt

import msgspec

from streamwatch.timeline import HOUR_MS, WEEK_MS

BLOCK_MS = 8 * HOUR_MS
"""Three a day: a daily cycle that is not known yet shows in each third day at most."""
POWER = 0.8
PRIOR_MEAN, PRIOR_SD, PRIOR_BLOCKS = 1.6**POWER, 0.36, 12.0
"""Largest scores of a negative binomial series that is wholly understood."""
KEPT = 0.5 ** (1 / 63)
WINSOR_SD = 2.0
LEAST_SD = 0.05
CAUTION = 0.5
STEP = 0.25
EULER = 0.5772156649
GUMBEL = sqrt(6) / pi
"""Scale of a Gumbel distribution whose standard deviation is 1."""
MOST_BLOCKS_YOUNG = 12.0


class TailState(msgspec.Struct, array_like=True):
    """Moments of the blocks' maxima, the running block and its maximum, and the bar."""

    mean: float = PRIOR_MEAN
    variance: float = PRIOR_SD**2
    n: float = PRIOR_BLOCKS
    block: int = -1
    highest: float = 0.0
    bar: float = 0.0


class OwnTail:
    """The tail of one series; `state` is all that is kept."""

    def __init__(self, state: TailState, block_ms: int) -> None:
        self.state = state
        self._block_ms = block_ms
        self._blocks_a_week = WEEK_MS / block_ms

    def evidence(self, score: float) -> float:
        """log of the weeks in which chance brings one block with such a score, the bar taken off; grows with it."""
        above = (_bent(score) - self.state.mean) / sqrt(self.state.variance)
        reduced = _careful(above, CAUTION**2 / self.state.n) / GUMBEL + EULER
        exceeds = -expm1(-exp(-max(reduced, -5.0))) if reduced < 30 else exp(-min(reduced, 700.0))
        return -log(self._blocks_a_week * exceeds) - self.state.bar

    def learn(self, start_ms: int, score: float, young: bool = False) -> None:
        """The score of a closed bucket. A `young` series, whose shape is not known yet, forgets soon what it was."""
        block, state = start_ms // self._block_ms, self.state
        if block != state.block:
            if state.block >= 0:
                self._close(young)
            state.block, state.highest = block, score
        state.highest = max(state.highest, score)

    def spend(self) -> None:
        """An onset: the bar rises."""
        self.state.bar += STEP

    def earn(self, passed_ms: int, weeks_allowed: float) -> None:
        """Time passed in which one onset in `weeks_allowed` is allowed: the bar falls."""
        if self.state.bar:
            self.state.bar = max(0.0, self.state.bar - STEP * passed_ms / WEEK_MS / weeks_allowed)

    def _close(self, young: bool) -> None:
        state, sd = self.state, sqrt(self.state.variance)
        highest = min(_bent(state.highest), state.mean + WINSOR_SD * sd)
        state.n = state.n * KEPT + 1.0
        if young:
            state.n = min(state.n, MOST_BLOCKS_YOUNG)
        difference = highest - state.mean
        state.mean += difference / state.n
        state.variance += (difference * (highest - state.mean) - state.variance) / state.n
        state.variance = max(state.variance, LEAST_SD**2)


def _bent(score: float) -> float:
    return max(score, 0.0) ** POWER


def _careful(above: float, q: float) -> float:
    """The K < above that solves `above = K + √(q·(1 + K²/2))`."""
    if above * above <= q:
        return 0.0
    a = 1 - q / 2
    return (above - sqrt(max(0.0, above * above - a * (above * above - q)))) / a
