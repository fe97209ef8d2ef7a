"""How much the scores of a stream differ for no reason: within steps, and from one step to the next.

Documents of one hour share a subject, so the shares of steps differ by more than their sizes explain (the intra-class
correlation ρ, by moments, with a prior and a floor), and neighbouring steps err together (variance inflation, as in
`streamwatch.detection`). Both are learnt of a step only when `LAG_DOCUMENTS` more have been seen, and are dropped by an
alarm before: a change must not excuse itself by the spread that it makes.

Examples:
    >>> spread = Spread()
    >>> n, four, even, odd = (np.full(N_SCORES, float(x)) for x in (20, 4, 2, -2))
    >>> for i in range(400):
    ...     spread.hold(Step(i * 600_000, n, even if i % 2 else odd, four, four))
    >>> float(spread.rho[0]), float(spread.power[0])              # as even as coins
    (0.002, 1.0)
    >>> for i in range(400, 800):
    ...     spread.hold(Step(i * 600_000, n, even * 4 * (-1) ** (i // 90), four, four))
    >>> bool(spread.rho[0] > 0.05), bool(spread.power[0] < 0.5)
    (True, True)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamwatch.detection.variance_inflation import VarianceInflation
from streamwatch.drift.watched import N_SCORES

Floats = NDArray[np.float64]

LAG_DOCUMENTS = 1_000
"""Twice what a large change needs to be found."""
PRIOR_RHO, PRIOR_PAIRS = 0.005, 20_000.0
"""ρ before there is evidence and its weight in pairs of documents: a hundred steps of twenty have twice as many."""
FLOOR_RHO, CEILING_RHO = 0.002, 0.5
"""Shares of the same topics and sources differ less between steps than those of all documents, and are never binomial."""
WINSOR_VARIANCES = 9.0
"""A squared residual teaches at most so many variances: three standard deviations."""
NEGLIGIBLE = 1e-9
SMALLEST_BUCKET_MS = 10_000
N_FIELDS = 2 + 3 * N_SCORES


class Step(NamedTuple):
    """What a step says of the spread: when, and by score the documents, the residual sum, its variance as far as it is
    binomial, and what that would be were the means known."""

    at_ms: int
    n: Floats
    sums: Floats
    variance: Floats
    known: Floats


class Spread:
    """ρ and the power of evidence of each score.

    `waiting` holds rows (time, documents, n…, z…, excess…) that are not learnt yet.
    """

    def __init__(
        self,
        pairs: Floats | None = None,
        excess: Floats | None = None,
        inflations: list[VarianceInflation] | None = None,
        waiting: Floats | None = None,
    ) -> None:
        self.pairs = pairs if pairs is not None else np.zeros(N_SCORES)
        self.excess = excess if excess is not None else np.zeros(N_SCORES)
        self.inflations = inflations or [VarianceInflation() for _ in range(N_SCORES)]
        self.waiting = waiting if waiting is not None else np.zeros((0, N_FIELDS))

    @property
    def rho(self) -> Floats:
        """The intra-class correlation of the documents of a step, by score."""
        moments = (PRIOR_RHO * PRIOR_PAIRS + self.excess) / (PRIOR_PAIRS + self.pairs)
        return np.clip(moments, FLOOR_RHO, CEILING_RHO)

    @property
    def power(self) -> Floats:
        """To which evidence is raised: 1 where steps are independent."""
        return np.array([1 / inflation.factor for inflation in self.inflations])

    def variance(self, step: Step) -> Floats:
        """The variance of the step's residual sums with what the documents have in common."""
        made: Floats = step.variance + np.maximum(step.n - 1, 0) * self.rho * step.known
        return made

    def hold(self, step: Step) -> None:
        """Note a step, and learn those that are `LAG_DOCUMENTS` old."""
        variance = np.maximum(self.variance(step), NEGLIGIBLE)
        square = np.minimum(step.sums**2, WINSOR_VARIANCES * variance)
        mean = np.maximum(step.known, NEGLIGIBLE) / np.maximum(step.n, 1)
        row = [step.at_ms, step.n.max(), *step.n, *(step.sums / np.sqrt(variance)), *((square - step.variance) / mean)]
        self.waiting = np.concatenate([self.waiting, [row]])
        while len(self.waiting) > 1 and self.waiting[1:, 1].sum() >= LAG_DOCUMENTS:
            self._learn(self.waiting[0])
            self.waiting = self.waiting[1:]

    def settle(self) -> None:
        """Learn all that waits: the reference is complete, and nothing was tested yet."""
        for row in self.waiting:
            self._learn(row)
        self.waiting = self.waiting[:0]

    def _learn(self, row: Floats) -> None:
        at_ms, (n, z, excess) = int(row[0]), row[2:].reshape(3, N_SCORES)
        self.pairs += n * np.maximum(n - 1, 0)
        self.excess += excess
        for inflation, of_score in zip(self.inflations, z.tolist(), strict=True):
            inflation.add(of_score, at_ms, SMALLEST_BUCKET_MS)
