"""The usual negative share of a series: a discounted Beta, how sure we are of it, and how much it wanders.

Old documents weigh less by half every `HALF_LIFE_MS`. A bucket teaches at most `WINSOR_SD` standard deviations more
than was expected, so that an incident moves its own baseline little. The overdispersion ρ is the intra-class
correlation by moments, `Σ[(k − np)² − npq] / pq·Σn(n − 1)`, with a prior worth `PRIOR_PAIRS` pairs and a floor: a
sample that happened to look binomial does not make the detector believe in coins.

References: M. West, J. Harrison, "Bayesian forecasting and dynamic models" (1997), discounting; J. C. Kleinman,
"Proportions with extraneous variance", JASA 68 (1973), the moments of ρ.

Examples:
    >>> baseline = ShareBaseline()
    >>> for minute in range(0, 3000, 5):
    ...     baseline.hold(10, 3)
    ...     baseline.settle(minute * 60_000)
    >>> round(baseline.p, 2), baseline.upper() < 0.35
    (0.3, True)
"""

from math import exp, log, sqrt

import msgspec

from streamwatch.detection import beta_binomial
from streamwatch.timeline import DAY_MS

HALF_LIFE_MS = 7 * DAY_MS
"""A week: the share moves with audiences and seasons, not within days."""
WINSOR_SD = 2.0
PRIOR_RHO, PRIOR_PAIRS = 0.03, 300.0
"""ρ before there is evidence, and its weight in pairs of documents."""
FLOOR_RHO, CEILING_RHO = 0.01, 0.5
"""Real shares are never binomial; and a few odd buckets of a young series may look as if everybody spoke as one."""
BOUND_SD = 1.645
"""One-sided 95 %."""


class ShareBaseline(msgspec.Struct, array_like=True):
    """Discounted sums; Jeffreys' prior of half a document each way is added when they are read.

    `held_…` are the buckets since evidence for a change began to gather: they are learnt when it has gone (`settle`), and
    dropped when it became an episode (`discard`). Else a series with little history would take the first quarter of
    an hour of an incident for its nature, ρ above all, and not see the rest.
    """

    n: float = 0.0
    k: float = 0.0
    pairs: float = 0.0
    excess: float = 0.0
    at_ms: int = 0
    held_n: float = 0.0
    held_k: float = 0.0
    held_pairs: float = 0.0
    held_excess: float = 0.0

    @property
    def p(self) -> float:
        """The expected negative share."""
        return (self.k + 0.5) / (self.n + 1.0)

    @property
    def rho(self) -> float:
        """The overdispersion."""
        rho = (PRIOR_RHO * PRIOR_PAIRS + self.excess) / (PRIOR_PAIRS + self.pairs)
        return min(CEILING_RHO, max(FLOOR_RHO, rho))

    def hold(self, n: int, k: int) -> None:
        """Note a closed bucket."""
        p, rho = self.p, self.rho
        k_kept = min(float(k), n * p + WINSOR_SD * beta_binomial.sd(n, p, rho) + 1.0)
        spread = p * (1 - p)
        self.held_excess += (k_kept - n * p) ** 2 / spread - n
        self.held_pairs += n * (n - 1)
        self.held_n += n
        self.held_k += k_kept

    def settle(self, at_ms: int) -> None:
        """Learn what is held."""
        self._discount(at_ms)
        self.n += self.held_n
        self.k += self.held_k
        self.pairs += self.held_pairs
        self.excess += self.held_excess
        self.discard()

    def discard(self) -> None:
        """Forget what is held."""
        self.held_n = self.held_k = self.held_pairs = self.held_excess = 0.0

    def restart(self, at_ms: int, n: float, k: float) -> None:
        """Begin anew from the documents of an episode that became the new level; ρ is kept."""
        self.n, self.k, self.at_ms = n, k, at_ms

    def upper(self) -> float:
        """The upper bound of the share."""
        return self._bound(BOUND_SD)

    def lower(self) -> float:
        """The lower bound of the share."""
        return self._bound(-BOUND_SD)

    def _bound(self, sds: float) -> float:
        """On the scale of log-odds, where the normal approximation stays inside (0, 1)."""
        p, n = self.p, self.n + 1.0
        design_effect = 1.0 + self.rho * self.pairs / n
        return logistic(logit(p) + sds * sqrt(design_effect / (n * p * (1 - p))))

    def _discount(self, at_ms: int) -> None:
        if self.at_ms:
            kept = 0.5 ** ((at_ms - self.at_ms) / HALF_LIFE_MS)
            self.n *= kept
            self.k *= kept
            self.pairs *= kept
            self.excess *= kept
        self.at_ms = at_ms


def logit(p: float) -> float:
    """log-odds."""
    return log(p / (1 - p))


def logistic(x: float) -> float:
    """The probability with log-odds x.

    >>> round(logistic(logit(0.3)), 6), logistic(-800.0)
    (0.3, 0.0)
    """
    return 1 / (1 + exp(-x)) if x > -700 else 0.0


def times_odds(p: float, factor: float) -> float:
    """The probability whose odds are `factor` times those of p.

    >>> round(times_odds(0.2, 4.0), 6)
    0.5
    """
    return factor * p / (1 - p + factor * p)
