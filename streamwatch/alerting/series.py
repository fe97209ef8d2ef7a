"""One series under watch: its two detectors, its witnesses, and the episodes that are firing."""

from collections.abc import Iterator
from math import exp
from typing import Literal

import msgspec

from streamwatch.alerting.episode import RULE, Episode, episode_id
from streamwatch.alerting.severity import severity
from streamwatch.alerting.transition import Transition
from streamwatch.alerting.voices import Voice
from streamwatch.alerting.witnesses import Witnesses
from streamwatch.detection.reading import Reading
from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.share import ShareDetector, ShareState
from streamwatch.detection.volume import VolumeDetector, VolumeState
from streamwatch.records import Alert, AlertState, Evidence
from streamwatch.timeline import from_ms

Resolution = Literal["", "recovered", "new_level", "max_firing"]
Detector = ShareDetector | VolumeDetector

MOST = 0.5
"""Of a series that is mostly negative anyway, more of the same is bad news too: the outage that everybody posts about."""
LARGEST_LOG = 690.0
"""e to this is still a float that JSON can carry."""


class SeriesState(msgspec.Struct, array_like=True):
    """All that is kept of a series, some 2 KB."""

    share: ShareState
    volume: VolumeState
    witnesses: Witnesses
    episodes: dict[str, Episode]
    last_ms: int
    n_heard: int


class Series:
    """Counts the voices of one series, bucket by bucket."""

    def __init__(self, name: str, config: DetectionConfig, state: SeriesState | None = None) -> None:
        self.name = name
        self.config = config
        self.share = ShareDetector(config, state.share if state else None)
        self.volume = VolumeDetector(config, state.volume if state else None)
        self.witnesses = state.witnesses if state else Witnesses()
        self.episodes = state.episodes if state else {}
        self.last_ms = state.last_ms if state else 0
        self.n_heard = state.n_heard if state else 0

    @property
    def state(self) -> SeriesState:
        """What to keep."""
        return SeriesState(
            self.share.state, self.volume.state, self.witnesses, self.episodes, self.last_ms, self.n_heard
        )

    @property
    def firing(self) -> bool:
        """Whether an episode is firing."""
        return bool(self.episodes)

    def echoes(self, all_: "Series") -> bool:
        """Whether this is a source that brought everything there is: one stream, one alert.

        What a source hears, `all` hears too, so equal numbers are equal documents.
        """
        return self.name.startswith("source:") and self.n_heard == all_.n_heard

    def count(self, start_ms: int, heard: list[Voice]) -> None:
        """Count the voices of the bucket at `start_ms`."""
        n_other = sum(not voice.negative for voice in heard)
        n_negative = sum(self.witnesses.add(voice, start_ms) for voice in heard if voice.negative)
        self.last_ms = start_ms
        self.n_heard += len(heard)
        for detector in self._detectors():
            detector.update(start_ms, n_other + n_negative, n_negative)

    def fire(self, start_ms: int) -> Iterator[Transition]:
        """What begins to fire with the bucket at `start_ms`, which had negatives."""
        for detector in self._detectors():
            if detector.kind in self.episodes or not detector.crossed:
                continue
            reading = self._reading(detector)
            if not (self._bad_news(reading) and self.witnesses.convincing(reading.window_start_ms)):
                continue
            name = episode_id(RULE, self.name, detector.kind, start_ms)
            episode = self.episodes[detector.kind] = Episode(name, start_ms, 1, reading)
            detector.begin()
            yield self._transition(detector, episode, reading, "firing", start_ms + self.config.bucket_ms)

    def tick(self, at_ms: int) -> list[Transition]:
        """Time has passed up to `at_ms`: what is resolved."""
        ended = []
        for detector in self._detectors():
            episode = self.episodes.get(detector.kind)
            if episode is not None and (resolution := self._over(detector, episode, at_ms)):
                ended.append(self._resolve(detector, episode, at_ms, resolution))
        return ended

    def _bad_news(self, reading: Reading) -> bool:
        """Not mere volume (a stock's first day): a larger part than usual is negative, or most of it is."""
        return reading.k >= reading.n * min(MOST, self.share.null)

    def _detectors(self) -> tuple[Detector, Detector]:
        return self.share, self.volume

    def _over(self, detector: Detector, episode: Episode, at_ms: int) -> Resolution:
        """Why the episode is over, or nothing."""
        if episode.calm_for_ms(detector.calm(at_ms), at_ms) >= self.config.keep_firing_ms * detector.patience:
            return "recovered"
        return "new_level" if episode.age_ms(at_ms) >= self.config.max_firing_ms else ""

    def _resolve(self, detector: Detector, episode: Episode, at_ms: int, resolution: Resolution) -> Transition:
        reading = self._reading(detector)
        del self.episodes[detector.kind]
        detector.end(at_ms, new_level=resolution == "new_level")
        episode.revision += 1
        return self._transition(detector, episode, reading, "resolved", at_ms, resolution)

    def _reading(self, detector: Detector) -> Reading:
        """The detector's reading; the usual share is the share detector's in both."""
        reading = detector.reading()
        if detector is self.share:
            return reading
        usual = self.share.state.baseline
        return msgspec.structs.replace(reading, p0=usual.p, p0_low=usual.lower(), p0_high=usual.upper())

    def _transition(
        self,
        detector: Detector,
        episode: Episode,
        now: Reading,
        state: AlertState,
        at_ms: int,
        resolution: Resolution = "",
    ) -> Transition:
        """`now` has the counts, the onset's reading has the usual and the score."""
        since_ms, score = episode.fired.window_start_ms, exp(min(episode.fired.log_e, LARGEST_LOG))
        lift = now.k / max(now.k_expected, 1e-9)
        alert = Alert(
            id=episode.id,
            revision=episode.revision,
            state=state,
            rule=RULE,
            series=self.name,
            kind=detector.kind,
            severity=severity(lift, score, detector.threshold, now.k),
            onset=from_ms(episode.onset_ms),
            at=from_ms(at_ms),
            window_s=(at_ms - since_ms) // 1000,
            n=now.n,
            k=now.k,
            share=now.k / max(now.n, 1),
            p0=episode.fired.p0,
            p0_low=episode.fired.p0_low,
            p0_high=episode.fired.p0_high,
            k_expected=now.k_expected,
            lift=lift,
            score=score,
            threshold=detector.threshold,
            evidence=self._evidence(since_ms),
            resolution=resolution,
            detector=detector.version,
        )
        return Transition(alert=alert, refs=self.witnesses.references(since_ms))

    def _evidence(self, since_ms: int) -> Evidence:
        seen = self.witnesses.summary(since_ms)
        return Evidence(
            n_distinct_texts=seen.n_distinct_texts,
            n_distinct_authors=seen.n_distinct_authors,
            largest_author_share=seen.largest_author_share,
            n_copies=seen.n_copies,
        )
