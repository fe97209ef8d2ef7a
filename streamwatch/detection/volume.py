"""The negative-volume detector: do more negatives come than this hour usually brings?

It sees the outage that everybody posts about while the share stays what it was. The same Shiryaev–Roberts e-detector
as for shares, over hours: null the negative binomial of the hourly baseline, alternatives its mean times 3, 6 and 12.
The running hour is tested whenever one of its 10 s buckets closes, with the part of the mean that has passed. Two
hours of moderate excess add up, one short burst is enough when it is large: this is what several window lengths would
be for, without their multiple tests.

An incident must also matter to people: the last hour has at least `LEAST` negatives, and `LIFT` times what this hour
of the day usually brings *and* `LIFT` times the median of the last 24 hours. The second stops one change of level
from being told again each morning.

A series is cold until 24 different hours had documents. What would be an incident while it is cold restarts its
history instead (collection began): it is no alert, and the quiet before it does not count as history.

Examples:
    >>> from streamwatch.timeline import MINUTE_MS
    >>> detector = VolumeDetector(DetectionConfig())
    >>> for minute in range(0, 5 * 24 * 60, 10):
    ...     detector.update(minute * MINUTE_MS, 3, 1)
    >>> detector.crossed
    False
    >>> for minute in range(5 * 24 * 60, 5 * 24 * 60 + 40):
    ...     detector.update(minute * MINUTE_MS, 3, 1)
    >>> detector.crossed, detector.reading().k, round(detector.reading().k_expected)
    (True, 42, 6)
"""

from math import inf, log, sqrt

import msgspec

from streamwatch.detection import negative_binomial
from streamwatch.detection.hourly_baseline import HOURS, HourlyBaseline
from streamwatch.detection.reading import Reading
from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.shiryaev_roberts import ShiryaevRoberts
from streamwatch.records import AlertKind
from streamwatch.timeline import DAY_MS, HOUR_MS, bucket_start

ALTERNATIVES = (3.0, 6.0, 12.0)
LEAST = 5
"""An alert shows five documents; with fewer there is nothing to show."""
LIFT = 2.5
LEAST_EXPECTED = 0.05
"""An hour's expectation is never below this: 'never' is not known of any series."""
EMERGES = 0.5
"""The part of the log threshold at which a cold series starts anew: doing so needlessly costs a day of waiting, and
no alert.
"""
SLOT_MS = HOUR_MS // 12
WARM_HOURS = 24
FORGOTTEN_MS = 14 * DAY_MS
"""A series that was silent for longer starts anew."""


class VolumeState(msgspec.Struct, array_like=True):
    """All that is remembered. `slots_…` are five minutes each, the newest last; `last_day` has the last 24 hours, the
    newest last.
    """

    baseline: HourlyBaseline
    evidence: ShiryaevRoberts
    hour_ms: int = -1
    hour_k: int = 0
    hour_has_documents: bool = False
    n_active_hours: int = 0
    slot_ms: int = 0
    slots_n: list[int] = []
    slots_k: list[int] = []
    last_day: list[int] = []
    firing: bool = False
    peak: float = 0.0
    episode_n: int = 0
    episode_k: int = 0
    episode_expected: float = 0.0
    now_ms: int = 0


class VolumeDetector:
    """Tests one series; `update` takes each 10 s bucket that has documents, in time order."""

    kind: AlertKind = "negative_volume"
    version = "volume-e-detector/1"
    patience = 1

    def __init__(self, config: DetectionConfig, state: VolumeState | None = None) -> None:
        self.config = config
        self.state = state or VolumeState(HourlyBaseline.fresh(0), ShiryaevRoberts.fresh(len(ALTERNATIVES)))
        self.threshold = config.volume_run_length
        self._log_threshold = log(self.threshold)
        self._expect()

    @property
    def warm(self) -> bool:
        """Whether there is enough history to test against."""
        return self.state.n_active_hours >= WARM_HOURS

    @property
    def crossed(self) -> bool:
        """Whether the evidence reaches the threshold now, and the last hour matters."""
        return self.warm and self._matters() and self.log_e >= self._log_threshold

    @property
    def log_e(self) -> float:
        """log of the e-value, the running hour included."""
        return self.state.evidence.preview(self._log_ratios()) if self._expected and self.state.hour_ms >= 0 else -inf

    @property
    def expected(self) -> float:
        """Negatives that the present hour usually brings."""
        return self._expected

    def update(self, start_ms: int, n: int, k: int) -> None:
        """Count n documents, k of them negative, of the 10 s bucket at `start_ms`."""
        self._advance(start_ms)
        state = self.state
        state.now_ms = start_ms + self.config.bucket_ms
        state.hour_k += k
        state.hour_has_documents = state.hour_has_documents or n > 0
        state.slots_n[-1] += n
        state.slots_k[-1] += k
        if state.firing:
            state.episode_n += n
            state.episode_k += k
            state.peak = max(state.peak, float(sum(state.slots_k)))
        elif k and not self.warm and self._matters() and self.log_e >= self._log_threshold * EMERGES:
            self._emerge()

    def begin(self) -> None:
        """An episode fires: the baseline is frozen."""
        state, reading = self.state, self.reading()
        state.firing, state.peak = True, float(reading.k)
        state.episode_n, state.episode_k, state.episode_expected = reading.n, reading.k, self._expected

    def calm(self, at_ms: int) -> bool:
        """Whether the upper bound of the last hour's negatives lies below the midpoint of usual and peak."""
        self._advance(at_ms)
        k = sum(self.state.slots_k)
        return k + 2 * sqrt(k) + 1 < (self._expected + self.state.peak) / 2 or k <= self._expected

    def end(self, at_ms: int, new_level: bool) -> None:
        """The episode is over; as a new level, the baseline takes the episode's level and its own shape of day."""
        state = self.state
        self._advance(at_ms)
        if new_level:
            state.baseline.rescale(state.episode_k / max(state.episode_expected, LEAST_EXPECTED))
        state.firing = False
        state.evidence = ShiryaevRoberts.fresh(len(ALTERNATIVES))
        state.baseline.since_ms, state.hour_k = at_ms, 0
        self._expect()

    def reading(self) -> Reading:
        """The numbers behind the present evidence; shares are for the share detector to fill."""
        state = self.state
        if state.firing:
            return Reading(state.slot_ms, state.episode_n, state.episode_k, 0, 0, 0, state.episode_expected, self.log_e)
        window_ms = state.slot_ms - (len(state.slots_k) - 1) * SLOT_MS
        return Reading(window_ms, sum(state.slots_n), sum(state.slots_k), 0, 0, 0, self._expected, self.log_e)

    def _matters(self) -> bool:
        """Enough negatives in the last hour for people to call it an incident."""
        k, usual = sum(self.state.slots_k), self._expected
        return k >= LEAST and k >= LIFT * usual and k >= LIFT * median(self.state.last_day)

    def _emerge(self) -> None:
        """Collection began: forget what was before this hour."""
        state = self.state
        state.baseline = HourlyBaseline.fresh(state.hour_ms)
        state.evidence = ShiryaevRoberts.fresh(len(ALTERNATIVES))
        state.n_active_hours = 0
        self._expect()

    def _advance(self, at_ms: int) -> None:
        """Close the slots and hours that end at or before `at_ms`."""
        if self.state.hour_ms < 0 or at_ms - self.state.now_ms > FORGOTTEN_MS:
            self._start(at_ms)
        state = self.state
        while bucket_start(at_ms, HOUR_MS) > state.hour_ms:
            self._close_hour()
        slot = bucket_start(at_ms, SLOT_MS)
        n_new = min((slot - state.slot_ms) // SLOT_MS, 12)
        if n_new > 0:
            state.slots_n = [*state.slots_n, *[0] * n_new][-12:]
            state.slots_k = [*state.slots_k, *[0] * n_new][-12:]
            state.slot_ms = slot

    def _start(self, at_ms: int) -> None:
        self.state = VolumeState(
            HourlyBaseline.fresh(at_ms),
            ShiryaevRoberts.fresh(len(ALTERNATIVES)),
            hour_ms=bucket_start(at_ms, HOUR_MS),
            slot_ms=bucket_start(at_ms, SLOT_MS),
            slots_n=[0] * 12,
            slots_k=[0] * 12,
            now_ms=at_ms,
        )
        self._expect()

    def _close_hour(self) -> None:
        """The running hour ends: its evidence is kept, the baseline learns it (unless an episode is firing), the next
        one begins.
        """
        state = self.state
        ends = state.hour_ms + HOUR_MS
        if state.firing:
            state.episode_expected += self._expected
        else:
            self._learn_hour(ends)
        state.last_day = [*state.last_day, state.hour_k][-HOURS:]
        state.hour_ms, state.hour_k, state.hour_has_documents = ends, 0, False
        state.now_ms = max(state.now_ms, ends)
        self._expect()

    def _learn_hour(self, ends_ms: int) -> None:
        state = self.state
        if self.warm:
            state.now_ms = ends_ms
            state.evidence.close(self._log_ratios())
        watched = min(1.0, (ends_ms - state.baseline.since_ms) / HOUR_MS)
        state.baseline.learn(hour_of_day(state.hour_ms), state.hour_k, watched)
        state.n_active_hours = min(WARM_HOURS, state.n_active_hours + state.hour_has_documents)

    def _log_ratios(self) -> tuple[float, ...]:
        """Of the running hour, as far as it has passed."""
        state = self.state
        passed = min(1.0, (state.now_ms - state.hour_ms) / HOUR_MS)
        mean = max(LEAST_EXPECTED, self._expected) * passed
        return tuple(
            negative_binomial.log_likelihood_ratio(state.hour_k, mean, times, self._psi) for times in ALTERNATIVES
        )

    def _expect(self) -> None:
        """What the running hour brings: a function of the baseline, which learns when an hour closes."""
        baseline = self.state.baseline
        self._expected, self._psi = baseline.expected(hour_of_day(self.state.hour_ms)), baseline.psi


def hour_of_day(ms: int) -> int:
    """0 to 23, UTC."""
    return ms // HOUR_MS % HOURS


def median(counts: list[int]) -> float:
    """The median; 0 of nothing.

    >>> median([]), median([3, 1]), median([5, 1, 9])
    (0.0, 2.0, 5.0)
    """
    if not counts:
        return 0.0
    ordered, half = sorted(counts), len(counts) // 2
    return float(ordered[half]) if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
