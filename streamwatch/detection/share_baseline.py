"""The usual negative share of a series: a level, its shape over the week, how sure we are of it, and how much it wanders.

The level is a discounted Beta: documents weigh half after `HALF_LIFE_MS`. A bucket teaches at most `WINSOR_SD` standard
deviations more than was expected, so that an incident moves its own baseline little. The shape over the week is a
`WeekProfile`; a bucket teaches the level what is left after its hour's offset.

Three things say how much shares differ for no reason. The overdispersion ρ, between buckets: the intra-class correlation by
moments, `Σ[(k − np)² − npq] / pq·Σn(n − 1)`, with a prior worth `PRIOR_PAIRS` pairs and a floor, since a sample that happened to
look binomial must not make the detector believe in coins. What is not known yet of the hour's offset, which counts as more
overdispersion. And the variance inflation of neighbouring buckets.

The level is a share that one model version calls negative; documents of another are judged by it through the `Shift` between
the two (`translate` rewrites it, `loosen` makes it less sure by the shift's error).

References: M. West, J. Harrison, "Bayesian forecasting and dynamic models" (1997), discounting; J. C. Kleinman,
"Proportions with extraneous variance", JASA 68 (1973), the moments of ρ.

Examples:
    >>> baseline = ShareBaseline()
    >>> for minute in range(0, 3000, 5):
    ...     baseline.hold(10, 3, minute * 60_000, 300_000)
    ...     baseline.settle(minute * 60_000)
    >>> round(baseline.p(0), 2), baseline.upper(0) < 0.35
    (0.3, True)
"""

from math import sqrt

import msgspec

from streamwatch.detection import beta_binomial
from streamwatch.detection.log_odds import logistic, logit
from streamwatch.detection.shift import SAME, Shift
from streamwatch.detection.variance_inflation import VarianceInflation
from streamwatch.detection.week_profile import WeekProfile
from streamwatch.timeline import DAY_MS, HOUR_MS

HALF_LIFE_MS = 7 * DAY_MS
"""A week: the level moves with audiences and seasons, not within days."""
WINSOR_SD = 2.0
PRIOR_RHO, PRIOR_PAIRS = 0.03, 300.0
"""ρ before there is evidence, and its weight in pairs of documents."""
FLOOR_RHO, CEILING_RHO = 0.01, 0.5
"""Real shares are never binomial; and a few odd buckets of a young series may look as if everybody spoke as one."""
BOUND_SD = 1.645
"""One-sided 95 %."""
LEAST_SHARE = 0.002
"""The level stays inside (0, 1) by this much, so that its log-odds exist."""
LEAST_LOOSE = 20.0
"""However wide the error of a shift, so many documents of what was learnt stay: a series that was warm stays warm."""


class RunningHour(msgspec.Struct, array_like=True):
    """The hour that is running: what its offset will be learnt from. Sums of k − np, of npq, and of the variance of k."""

    hour: int = -1
    residual: float = 0.0
    binomial: float = 0.0
    variance: float = 0.0


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
    running: RunningHour = msgspec.field(default_factory=RunningHour)
    profile: WeekProfile = msgspec.field(default_factory=WeekProfile)
    inflation: VarianceInflation = msgspec.field(default_factory=VarianceInflation)

    @property
    def level(self) -> float:
        """The expected negative share of an average hour."""
        return _inside((self.k + 0.5) / (self.n + 1.0))

    @property
    def rho(self) -> float:
        """The overdispersion between buckets."""
        return _within_limits(self._rho_by_moments)

    @property
    def _rho_by_moments(self) -> float:
        return (PRIOR_RHO * PRIOR_PAIRS + self.excess) / (PRIOR_PAIRS + self.pairs)

    def p(self, at_ms: int, shift: Shift = SAME) -> float:
        """The expected negative share of the hour that holds `at_ms`, for a version that says `shift` more."""
        return logistic(logit(self.level) + self.profile.offset(at_ms // HOUR_MS) + shift.log_odds)

    def rho_at(self, at_ms: int) -> float:
        """ρ, with what is not known of this hour's offset: its variance in log-odds is one of pq times that in ρ."""
        p = self.p(at_ms)
        return _within_limits(self._rho_by_moments + p * (1 - p) * self.profile.variance(at_ms // HOUR_MS))

    def upper(self, at_ms: int, shift: Shift = SAME) -> float:
        """The upper bound of the share of that hour."""
        return self._bound(at_ms, BOUND_SD, shift)

    def lower(self, at_ms: int, shift: Shift = SAME) -> float:
        """The lower bound of the share of that hour."""
        return self._bound(at_ms, -BOUND_SD, shift)

    def hold(self, n: int, k: int, at_ms: int, bucket_ms: int, expected: float | None = None) -> None:
        """Note a closed bucket; the shape of the week and the inflation learn it at once, winsorised.

        `expected` is its usual share where documents of other versions are in it.
        """
        rho = self.rho
        p = self.p(at_ms) if expected is None else expected
        sd = beta_binomial.sd(n, p, rho)
        k_kept = min(float(k), n * p + WINSOR_SD * sd + 1.0)
        spread = p * (1 - p)
        self.held_excess += (k_kept - n * p) ** 2 / spread - n
        self.held_pairs += n * (n - 1)
        self.held_n += n
        self.held_k += n * self.level + (k_kept - n * p) * (1.0 if expected is None else self._spread(at_ms) / spread)
        self.inflation.add((k - n * p) / sd, at_ms, bucket_ms)
        self._learn_hour(k_kept - n * p, n * spread, sd * sd, at_ms // HOUR_MS)

    def settle(self, at_ms: int) -> None:
        """Learn what is held."""
        self._discount(at_ms)
        self.n += self.held_n
        self.k = max(0.0, self.k + self.held_k)
        self.pairs += self.held_pairs
        self.excess += self.held_excess
        self.discard()

    def discard(self) -> None:
        """Forget what is held."""
        self.held_n = self.held_k = self.held_pairs = self.held_excess = 0.0

    def restart(self, at_ms: int, n: float, k: float) -> None:
        """Begin anew from the documents of an episode that became the new level; ρ and the week's shape are kept."""
        self.n, self.k, self.at_ms = n, k, at_ms

    def translate(self, shift: Shift) -> None:
        """From now on it is in the units of a version that says `shift` more; what is held goes with it."""
        before = self.level
        after = _inside(shift.share(before))
        held = (self.held_k - self.held_n * before) * after * (1 - after) / (before * (1 - before))
        self.k = max(0.0, after * (self.n + 1.0) - 0.5)
        self.held_k = self.held_n * after + held

    def loosen(self, error: float) -> None:
        """Be less sure of the level, by the variance `error`² of its log-odds; ρ and the week's shape stay as known.

        As if fewer documents had been seen: so what comes now weighs more, and the bound narrows as it comes.
        """
        if self.n <= LEAST_LOOSE or not error:
            return
        known, level, rho = self._level_error() ** 2, self.level, self._rho_by_moments
        n = max(LEAST_LOOSE, (self.n + 1.0) * known / (known + error * error) - 1.0)
        self.pairs *= (n + 1.0) / (self.n + 1.0)
        self.excess = rho * (PRIOR_PAIRS + self.pairs) - PRIOR_RHO * PRIOR_PAIRS
        self.n, self.k = n, max(0.0, level * (n + 1.0) - 0.5)

    def _learn_hour(self, residual: float, binomial: float, variance: float, hour: int) -> None:
        """Add a bucket to the running hour; when another begins, the profile learns the one before."""
        running = self.running
        if hour != running.hour:
            if running.binomial:
                error2 = running.variance / running.binomial**2 * self.inflation.factor + self._level_error() ** 2
                self.profile.learn(running.hour, running.residual / running.binomial, 1 / error2)
            self.running = running = RunningHour(hour)
        running.residual += residual
        running.binomial += binomial
        running.variance += variance

    def _bound(self, at_ms: int, sds: float, shift: Shift) -> float:
        """On the scale of log-odds, where the normal approximation stays inside (0, 1).

        The level was made as unsure as the shift when its first document came; the bound is never narrower than that.
        """
        offset = self.profile.offset(at_ms // HOUR_MS) + shift.log_odds
        return logistic(logit(self.level) + offset + sds * max(self._level_error(), shift.log_odds_se))

    def _spread(self, at_ms: int) -> float:
        p = self.p(at_ms)
        return p * (1 - p)

    def _level_error(self) -> float:
        """Standard error of the level's log-odds."""
        level, n = self.level, self.n + 1.0
        design_effect = (1.0 + self.rho * self.pairs / n) * self.inflation.factor
        return sqrt(design_effect / (n * level * (1 - level)))

    def _discount(self, at_ms: int) -> None:
        if self.at_ms:
            kept = 0.5 ** ((at_ms - self.at_ms) / HALF_LIFE_MS)
            self.n *= kept
            self.k *= kept
            self.pairs *= kept
            self.excess *= kept
        self.at_ms = at_ms


def _inside(share: float) -> float:
    return min(1 - LEAST_SHARE, max(LEAST_SHARE, share))


def _within_limits(rho: float) -> float:
    return min(CEILING_RHO, max(FLOOR_RHO, rho))
