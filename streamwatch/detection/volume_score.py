"""Volume, bucket by bucket: how rare is this count in this series at this time?

One class for both forms of the detector: of negatives in production, of all that is counted in `streamwatch detect`.
It composes what is usual (`UsualVolume`), how far the count stands above it (`Scales`) and how rare that is (`OwnTail`).
The open bucket may be tested at any moment against the mean of the whole bucket: the score can only grow until it closes, so
looking early adds no false alarm.

A bucket whose documents were read by another model version than that of the level brings `times` as much as is usual.

Examples:
    >>> from streamwatch.timeline import HOUR_MS
    >>> score = VolumeScore(HOUR_MS, weeks_allowed=1.0)
    >>> for hour in range(500):
    ...     score.close(hour * HOUR_MS, 20 + hour % 3)
    >>> score.evidence(500 * HOUR_MS, 22) < 0, score.evidence(500 * HOUR_MS, 90) > 0
    (True, True)
"""

from math import log

import msgspec

from streamwatch.detection.volume_scales import Scales, ScalesState
from streamwatch.detection.volume_tail import BLOCK_MS, OwnTail, TailState
from streamwatch.detection.volume_usual import SHAPE_WHOLE_DAYS, UsualState, UsualVolume
from streamwatch.timeline import DAY_MS

DISPERSION_DAYS, DISPERSION_BUCKETS = 7.0, 36.0
"""Half-life of ψ."""
YOUNG_DAYS = SHAPE_WHOLE_DAYS + 7


class ScoreState(msgspec.Struct, array_like=True):
    """All that is remembered."""

    usual: UsualState
    scales: ScalesState
    tail: TailState

    @classmethod
    def fresh(cls) -> "ScoreState":
        """No history."""
        return cls(UsualState(), ScalesState(), TailState())


class VolumeScore:
    """Scores counts of buckets of `width_ms`.

    Args:
        width_ms: of a bucket.
        weeks_allowed: weeks to one false alarm that is allowed; `evidence` is to be compared with its log.
        state: what was kept, None for a new series.
        follows: take the level of the last ten hours for usual when it is the higher one. Without episodes, which know when
            one has become the new level, a step would else be told again every day until the slow level has followed.
    """

    def __init__(
        self, width_ms: int, weeks_allowed: float, state: ScoreState | None = None, follows: bool = False
    ) -> None:
        self.state = state or ScoreState.fresh()
        self.weeks_allowed = weeks_allowed
        self._follows = follows
        self._width_ms = width_ms
        kept = 0.5 ** (1 / max(DISPERSION_DAYS * DAY_MS / width_ms, DISPERSION_BUCKETS))
        self.usual = UsualVolume(width_ms, self.state.usual)
        self.scales = Scales(self.state.scales, kept)
        self.tail = OwnTail(self.state.tail, max(BLOCK_MS, width_ms))

    @property
    def log_threshold(self) -> float:
        """What `evidence` must reach."""
        return log(self.weeks_allowed)

    @property
    def knows_its_level(self) -> bool:
        """Whether a day has passed, and 24 buckets."""
        return self.usual.knows

    def expected(self, start_ms: int) -> float:
        """What the bucket at `start_ms` usually brings."""
        return self.usual.expected(start_ms, self.scales.psi(1))

    def z(self, start_ms: int, count: float, times: float = 1.0) -> float:
        """How far `count` stands above that, in standard deviations; the smaller of the scales."""
        unknown = self.usual.shape(start_ms, self.scales.psi(1)).variance
        expected = self.expected(start_ms) * times
        return self.scales.z(count, expected, unknown, self.usual.lift if self._follows else 1.0)

    def evidence(self, start_ms: int, count: float, times: float = 1.0) -> float:
        """log of the weeks in which chance brings such a bucket once; before a day has passed, it is only a guess."""
        return self.tail.evidence(self.z(start_ms, count, times))

    def close(self, start_ms: int, count: float, times: float = 1.0) -> None:
        """The bucket ended with `count`: everything learns from it."""
        psi = self.scales.psi(1)
        expected, unknown = self.expected(start_ms) * times, self.usual.shape(start_ms, psi).variance
        self.tail.earn(self._width_ms, self.weeks_allowed)
        if self.knows_its_level:
            young = self.usual.age_days < YOUNG_DAYS
            self.tail.learn(start_ms, self.z(start_ms, count, times), young)
            self.scales.learn(count, expected, unknown)
        else:
            self.scales.pass_by(count, expected)
        self.usual.learn(start_ms, count / times, psi)

    def close_frozen(self, start_ms: int, count: float, times: float = 1.0) -> None:
        """The bucket ended in an incident: only the tail learns that such scores come."""
        self.tail.earn(self._width_ms, self.weeks_allowed)
        if self.knows_its_level:
            self.tail.learn(start_ms, self.z(start_ms, count, times), self.usual.age_days < YOUNG_DAYS)
        self.scales.pass_by(count, self.expected(start_ms) * times)

    def recover(self, start_ms: int, n_buckets: int) -> None:
        """An incident of so many frozen buckets is over: the level learns what winsorising leaves of it."""
        self.usual.absorb(start_ms, n_buckets, self.scales.psi(1))

    def onset(self) -> None:
        """An alarm was raised."""
        self.tail.spend()

    def interrupt(self) -> None:
        """Nothing is known of the time before the next bucket."""
        self.scales.interrupt()

    def loosen(self, error: float) -> None:
        """Be less sure of the level: see `UsualVolume.loosen`."""
        self.usual.loosen(error, self.scales.psi(1))

    def translate(self, times: float) -> None:
        """The level is told in other units; scores, and the counts beside their means, are what they were."""
        self.usual.rescale(times)

    def new_level(self, times: float) -> None:
        """What came lately is usual now."""
        self.usual.rescale(times)
        self.scales.interrupt()
