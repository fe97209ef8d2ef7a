"""Do texts lie where texts of the same topic and source lay before?

The residual r of a step is the sum of its documents' vectors (64 coordinates of the projection, 64 random Fourier
features) less what the reference lets expect. Where it points is not known beforehand, so it is learnt: θ is the mean
residual of the latest documents *before* the step, whitened by the residuals' covariance C, shrunk by what noise alone would
make of it (James and Stein 1961) and never longer than `LONGEST`. The step's log e-value is that of a shift along θ,

    θ·r − margin·n·|θ| − ψ(|θ|)·V,     |θ|² = θ'Cθ

with Bernstein's ψ for sums that are nearly Gaussian. That is a two-sample test by betting (Shekhar, Ramdas 2023)
with the mean embedding of a kernel (Gretton et al. 2012) as payoff. Two memories bet side by side, a short one and a long one.

References: S. Shekhar, A. Ramdas, "Nonparametric two-sample testing by betting", IEEE Trans. Inf. Theory 70 (2023); A.
Gretton et al., "A kernel two-sample test", JMLR 13 (2012).
"""

from math import exp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamwatch.detection.variance_inflation import VarianceInflation
from streamwatch.drift.alternatives import N_SCALES
from streamwatch.drift.fourier import N_FEATURES
from streamwatch.drift.spread import LAG_DOCUMENTS, SMALLEST_BUCKET_MS
from streamwatch.records import PROJECTION_BYTES

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

DIMENSION = PROJECTION_BYTES + N_FEATURES
UNITS = np.array([40.0] * PROJECTION_BYTES + [100.0] * N_FEATURES)
"""What makes a coordinate and a feature 1 (`projection.SCALE`, `fourier.UNIT`)."""
MEMORIES = (150.0, 600.0)
"""Documents in which a bet's direction forgets: a fast change, and a slow or small one."""
assert len(MEMORIES) == N_SCALES
ROWS_AT_ONCE = 10
"""Steps that are learnt together, so that the covariance is inverted once for ten."""
PRIOR_ROWS = 64.0
"""Weight of the prior covariance, diagonal, in steps."""
PRIOR_VARIANCE = 0.3
"""Of one coordinate within a stratum: most is learnt from the diagonal itself."""
LONGEST = 0.5
"""Standard deviations of the shift that is bet on: beyond it few documents are needed anyway."""
TAIL = 1.0
"""Standard deviations by which a single document's payoff may exceed a Gaussian's: Bernstein's constant."""
MARGIN = 0.08
"""Standard deviations that may move without being drift."""
PRIOR_BETS, PRIOR_DISPERSION = 30.0, 1.5
"""Weight, in steps, of what the squares of bets are taken to be of the variance that C says, before there are any: C is learnt of
few more steps than it has rows, and bets go where it is too small. Later some 1.3 is measured."""
PRIOR_DOCUMENTS, WARM_DOCUMENTS = 5.0, 20.0
"""As in `streamwatch.drift.reference`."""


N_FIELDS = 3 + N_SCALES


class Bet(NamedTuple):
    """A direction: θ, |θ| and the shift that it expects, in standard deviations."""

    theta: Floats
    length: float


NO_BETS = [Bet(np.zeros(DIMENSION), 0.0) for _ in range(N_SCALES)]
"""As long as nothing is tested."""


class Embedding:
    """The reference of vectors by stratum, their covariance, and the bets.

    Attributes:
        known: by stratum, embedded documents and the sums of their vectors, float32.
        scatter: sum of r·r'/V over the learnt steps, float32; `n_rows` of them.
        toward, weight, square: of each memory, the discounted residual sum, its documents, and those of its variance.
        squares: of each memory, the sum of squared bets in their standard deviations, and their number.
        waiting, waiting_r: rows (time, documents, V, bets…), and r in float32, of steps that are learnt after `LAG_DOCUMENTS`.
    """

    def __init__(self) -> None:
        self.known: Singles = np.zeros((1, 1 + DIMENSION), dtype=np.float32)
        self.scatter: Singles = np.zeros((DIMENSION, DIMENSION), dtype=np.float32)
        self.n_rows = 0.0
        self.toward: Floats = np.zeros((N_SCALES, DIMENSION))
        self.weight: Floats = np.zeros(N_SCALES)
        self.square: Floats = np.zeros(N_SCALES)
        self.squares: Floats = np.zeros((N_SCALES, 2))
        self.inflations = [VarianceInflation() for _ in range(N_SCALES)]
        self.waiting: Floats = np.zeros((0, N_FIELDS))
        self.waiting_r: Singles = np.zeros((0, DIMENSION), dtype=np.float32)
        self._inverted: tuple[float, Floats] = (-1.0, np.zeros((0, 0)))

    def residual(self, at: NDArray[np.int64], sums: Floats) -> tuple[Floats, Floats, Floats]:
        """By stratum, of `sums` (documents, vector): tested documents, residual vectors, variance in documents."""
        self._grow(int(at.max(initial=0)) + 1)
        known = self.known[at].astype(np.float64)
        pool = self.known.sum(0, dtype=np.float64)
        prior = pool[1:] / max(pool[0], 1.0)
        weight = known[:, 0] + PRIOR_DOCUMENTS
        means = (known[:, 1:] + PRIOR_DOCUMENTS * prior) / weight[:, None]
        n = sums[:, 0] * (known[:, 0] >= WARM_DOCUMENTS)
        residuals = np.where(n[:, None] > 0, sums[:, 1:] - n[:, None] * means, 0.0)
        return n, residuals, n * (1 + n / weight)

    def learn(self, at: NDArray[np.int64], sums: Floats) -> None:
        """Add a step's sums to the reference."""
        self._grow(int(at.max(initial=0)) + 1)
        np.add.at(self.known, at, sums.astype(np.float32))

    def bets(self) -> list[Bet]:
        """The direction of each memory, from what came before."""
        return [self._bet(self._whitening(), scale) for scale in range(N_SCALES)]

    def log_e(self, bets: list[Bet], r: Floats, n: float, variance: float) -> Floats:
        """log e-value of each bet for a step's residual r, of n documents with that variance."""
        powers = np.array([1 / inflation.factor for inflation in self.inflations])
        return powers * [
            float(bet.theta @ r) - MARGIN * n * bet.length - _psi(bet.length) * variance * self.dispersion(scale)
            for scale, bet in enumerate(bets)
        ]

    def dispersion(self, scale: int) -> float:
        """How many times their expected variance the squares of past bets had, at least 1."""
        total, n = self.squares[scale]
        return max(1.0, float((PRIOR_BETS * PRIOR_DISPERSION + total) / (PRIOR_BETS + n)))

    def hold(self, at_ms: int, bets: list[Bet], r: Floats, n: float, variance: float) -> None:
        """Note a step: the directions learn it at once, covariance and spread after a while."""
        z = [float(bet.theta @ r) / (bet.length * variance**0.5) if bet.length else 0.0 for bet in bets]
        self.waiting = np.concatenate([self.waiting, [[at_ms, n, variance, *z]]])
        self.waiting_r = np.concatenate([self.waiting_r, r[None].astype(np.float32)])
        old = int((self.waiting[::-1, 1].cumsum()[::-1] - self.waiting[:, 1] >= LAG_DOCUMENTS).sum())
        if old >= ROWS_AT_ONCE:
            self._learn_first(old)
        for scale, memory in enumerate(MEMORIES):
            kept = exp(-n / memory)
            self.toward[scale] = kept * self.toward[scale] + r
            self.weight[scale] = kept * self.weight[scale] + n
            self.square[scale] = kept * kept * self.square[scale] + variance

    def settle(self) -> None:
        """Learn all that waits."""
        self._learn_first(len(self.waiting))

    def discount(self, kept: float) -> None:
        """Let the reference weigh `kept` times as much."""
        self.known *= np.float32(kept)

    def pointing(self) -> Floats:
        """Where the latest documents lie from the reference, whitened: what the long memory bets on."""
        return self.bets()[-1].theta

    def distance(self) -> float:
        """How far that is, in standard deviations; what noise alone would make of it is taken off."""
        return max(float(bet.length) for bet in self.bets())

    def covariance(self) -> Floats:
        """Of one document's vector within its stratum: what residuals say, and a diagonal prior."""
        scatter = self.scatter.astype(np.float64)
        variances = (PRIOR_VARIANCE + scatter.diagonal()) / (1 + self.n_rows)
        return (scatter + PRIOR_ROWS * np.diag(variances)) / (self.n_rows + PRIOR_ROWS)

    def _whitening(self) -> Floats:
        """The inverse of C, which changes only when rows are learnt; to take it costs more than all the rest of a step."""
        if self._inverted[0] != self.n_rows:
            inverse: Floats = np.linalg.inv(self.covariance()).astype(np.float64)
            self._inverted = self.n_rows, inverse
        return self._inverted[1]

    def _bet(self, inverse: Floats, scale: int) -> Bet:
        if not self.weight[scale]:
            return NO_BETS[scale]
        mean = self.toward[scale] / self.weight[scale]
        noise = DIMENSION * self.square[scale] / self.weight[scale] ** 2
        theta = inverse @ mean
        seen = float(mean @ theta)
        shrunk = max(0.0, 1 - noise / seen) if seen > 0 else 0.0
        length = shrunk * seen**0.5
        if not length:
            return NO_BETS[scale]
        cut = min(1.0, LONGEST / length)
        return Bet(theta * shrunk * cut, length * cut)

    def _learn_first(self, n_rows: int) -> None:
        for row, r in zip(self.waiting[:n_rows], self.waiting_r[:n_rows], strict=True):
            self._learn(int(row[0]), row[2], row[3:], r)
        self.waiting, self.waiting_r = self.waiting[n_rows:], self.waiting_r[n_rows:]

    def _learn(self, at_ms: int, variance: float, z: Floats, r: Singles) -> None:
        self.scatter += np.outer(r, r) / np.float32(variance)
        self.n_rows += 1
        for scale, bet in enumerate(z.tolist()):
            if bet:
                self.squares[scale] += (min(bet * bet, 9.0), 1.0)
                self.inflations[scale].add(bet, at_ms, SMALLEST_BUCKET_MS)

    def _grow(self, n_strata: int) -> None:
        missing = n_strata - len(self.known)
        if missing > 0:
            self.known = np.concatenate([self.known, np.zeros((missing, 1 + DIMENSION), dtype=np.float32)])


def _psi(length: float) -> float:
    """Bernstein's: λ²/2 ÷ (1 − λ·c/3)."""
    return length * length / 2 / (1 - length * TAIL / 3)
