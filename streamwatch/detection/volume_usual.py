"""What a bucket usually brings: a slow level, the shape of the day, the days of the week.

The level is an exponentially weighted mean (half-life five days, at least 24 buckets) of counts divided by their shape.
Each hour of the day and each day of the week (UTC) has a ratio to that level, a discounted mean shrunk towards its
neighbours (hours) and towards 1 as far as one such hour is uncertain: with a prior variance v and a noise of
`1/μ + ψ` a mean of w of them has the weight `w / (w + noise/v)`. What remains uncertain is handed out as `variance`, so that
a test can count it as noise. The shape begins to be used on the fifth day and wholly on the ninth: in a week with two
incidents at three in the afternoon, three in the afternoon looks lively.

Everything is winsorised, because the usual is what comes when nothing has happened. Cells are IEEE half floats in a
byte string: 24 + 7 ratios and weights take 124 bytes.

References: B. Efron, C. Morris, "Stein's estimation rule and its competitors", JASA 68 (1973), the shrinkage;
P. J. Huber, "Robust statistics" (1981), winsorising.

Examples:
    >>> usual = UsualVolume(HOUR_MS)
    >>> for hour in range(24 * 21):
    ...     usual.learn(hour * HOUR_MS, 20.0 if 8 <= hour % 24 < 20 else 2.0, psi=0.1)
    >>> round(usual.expected((24 * 21 + 14) * HOUR_MS)), round(usual.expected((24 * 21 + 2) * HOUR_MS))
    (20, 2)
"""

import struct
from math import sqrt
from typing import NamedTuple

import msgspec

from streamwatch.timeline import DAY_MS, HOUR_MS

HALF_LIFE_DAYS, HALF_LIFE_BUCKETS = 5.0, 24.0
RECENT_DAYS, RECENT_BUCKETS, RECENT_WINSOR_SD = 0.4, 12.0, 4.0
"""Half-life of the quick level."""
KNOWS_BUCKETS = 24
LEAST = 0.02
"""A bucket's expectation is never below this: 'never' is not known of any series."""
WINSOR_SD = 3.0
"""A bucket teaches the level at most so many standard deviations more than usual."""
SHAPE_FROM_DAYS, SHAPE_WHOLE_DAYS = 4.0, 8.0
HOUR_WINSOR_SD, HOUR_SWING = 1.5, 0.05
"""An hour teaches its cell at most so much; the second is a variance that hours have whatever ψ says."""
AROUND_VARIANCE, OWN_VARIANCE, DAY_VARIANCE, DAY_NOISE = 0.3, 0.1, 0.06, 0.1
"""Prior variances: of an hour's ratio, of its difference from its neighbours, of a day's ratio; and a day's own noise."""
HOUR_KEPT, DAY_KEPT = 0.5 ** (1 / 7), 0.5 ** (1 / 5)
"""A cell is visited once a day, or once a week: half-lives of seven days and five weeks."""
KERNEL = ((-2, 1 / 9), (-1, 2 / 9), (0, 3 / 9), (1, 2 / 9), (2, 1 / 9))
HIGHEST_DAY = 3.0
N_HOURS, N_DAYS = 24, 7
LEAST_LOOSE_DAYS = 1.0
"""However wide the error of a shift, the level stays the mean of a day at least: hours differ for no reason."""


class UsualState(msgspec.Struct, array_like=True):
    """`hours` and `days` hold ratios, then weights, as half floats; `hour_…` and `day_…` are what runs now."""

    count: float = 0.0
    exposure: float = 0.0
    hours: bytes = struct.pack("<48e", *[1.0] * N_HOURS, *[0.0] * N_HOURS)
    days: bytes = struct.pack("<14e", *[1.0] * N_DAYS, *[0.0] * N_DAYS)
    recent_count: float = 0.0
    recent_exposure: float = 0.0
    n_buckets: int = 0
    hour: int = -1
    hour_count: float = 0.0
    hour_exposure: float = 0.0
    day: int = -1
    day_count: float = 0.0
    day_exposure: float = 0.0


class Factor(NamedTuple):
    """A ratio to the level, and the variance of what is not known of it."""

    ratio: float
    variance: float


class UsualVolume:
    """The expectation of buckets of `width_ms`; `state` is all that is kept."""

    def __init__(self, width_ms: int, state: UsualState | None = None) -> None:
        self.state = state or UsualState()
        self._a_day = DAY_MS / width_ms
        self._an_hour = HOUR_MS / width_ms
        self._kept = 0.5 ** (1 / max(HALF_LIFE_DAYS * self._a_day, HALF_LIFE_BUCKETS))
        self._recent_kept = 0.5 ** (1 / max(RECENT_DAYS * self._a_day, RECENT_BUCKETS))
        self._knows_after = max(self._a_day, KNOWS_BUCKETS)
        self._hourly = width_ms <= HOUR_MS
        self._hours = struct.unpack("<48e", self.state.hours)
        self._days = struct.unpack("<14e", self.state.days)
        self._factors: tuple[int, Factor, Factor] | None = None

    @property
    def level(self) -> float:
        """The count of an average bucket."""
        return self.state.count / self.state.exposure if self.state.exposure else 0.0

    @property
    def lift(self) -> float:
        """The level of the last ten hours or so against the slow one, at least 1."""
        state, level = self.state, self.level
        return max(1.0, state.recent_count / state.recent_exposure / level) if level else 1.0

    @property
    def age_days(self) -> float:
        """How long it has been learning, in days of buckets."""
        return self.state.n_buckets / self._a_day

    @property
    def knows(self) -> bool:
        """Whether a day has passed, and 24 buckets: before, all is taken as it comes."""
        return self.state.n_buckets >= self._knows_after

    def expected(self, start_ms: int, psi: float = 0.1) -> float:
        """What the bucket at `start_ms` usually brings, at least `LEAST`; `psi` is the dispersion of hours."""
        return max(LEAST, self.level * self.shape(start_ms, psi).ratio)

    def shape(self, start_ms: int, psi: float) -> Factor:
        """The ratio of that time to the level, as far as it is trusted yet."""
        hour, day = self._factors_of(start_ms, psi)
        return Factor(hour.ratio * day.ratio, hour.variance + day.variance)

    def learn(self, start_ms: int, count: float, psi: float) -> None:
        """Add a closed bucket; `psi` is the dispersion of buckets."""
        state, before = self.state, self.level
        hour, day = self._factors_of(start_ms, psi)
        expected = max(LEAST, before * hour.ratio * day.ratio)
        kept, recent = count, count
        if self.knows:
            sd = sqrt(expected + psi * expected * expected)
            kept = min(count, expected + WINSOR_SD * sd + 1.0)
            recent = min(count, expected * self.lift + RECENT_WINSOR_SD * sd + 1.0)
        level = before or count
        self._learn_hour(start_ms // HOUR_MS, kept, level * day.ratio, psi)
        self._learn_day(start_ms // DAY_MS, kept, level * hour.ratio)
        state.count = state.count * self._kept + kept
        state.exposure = state.exposure * self._kept + hour.ratio * day.ratio
        state.recent_count = state.recent_count * self._recent_kept + recent
        state.recent_exposure = state.recent_exposure * self._recent_kept + hour.ratio * day.ratio
        state.n_buckets += 1
        self._factors = None

    def absorb(self, start_ms: int, n_buckets: int, psi: float) -> None:
        """Learn at once that `n_buckets` buckets brought as much as a bucket can teach; cells stay as they are."""
        expected = self.expected(start_ms, psi)
        most = expected + WINSOR_SD * sqrt(expected + psi * expected * expected) + 1.0
        kept = self._kept**n_buckets
        weight = (1 - kept) / (1 - self._kept)
        self.state.count = self.state.count * kept + weight * most
        self.state.exposure = self.state.exposure * kept + weight * max(LEAST, expected) / max(LEAST, self.level)
        self._factors = None

    def rescale(self, times: float) -> None:
        """A new level with the same shape."""
        self.state.count *= times
        self.state.recent_count = self.state.count / max(self.state.exposure, 1e-9) * self.state.recent_exposure
        self._factors = None

    def loosen(self, error: float, psi: float) -> None:
        """Be less sure of the level, by the variance `error`² of its logarithm: what comes now weighs more."""
        state, least = self.state, LEAST_LOOSE_DAYS * self._a_day
        if not error or state.exposure <= least:
            return
        known = (1 / max(self.level, LEAST) + psi) / state.exposure
        kept = max(known / (known + error * error), least / state.exposure)
        state.count *= kept
        state.exposure *= kept

    def _factors_of(self, start_ms: int, psi: float) -> tuple[Factor, Factor]:
        hour = start_ms // HOUR_MS
        if self._factors is None or self._factors[0] != hour:
            of_hour = self._hour_factor(hour % N_HOURS, psi) if self._hourly else Factor(1.0, 0.0)
            self._factors = hour, of_hour, self._day_factor(start_ms // DAY_MS % N_DAYS)
        return self._factors[1], self._factors[2]

    def _hour_factor(self, hour: int, psi: float) -> Factor:
        trust = (self.age_days - SHAPE_FROM_DAYS) / (SHAPE_WHOLE_DAYS - SHAPE_FROM_DAYS)
        if trust <= 0:
            return Factor(1.0, 0.0)
        ratio, variance = self._hour_ratio(hour, psi)
        return Factor(ratio ** min(trust, 1.0), variance * min(trust, 1.0))

    def _hour_ratio(self, hour: int, psi: float) -> Factor:
        """The mean of the neighbourhood, shrunk to 1; and the hour's own, shrunk to that."""
        noise = 1 / max(self.level * self._an_hour, 0.01) + psi
        prior_around, prior_own = noise / AROUND_VARIANCE, noise / OWN_VARIANCE
        weight = total = 0.0
        for offset, part in KERNEL:
            other = (hour + offset) % N_HOURS
            w = 3 * part * self._hours[N_HOURS + other]
            weight += w
            total += w * self._hours[other]
        around = (total + prior_around) / (weight + prior_around)
        own = self._hours[N_HOURS + hour]
        ratio = (own * self._hours[hour] + prior_own * around) / (own + prior_own)
        unknown = AROUND_VARIANCE * prior_around / (weight + prior_around)
        return Factor(ratio, unknown + OWN_VARIANCE * prior_own / (own + prior_own))

    def _day_factor(self, day: int) -> Factor:
        weight = self._days[N_DAYS + day]
        prior = (1 / max(self.level * self._a_day, 0.01) + DAY_NOISE) / DAY_VARIANCE
        ratio = (weight * self._days[day] + prior) / (weight + prior)
        return Factor(ratio, DAY_VARIANCE * prior / (weight + prior))

    def _learn_hour(self, hour: int, count: float, expected: float, psi: float) -> None:
        """Count the running hour; when another one begins, its cell learns it (not on the first day: there is no level)."""
        state = self.state
        if not self._hourly:
            return
        if hour != state.hour:
            if state.hour_exposure > 0 and self.knows:
                self._learn_hour_cell(state.hour % N_HOURS, psi)
            state.hour, state.hour_count, state.hour_exposure = hour, 0.0, 0.0
        state.hour_count += count
        state.hour_exposure += max(expected, 1e-9)

    def _learn_hour_cell(self, hour: int, psi: float) -> None:
        state, (ratio, _) = self.state, self._hour_ratio(hour, psi)
        noise = 1 / max(state.hour_exposure * ratio, 0.01) + psi + HOUR_SWING
        seen = min(state.hour_count / state.hour_exposure, ratio * (1 + HOUR_WINSOR_SD * sqrt(noise)))
        self._hours = _averaged(self._hours, N_HOURS, hour, seen, HOUR_KEPT)
        state.hours = struct.pack("<48e", *self._hours)
        self._hours = struct.unpack("<48e", state.hours)

    def _learn_day(self, day: int, count: float, expected: float) -> None:
        state = self.state
        if day != state.day:
            if state.day_exposure > 0 and self.age_days > 3:
                seen = min(state.day_count / state.day_exposure, HIGHEST_DAY)
                state.days = struct.pack("<14e", *_averaged(self._days, N_DAYS, state.day % N_DAYS, seen, DAY_KEPT))
                self._days = struct.unpack("<14e", state.days)
            state.day, state.day_count, state.day_exposure = day, 0.0, 0.0
        state.day_count += count
        state.day_exposure += max(expected, 1e-9)


def _averaged(cells: tuple[float, ...], n: int, index: int, seen: float, kept: float) -> tuple[float, ...]:
    """The cells (ratios, then weights) after one more value of cell `index`."""
    weight = cells[n + index] * kept + 1.0
    ratio = cells[index] + (seen - cells[index]) / weight
    changed = list(cells)
    changed[index], changed[n + index] = min(ratio, 1000.0), weight
    return tuple(changed)
