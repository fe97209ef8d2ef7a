"""One series under watch: its two tests, its witnesses, a sample of its past, and the episodes that it is in."""

from collections.abc import Iterator, Sequence

import msgspec

from streamwatch.alerting.episode import Episode
from streamwatch.alerting.past import Past
from streamwatch.alerting.voices import Voice
from streamwatch.alerting.watch import Event, Watch
from streamwatch.alerting.witnesses import Witnesses
from streamwatch.detection.reading import Reading
from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.share import ShareDetector, ShareState
from streamwatch.detection.volume import VolumeDetector, VolumeState
from streamwatch.records import AlertKind
from streamwatch.rules.rule_set import RuleSet

EMERGING = 10
"""Negatives of the last hour from which a series without history is worth a look."""


class DetectorState(msgspec.Struct, array_like=True):
    """What the tests of a series remember, 1 KB at most whatever the traffic."""

    share: ShareState
    volume: VolumeState
    last_ms: int
    n_heard: int


class EvidenceState(msgspec.Struct, array_like=True):
    """What an alert of the series would show, and the episodes by kind."""

    witnesses: Witnesses
    past: Past
    episodes: dict[AlertKind, Episode]


class SeriesState(msgspec.Struct, array_like=True):
    """All that is kept of a series."""

    detectors: DetectorState
    evidence: EvidenceState


class Series:
    """Counts the voices of one series, bucket by bucket."""

    def __init__(self, name: str, config: DetectionConfig, rules: RuleSet, state: SeriesState | None = None) -> None:
        self.name = name
        self.witnesses = state.evidence.witnesses if state else Witnesses()
        self.past = state.evidence.past if state else Past()
        self.last_ms = state.detectors.last_ms if state else 0
        self.n_heard = state.detectors.n_heard if state else 0
        self._config = config
        self._cold_null: float | None = None
        self._govern(
            rules,
            state.detectors.share if state else None,
            state.detectors.volume if state else None,
            state.evidence.episodes if state else {},
        )

    @property
    def state(self) -> SeriesState:
        """What to keep."""
        detectors = DetectorState(self.share.state, self.volume.state, self.last_ms, self.n_heard)
        episodes = {watch.detector.kind: watch.episode for watch in self.watches if watch.episode is not None}
        return SeriesState(detectors, EvidenceState(self.witnesses, self.past, episodes))

    @property
    def busy(self) -> bool:
        """Whether an episode is pending or firing."""
        return any(watch.episode is not None for watch in self.watches)

    @property
    def firing(self) -> bool:
        """Whether an episode is firing."""
        return any(watch.firing for watch in self.watches)

    @property
    def emerging(self) -> bool:
        """Whether it speaks up without a history to test it against: shown in reports, and no alert."""
        return not self.volume.warm and self.last_ms > 0 and self.volume.reading().k >= EMERGING

    def govern(self, rules: RuleSet) -> None:
        """From now on these rules own the series; what it has learnt stays."""
        self._govern(rules, self.share.state, self.volume.state, self.state.evidence.episodes)

    def _govern(
        self,
        rules: RuleSet,
        share: ShareState | None,
        volume: VolumeState | None,
        episodes: dict[AlertKind, Episode],
    ) -> None:
        of_share, of_volume = (rules.rule_for(self.name, kind) for kind in ("negative_share", "negative_volume"))
        self.share = ShareDetector(self._config.under(of_share), share)
        self.share.lean_on(self._cold_null)
        self.volume = VolumeDetector(self._config.under(of_volume), volume)
        self.watches = (
            Watch(self.name, self.share, of_share, self.witnesses, episodes.get("negative_share")),
            Watch(self.name, self.volume, of_volume, self.witnesses, episodes.get("negative_volume")),
        )
        owners = [rule for rule in (of_share, of_volume) if rule is not None]
        self._one_author_may_fire = bool(owners) and all(rule.max_author_share >= 1 for rule in owners)

    def watch(self, kind: str) -> Watch:
        """The test of that kind."""
        return next(watch for watch in self.watches if watch.detector.kind == kind)

    def echoes(self, all_: "Series") -> bool:
        """Whether this is a source that brought everything there is: one stream, one alert.

        What a source hears, `all` hears too, so equal numbers are equal documents.
        """
        return self.name.startswith("source:") and self.n_heard == all_.n_heard

    def lean_on(self, cold_null: float | None) -> None:
        """From now on this is the share that its peers allow a new series."""
        self._cold_null = cold_null
        self.share.lean_on(cold_null)

    def count(self, start_ms: int, heard: Sequence[Voice]) -> None:
        """Count the voices of the bucket at `start_ms`."""
        n_other = sum(not voice.negative for voice in heard)
        n_negative = sum(self._hear(voice, start_ms) for voice in heard if voice.negative)
        for voice in heard:
            self.past.add(voice, start_ms)
        self.last_ms = start_ms
        self.n_heard += len(heard)
        for watch in self.watches:
            watch.detector.update(start_ms, n_other + n_negative, n_negative)

    def _hear(self, voice: Voice, start_ms: int) -> bool:
        """Whether a negative voice counts: where one mouth may not fire alone, it is not counted again and again."""
        repeats = self.witnesses.repeats(voice, start_ms)
        heard_enough = not self.witnesses.add(voice, start_ms)
        return self._one_author_may_fire or not (repeats or heard_enough)

    def test(self, start_ms: int) -> Iterator[Event]:
        """What begins with the bucket at `start_ms`, which had negatives."""
        for watch in self.watches:
            if watch.crosses and (event := watch.test(start_ms, self.share.null, self.reading(watch))) is not None:
                yield event

    def tick(self, at_ms: int) -> Iterator[Event]:
        """Time has passed up to `at_ms`: what fires after its `for`, and what is over."""
        for watch in self.watches:
            if watch.episode is not None and (event := watch.tick(at_ms, self.reading(watch))) is not None:
                yield event

    def reading(self, watch: Watch) -> Reading:
        """The detector's reading; the usual share is the share detector's in both."""
        reading = watch.detector.reading()
        if watch.detector is self.share:
            return reading
        usual, at_ms = self.share.state.baseline, self.last_ms
        return msgspec.structs.replace(
            reading, p0=usual.p(at_ms), p0_low=usual.lower(at_ms), p0_high=usual.upper(at_ms)
        )
