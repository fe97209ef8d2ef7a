"""The negative-volume detector: do more negatives come than this hour usually brings?

It sees the outage that everybody posts about while the share stays what it was. Negatives are counted in buckets of
`volume_bucket_ms` and scored by `VolumeScore`; the open bucket is tested whenever one of its 10 s buckets closes. In units of
alerting, the e-value is the weeks in which chance brings such a bucket once, and the threshold is the weeks to one false
alarm that is allowed.

An incident must also matter to people: the last hour (or bucket, when that is longer) has at least `LEAST` negatives,
`LIFT` times the median of the last 24 hours, and `USUAL_LIFT` times what this hour usually brings.

A series is cold until 24 different hours had documents. What would be an incident while it is cold restarts its history
instead (collection began): it is no alert, and the quiet before it does not count as history.

What is usual is in the units of one model version. Documents of others, `guests`, bring as many times more negatives as was
measured (a changed share, and documents that went to another topic); a mixed bucket is weighted by what traffic its
documents of each version stand for.

Examples:
    >>> from streamwatch.timeline import MINUTE_MS
    >>> detector = VolumeDetector(DetectionConfig(max_series=10))
    >>> for minute in range(0, 7 * 24 * 60, 10):
    ...     detector.update(minute * MINUTE_MS, 3, 1)
    >>> detector.crossed
    False
    >>> for minute in range(7 * 24 * 60, 7 * 24 * 60 + 30):
    ...     detector.update(minute * MINUTE_MS, 3, 1)
    >>> detector.crossed, detector.reading().k, round(detector.reading().k_expected)
    (True, 33, 6)
"""

import struct
from collections.abc import Callable, Mapping
from math import expm1, inf, log, log1p, sqrt
from statistics import median

import msgspec

from streamwatch.detection.reading import Reading
from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.share import NOBODY, ShiftTo
from streamwatch.detection.share_baseline import BOUND_SD
from streamwatch.detection.shift import SAME, Shift
from streamwatch.detection.units import regrouped
from streamwatch.detection.volume_score import ScoreState, VolumeScore
from streamwatch.detection.volume_usual import LEAST as LEAST_EXPECTED
from streamwatch.detection.volume_usual import UsualState
from streamwatch.records import AlertKind
from streamwatch.timeline import DAY_MS, HOUR_MS, bucket_start

LEAST = 5
"""An alert shows five documents; with fewer there is nothing to show."""
LIFT, USUAL_LIFT = 2.5, 1.5
EMERGES = log(20.0)
"""Weeks to chance at which a cold series starts anew: doing so needlessly costs a day of waiting, and no alert."""
WARM_PERIODS = N_PERIODS = 24
FORGOTTEN_MS = 14 * DAY_MS
FORGOTTEN_BUCKETS = 60
"""A series that was silent for longer starts anew."""


class VolumeState(msgspec.Struct, array_like=True):
    """All that is remembered. A period is an hour, or a bucket when that is longer; `bucket_…` are the buckets of the running
    period, the open one last; `periods` has the negatives of the last 24 closed
    periods, the newest last, as half floats of log(1 + k): exact up to 260. `guests` are the documents of the open bucket by
    version, without those of the units' own.
    """

    score: ScoreState
    open_ms: int = -1
    bucket_n: list[int] = []
    bucket_k: list[int] = []
    period_k: int = 0
    period_has_documents: bool = False
    periods: bytes = b""
    n_active: int = 0
    now_ms: int = 0
    firing: bool = False
    peak: float = 0.0
    episode_n: int = 0
    episode_k: int = 0
    episode_expected: float = 0.0
    n_frozen: int = 0
    guests: dict[int, int] = {}

    @property
    def baseline(self) -> UsualState:
        """What is usual."""
        return self.score.usual


class VolumeDetector:
    """Tests one series; `update` takes each 10 s bucket that has documents, in time order.

    `shift_to` says how much more another version says than the one in whose units the state is.
    """

    kind: AlertKind = "negative_volume"
    version = "volume-own-tail/2"

    def __init__(
        self, config: DetectionConfig, state: VolumeState | None = None, shift_to: ShiftTo = lambda version: SAME
    ) -> None:
        self.config = config
        self._shift_to = shift_to
        self.threshold = config.volume_weeks
        self._width_ms = config.volume_bucket_ms
        self._per_period = max(1, HOUR_MS // self._width_ms)
        self._period_ms = max(HOUR_MS, self._width_ms)
        self._adopt(state or VolumeState(ScoreState.fresh()))

    def _adopt(self, state: VolumeState) -> None:
        self.state = state
        self._score = VolumeScore(self._width_ms, self.threshold, state.score)
        self._expect()
        self._mix()

    @property
    def warm(self) -> bool:
        """Whether there is enough history to test against."""
        return self.state.n_active >= WARM_PERIODS

    @property
    def crossed(self) -> bool:
        """Whether the evidence reaches the threshold now, and the last hour matters."""
        return self.warm and self._matters() and self.log_e >= self._score.log_threshold

    @property
    def log_e(self) -> float:
        """log of the weeks in which chance brings what the open bucket holds once."""
        state = self.state
        return self._score.evidence(state.open_ms, state.bucket_k[-1], self._most_times) if state.open_ms >= 0 else -inf

    @property
    def expected(self) -> float:
        """Negatives that an hour (or bucket, when that is longer) usually brings at this time."""
        return self._expected * self._times

    def update(self, start_ms: int, n: int, k: int, guests: Mapping[int, int] = NOBODY) -> None:
        """Count n documents, k of them negative, of the 10 s bucket at `start_ms`; of them `guests` by version."""
        self._advance(start_ms)
        state = self.state
        state.now_ms = start_ms + self.config.bucket_ms
        state.bucket_n[-1] += n
        state.bucket_k[-1] += k
        for version, m in guests.items():
            state.guests[version] = state.guests.get(version, 0) + m
        if state.guests:
            self._mix()
        state.period_k += k
        state.period_has_documents = state.period_has_documents or n > 0
        if state.firing:
            state.episode_n += n
            state.episode_k += k
            state.peak = max(state.peak, sum(state.bucket_k) / self._times)
        elif k and not self.warm and self._emerges():
            self._start(start_ms, state)

    def begin(self) -> None:
        """An episode fires: what is usual is frozen."""
        state, reading = self.state, self.reading()
        state.firing, state.peak = True, reading.k / self._times
        state.episode_n, state.episode_k, state.episode_expected = reading.n, reading.k, self.expected
        self._score.onset()

    def calm(self, at_ms: int) -> bool:
        """Whether the upper bound of the last hour's negatives lies below the midpoint of usual and peak."""
        self._advance(at_ms)
        k = sum(self.state.bucket_k)
        return k + 2 * sqrt(k) + 1 < (self._expected + self.state.peak) * self._times / 2 or k <= self.expected

    def end(self, at_ms: int, new_level: bool) -> None:
        """The episode is over; as a new level, what is usual takes the episode's level and keeps its shape."""
        self._advance(at_ms)
        state = self.state
        if new_level:
            self._score.new_level(state.episode_k / max(state.episode_expected, LEAST_EXPECTED))
        else:
            self._score.recover(state.open_ms, state.n_frozen)
        state.firing, state.n_frozen = False, 0
        self._expect()

    def reading(self) -> Reading:
        """The numbers behind the present evidence; shares are for the share detector to fill."""
        state = self.state
        if state.firing:
            return Reading(state.open_ms, state.episode_n, state.episode_k, 0, 0, 0, state.episode_expected, self.log_e)
        window_ms = state.open_ms - max(0, len(state.bucket_k) - 1) * self._width_ms
        return Reading(window_ms, sum(state.bucket_n), sum(state.bucket_k), 0, 0, 0, self.expected, self.log_e)

    def loosen(self, shift: Shift) -> None:
        """Documents of a version that says `shift` more begin to come: how much more is only measured."""
        self._score.loosen(shift.log_negatives_se)
        self._expect()

    def translate(self, shift: Shift, old: int, new: int) -> None:
        """From now on all is in the units of the version `new`, which says `shift` more than `old`. The evidence stays."""
        state, times = self.state, shift.times()
        self._score.translate(times)
        state.peak *= times
        logs = [value for (value,) in struct.iter_unpack("<e", state.periods)]
        state.periods = struct.pack(f"<{len(logs)}e", *(log1p(expm1(value) * times) for value in logs))
        state.guests = regrouped(state.guests, state.bucket_n[-1] if state.bucket_n else 0, old, new)
        self._expect()
        self._mix()

    def _matters(self) -> bool:
        """Enough negatives in the last hour for people to call it an incident."""
        k = sum(self.state.bucket_k)
        return k >= LEAST and k >= USUAL_LIFT * self.expected and k >= LIFT * self._median_period() * self._times

    def _median_period(self) -> float:
        """Negatives of the middle one of the last 24 hours; 0 where there is none."""
        logs = [value for (value,) in struct.iter_unpack("<e", self.state.periods)]
        return median(round(expm1(value)) for value in logs) if logs else 0.0

    def _emerges(self) -> bool:
        return self._matters() and self.log_e >= EMERGES

    def _advance(self, at_ms: int) -> None:
        """Close the buckets that end at or before `at_ms`."""
        forgotten_ms = max(FORGOTTEN_MS, FORGOTTEN_BUCKETS * self._width_ms)
        if self.state.open_ms < 0 or at_ms - self.state.now_ms > forgotten_ms:
            self._start(at_ms)
        opens_ms = bucket_start(at_ms, self._width_ms)
        while opens_ms > self.state.open_ms:
            self._close()

    def _start(self, at_ms: int, before: VolumeState | None = None) -> None:
        """A history begins at the bucket of `at_ms`; with `before`, what its open bucket holds is the first of it."""
        state = VolumeState(ScoreState.fresh(), open_ms=bucket_start(at_ms, self._width_ms), now_ms=at_ms)
        state.bucket_n, state.bucket_k = ([0], [0]) if before is None else (before.bucket_n[-1:], before.bucket_k[-1:])
        state.period_k, state.period_has_documents = state.bucket_k[0], state.bucket_n[0] > 0
        self._adopt(state)

    def _close(self) -> None:
        """The open bucket ends: it is learnt (unless an episode is firing), and the next one begins."""
        state, ends_ms = self.state, self.state.open_ms + self._width_ms
        if state.firing:
            state.episode_expected += self.expected / self._per_period
            state.n_frozen += 1
            self._score.close_frozen(state.open_ms, float(state.bucket_k[-1]), self._times)
        else:
            self._score.close(state.open_ms, float(state.bucket_k[-1]), self._times)
        if ends_ms // self._period_ms != state.open_ms // self._period_ms:
            self._close_period()
        state.open_ms = ends_ms
        state.bucket_n = [*state.bucket_n, 0][-self._per_period :]
        state.bucket_k = [*state.bucket_k, 0][-self._per_period :]
        state.now_ms = max(state.now_ms, ends_ms)
        if state.guests:
            state.guests = {}
            self._mix()
        self._expect()

    def _close_period(self) -> None:
        state = self.state
        state.periods = (state.periods + struct.pack("<e", log1p(state.period_k)))[-2 * N_PERIODS :]
        if not state.firing:
            state.n_active = min(WARM_PERIODS, state.n_active + state.period_has_documents)
        state.period_k, state.period_has_documents = 0, False

    def _expect(self) -> None:
        """What an hour brings at this time: a function of what was learnt when the last bucket closed."""
        self._expected = self._score.expected(max(0, self.state.open_ms)) * self._per_period

    def _mix(self) -> None:
        """How many times what is usual the open bucket brings, by its documents of each version; and the bound of that."""
        self._times, self._most_times = 1.0, 1.0
        if self.state.guests:
            self._times = self._mixed(lambda shift: shift.times())
            self._most_times = self._mixed(lambda shift: shift.times(BOUND_SD))

    def _mixed(self, of: Callable[[Shift], float]) -> float:
        """The mean over the versions, each weighted by the traffic that its documents stand for."""
        guests = self.state.guests
        traffic = float(self.state.bucket_n[-1] - sum(guests.values()))
        total = traffic
        for version, m in guests.items():
            shift = self._shift_to(version)
            stands_for = m / shift.times_documents
            traffic += stands_for
            total += stands_for * of(shift)
        return total / traffic
