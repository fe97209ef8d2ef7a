"""What an hour usually brings: a level, its shape over the day, and how much hours differ for no reason.

Each hour of the day (UTC) keeps a discounted count K and its exposure E. The expected count is found in two steps,
each the gamma-Poisson mean `m·(K + κ)/(m·E + κ)`: the level of all hours, pulled to the hours around this one as far
as there is evidence for it; and that, pulled to the hour itself (a market opens every day at the same minute). The
dispersion ψ (variance μ + ψμ²) is by moments, `Σ[(k − μ)² − k] / Σμ²`, with a prior and a floor.

Both are winsorised at `WINSOR_SD`: an hour teaches at most that much, because the null is what hours bring when nothing
has happened. At 4 standard deviations the incidents of one airline hold its ψ at .4 to 1.2 instead of .15 to .25, and
hide one another (`docs/detection.md`).

Reference: F. J. Anscombe, "The statistical analysis of insect counts based on the negative binomial distribution",
Biometrics 5 (1949), the moments; P. J. Huber, "Robust statistics" (1981), winsorising.

Examples:
    >>> baseline = HourlyBaseline.fresh(0)
    >>> for hour in range(24 * 7):
    ...     baseline.learn(hour % 24, 20 if 8 <= hour % 24 < 20 else 2)
    >>> round(baseline.expected(14), 1), round(baseline.expected(2), 1)
    (19.8, 2.7)
"""

import msgspec

from streamwatch.detection import negative_binomial

HOURS = 24
HALF_LIFE_DAYS = 5.0
KEPT_A_DAY = 0.5 ** (1 / HALF_LIFE_DAYS)
KEPT_AN_HOUR = KEPT_A_DAY ** (1 / HOURS)
KAPPA_AROUND, KAPPA_OWN = 8.0, 24.0
"""κ of the two steps: hours of the day are alike until about this many negatives of one say otherwise."""
KERNEL = ((-2, 1 / 9), (-1, 2 / 9), (0, 3 / 9), (1, 2 / 9), (2, 1 / 9))
WINSOR_SD = 1.5
PRIOR_PSI, PRIOR_WEIGHT, FLOOR_PSI = 0.15, 200.0, 0.05
"""ψ before there is evidence, its weight in squared counts, and the least: ±22 % is nothing to an hour of any series.
"""
LEARNS_DISPERSION_AFTER = HOURS
"""Before a whole day has passed, the shape of the day is not known and would count as dispersion."""


class HourlyBaseline(msgspec.Struct, array_like=True):
    """`count` and `exposure` by hour of the day; `since_ms` is where the history begins."""

    since_ms: int
    count: list[float]
    exposure: list[float]
    n_hours: int = 0
    excess: float = 0.0
    squares: float = 0.0

    @classmethod
    def fresh(cls, since_ms: int) -> "HourlyBaseline":
        """No history."""
        return cls(since_ms, [0.0] * HOURS, [0.0] * HOURS)

    @property
    def level(self) -> float:
        """Negatives in an average hour."""
        exposure = sum(self.exposure)
        return sum(self.count) / exposure if exposure else 0.0

    @property
    def psi(self) -> float:
        """The dispersion of hours."""
        psi = (PRIOR_PSI * PRIOR_WEIGHT + self.excess) / (PRIOR_WEIGHT + self.squares)
        return max(FLOOR_PSI, psi)

    def expected(self, hour_of_day: int) -> float:
        """Negatives that this hour of the day brings."""
        level = self.level
        if not level:
            return 0.0
        count = exposure = 0.0
        for offset, weight in KERNEL:
            hour = (hour_of_day + offset) % HOURS
            count += weight * self.count[hour]
            exposure += weight * self.exposure[hour]
        around = _shrunk(level, count, exposure, KAPPA_AROUND)
        return _shrunk(around, self.count[hour_of_day], self.exposure[hour_of_day], KAPPA_OWN)

    def learn(self, hour_of_day: int, k: int, exposure: float = 1.0) -> None:
        """Add a closed hour; `exposure` is the part of it that was watched."""
        expected, kept = self.expected(hour_of_day) * exposure, float(k)
        if self.n_hours >= LEARNS_DISPERSION_AFTER and expected:
            kept = min(kept, expected + WINSOR_SD * negative_binomial.sd(expected, self.psi) + 1.0)
            self.excess = self.excess * KEPT_AN_HOUR + (kept - expected) ** 2 - kept
            self.squares = self.squares * KEPT_AN_HOUR + expected * expected
        self.count[hour_of_day] = self.count[hour_of_day] * KEPT_A_DAY + kept
        self.exposure[hour_of_day] = self.exposure[hour_of_day] * KEPT_A_DAY + exposure
        self.n_hours += 1

    def rescale(self, times: float) -> None:
        """A new level with the same shape of the day."""
        self.count = [count * times for count in self.count]


def _shrunk(prior: float, count: float, exposure: float, kappa: float) -> float:
    """The gamma-Poisson mean of a rate whose prior is worth κ negatives."""
    return prior * (count + kappa) / (prior * exposure + kappa)
