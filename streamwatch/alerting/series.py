"""One series under watch: its two tests, its witnesses, a sample of its past, and the episodes that it is in.

Its tests remember what is usual in the units of one model version (`units`). When documents of another come, the tests
are told which and how many, and after some hundred of them all is rewritten in the new one's units; evidence and episodes
stay. See `detection.units`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from streamwatch.alerting.episode import Episode
from streamwatch.alerting.past import Past
from streamwatch.alerting.voices import Voice
from streamwatch.alerting.watch import Event, Watch
from streamwatch.alerting.witnesses import Witnesses
from streamwatch.detection.reading import Reading
from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.share import NOBODY, ShareDetector, ShareState
from streamwatch.detection.shift import Shift
from streamwatch.detection.units import Units
from streamwatch.detection.versions import NO_VERSION, Versions
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
    units: Units = msgspec.field(default_factory=Units)


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
    """Counts the voices of one series, bucket by bucket. `versions` says how one model version translates into another."""

    def __init__(
        self,
        name: str,
        config: DetectionConfig,
        rules: RuleSet,
        versions: Versions,
        state: SeriesState | None = None,
    ) -> None:
        self.name = name
        self.units = state.detectors.units if state else Units()
        self._versions = versions
        self.witnesses = state.evidence.witnesses if state else Witnesses()
        self.past = state.evidence.past if state else Past()
        self.last_ms = state.detectors.last_ms if state else 0
        self.n_heard = state.detectors.n_heard if state else 0
        self._config = config
        self._cold_null: float | None = None
        self._cold_version = NO_VERSION
        self._govern(
            rules,
            state.detectors.share if state else None,
            state.detectors.volume if state else None,
            state.evidence.episodes if state else {},
        )

    @property
    def state(self) -> SeriesState:
        """What to keep."""
        detectors = DetectorState(self.share.state, self.volume.state, self.last_ms, self.n_heard, self.units)
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
        self.share = ShareDetector(self._config.under(of_share), share, self._shift_to)
        self._lean()
        self.volume = VolumeDetector(self._config.under(of_volume), volume, self._shift_to)
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

    def lean_on(self, cold_null: float | None, version: int) -> None:
        """From now on this is the share that its peers allow a new series, in the units of that version."""
        self._cold_null, self._cold_version = cold_null, version
        self._lean()

    def level_for(self, version: int) -> float:
        """The usual share as that version would say it."""
        level = self.share.state.baseline.level
        return level if version == self.units.version else self._between(self.units.version, version).share(level)

    def count(self, start_ms: int, heard: Sequence[Voice], version: int | None = None) -> None:
        """Count the voices of the bucket at `start_ms`; `version` read all of them, where it is one and known to be."""
        counted: list[Voice] = []
        n_negative = 0
        for voice in heard:
            if not voice.negative:
                counted.append(voice)
            elif self._hear(voice, start_ms):
                counted.append(voice)
                n_negative += 1
            self.past.add(voice, start_ms)
        self.last_ms = start_ms
        self.n_heard += len(heard)
        guests = NOBODY if version == self.units.version else self._receive(counted)
        for watch in self.watches:
            watch.detector.update(start_ms, len(counted), n_negative, guests)

    # -- versions

    def _receive(self, counted: Sequence[Voice]) -> Mapping[int, int]:
        """The documents of each version but that of the units, which may be another one after them."""
        own, counts = self.units.version, Counter(voice.model for voice in counted)
        if counts.keys() <= {own, NO_VERSION}:
            return NOBODY
        what = self.units.receive(counts)
        if own == NO_VERSION:
            self._lean()
        elif what == "arrived":
            for watch in self.watches:
                watch.detector.loosen(self._shift_to(self.units.guest))
        elif what == "takes_over":
            self._take_over()
        return {version: n for version, n in sorted(counts.items()) if version not in (self.units.version, NO_VERSION)}

    def _take_over(self) -> None:
        """From now on all is in the units of the version that came."""
        old, new = self.units.version, self.units.guest
        shift = self._shift_to(new)
        self.units.take_over()
        for watch in self.watches:
            watch.detector.translate(shift, old, new)
        self._lean()

    def _lean(self) -> None:
        """Say what peers allow, in our own units."""
        null, ours = self._cold_null, self.units.version
        if null is not None and self._cold_version != ours:
            null = self._between(self._cold_version, ours).share(null)
        self.share.lean_on(null)

    def _shift_to(self, version: int) -> Shift:
        return self._between(self.units.version, version)

    def _between(self, old: int, new: int) -> Shift:
        return self._versions.between(self.name, old, new)

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
        p0, low, high = self.share.usual(self.last_ms)
        return msgspec.structs.replace(reading, p0=p0, p0_low=low, p0_high=high)
