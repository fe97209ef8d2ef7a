"""One test of one series under the rule that owns it: when its episode begins, and when it is over."""

from typing import Literal, NamedTuple

from streamwatch.alerting.episode import Episode, episode_id
from streamwatch.alerting.witnesses import Witnesses
from streamwatch.detection.reading import Reading
from streamwatch.detection.share import ShareDetector
from streamwatch.detection.volume import VolumeDetector
from streamwatch.records import AlertKind, Resolution
from streamwatch.rules.rule import Rule

Detector = ShareDetector | VolumeDetector

MOST = 0.5
"""Of a series that is mostly negative anyway, more of the same is bad news too: the outage that everybody posts about."""

What = Literal["pending", "firing", "withdrawn", "resolved"]


class Event(NamedTuple):
    """What became of the episode of a series' test. `reading` is the detector's at that moment."""

    what: What
    series: str
    kind: AlertKind
    episode: Episode
    reading: Reading
    at_ms: int
    resolution: Resolution = ""


class Watch:
    """A detector, the rule that owns it (None: it only learns), and the episode that it is in.

    Args:
        name: of the series.
        detector: tests it; it is fed by the series.
        witnesses: the series' latest negative voices.
    """

    def __init__(
        self, name: str, detector: Detector, rule: Rule | None, witnesses: Witnesses, episode: Episode | None
    ) -> None:
        self._name = name
        self.detector = detector
        self.rule = rule
        self._witnesses = witnesses
        self.episode = episode

    @property
    def firing(self) -> bool:
        """Whether an episode is firing."""
        return self.episode is not None and not self.episode.pending

    @property
    def crosses(self) -> bool:
        """Whether an episode might begin now. Asked at every bucket, before the numbers behind it are."""
        return self.rule is not None and self.episode is None and self.detector.crossed

    def test(self, start_ms: int, null_share: float, reading: Reading) -> Event | None:
        """What begins with the bucket at `start_ms`, where the test crosses. `null_share` is what may be usual."""
        if self.rule is None or not self._convinces(self.rule, null_share, reading):
            return None
        name = episode_id(self.rule.name, self._name, self.detector.kind, start_ms)
        self.episode = Episode(name, start_ms, reading, pending=self.rule.for_ms > 0)
        at_ms = start_ms + self.detector.config.bucket_ms
        return self._event("pending", reading, at_ms) if self.episode.pending else self._fire(reading, at_ms)

    def tick(self, at_ms: int, reading: Reading) -> Event | None:
        """Time has passed up to `at_ms` in an episode."""
        assert self.episode is not None
        if self.episode.pending:
            return self._wait(self.episode, at_ms, reading)
        resolution = self._over(self.episode, at_ms)
        return self._resolve(at_ms, reading, resolution) if resolution else None

    def _convinces(self, rule: Rule, null_share: float, reading: Reading) -> bool:
        """It is bad news of more than one mouth.

        Not mere volume (a stock's first day): a larger part than usual is negative, or most of it is.
        """
        return (
            reading.k >= rule.min_negatives
            and reading.k >= reading.n * min(MOST, null_share)
            and (self.detector.kind != "negative_volume" or reading.k >= rule.min_lift * reading.k_expected)
            and self._witnesses.convincing(
                reading.window_start_ms, rule.min_texts, rule.max_author_share, rule.max_author_share
            )
        )

    def _wait(self, episode: Episode, at_ms: int, reading: Reading) -> Event | None:
        """While pending: fire when `for` is over, withdraw when the test no longer crosses, or nobody asks any more."""
        if self.rule is None or not self.detector.crossed:
            return self._leave("withdrawn", reading, at_ms, "withdrawn")
        if episode.age_ms(at_ms) < self.rule.for_ms:
            return None
        episode.pending = False
        return self._fire(reading, at_ms)

    def _fire(self, reading: Reading, at_ms: int) -> Event:
        self.detector.begin()
        return self._event("firing", reading, at_ms)

    def _over(self, episode: Episode, at_ms: int) -> Resolution:
        """Why the episode is over, or nothing."""
        if self.rule is None:  # the rule was taken away: nobody asks for this any more
            return "withdrawn"
        if episode.calm_for_ms(self.detector.calm(at_ms), at_ms) >= self.rule.keep_firing_for_ms:
            return "recovered"
        return "new_level" if episode.age_ms(at_ms) >= self.rule.max_firing_ms else ""

    def _resolve(self, at_ms: int, reading: Reading, resolution: Resolution) -> Event:
        event = self._leave("resolved", reading, at_ms, resolution)
        self.detector.end(at_ms, new_level=resolution == "new_level")
        return event

    def _leave(self, what: What, reading: Reading, at_ms: int, resolution: Resolution) -> Event:
        event = self._event(what, reading, at_ms, resolution)
        self.episode = None
        return event

    def _event(self, what: What, reading: Reading, at_ms: int, resolution: Resolution = "") -> Event:
        assert self.episode is not None
        return Event(what, self._name, self.detector.kind, self.episode, reading, at_ms, resolution)
