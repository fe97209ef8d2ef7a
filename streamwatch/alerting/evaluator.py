"""The evaluator: a deterministic function from the sequence of closed 10 s buckets to alerts.

Nothing else goes in: not the wall clock, not how buckets were grouped into calls, not the partition or the order of
the entries. So a replay at any speed, a crash and a reload anywhere, and the offline backtest give the same alerts.

Examples:
    >>> evaluator = Evaluator(DetectionConfig())
    >>> entry = Entry("t1", "negative", ("all",), "", 0, 0)
    >>> evaluator.advance(20_000, [(0, [entry])])
    []
    >>> changes = evaluator.take_changes()
    >>> sorted(changes.series), changes.texts
    (['all'], {0: ['t1']})
    >>> again = Evaluator(DetectionConfig(), EvaluatorState().after(changes))
    >>> again.closed_until_ms
    20000
    >>> again.advance(20_000, [(0, [entry])])
    Traceback (most recent call last):
      ...
    streamwatch.errors.StaleState: bucket 0 was evaluated before: everything before 20000 is closed
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from streamwatch.alerting.series import Series, SeriesState
from streamwatch.alerting.texts import Texts
from streamwatch.alerting.transition import Changes, EvaluatorState, Transition
from streamwatch.alerting.voices import Voice, voices
from streamwatch.config import Settings
from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.volume import FORGOTTEN_MS
from streamwatch.errors import StaleState
from streamwatch.timeline import DAY_MS, MINUTE_MS, bucket_start
from streamwatch.trends.entry import Entry

log = logging.getLogger(__name__)

VERSION = 1
"""Of the state's layout. A state of another version is refused, and rebuilt from `classified`."""
TICK_MS = MINUTE_MS
"""How often a firing series is asked whether it is calm."""


class Header(msgspec.Struct, array_like=True):
    """`closed_until_ms` is −1 before the first call; `full` once the cap on series was reached."""

    version: int = VERSION
    closed_until_ms: int = -1
    full: bool = False


class Evaluator:
    """Tests every series. `state` is what the store kept, None for the first start."""

    def __init__(self, settings: Settings | DetectionConfig, state: EvaluatorState | None = None) -> None:
        self.config = DetectionConfig.of(settings) if isinstance(settings, Settings) else settings
        kept = state or EvaluatorState()
        self._header = _read_header(kept.header)
        self._texts = Texts(self.config.text_horizon_ms, kept.texts)
        self._series = {name: self._load(name, raw) for name, raw in sorted(kept.series.items())}
        self._changed: dict[str, None] = {}

    @property
    def closed_until_ms(self) -> int:
        """Everything before this was evaluated; −1 at the very start."""
        return self._header.closed_until_ms

    @property
    def firing(self) -> dict[str, list[str]]:
        """The series that are firing, with the ids of their episodes."""
        return {name: [e.id for e in one.episodes.values()] for name, one in sorted(self._series.items()) if one.firing}

    def advance(self, closed_until_ms: int, buckets: Iterable[tuple[int, Sequence[Entry]]]) -> list[Transition]:
        """Evaluate the non-empty buckets (start, entries) that closed, in time order; those not given were empty.

        Raises `StaleState`, with nothing done, when a bucket or `closed_until_ms` lies before what was evaluated.
        """
        closed = list(buckets)
        self._check(closed_until_ms, [start_ms for start_ms, _ in closed])
        transitions: list[Transition] = []
        for start_ms, entries in closed:
            transitions += self._pass_time(start_ms)
            transitions += self._count(start_ms, entries)
        return transitions + self._pass_time(closed_until_ms)

    def take_changes(self) -> Changes:
        """What must be persisted since the last call."""
        series = {name: self._dump(name) for name in sorted(self._changed)}
        self._changed = {}
        texts, dropped_hours = self._texts.take_changes()
        return Changes(series, texts, dropped_hours, msgspec.msgpack.encode(self._header))

    def _check(self, closed_until_ms: int, starts_ms: list[int]) -> None:
        at_ms = self.closed_until_ms
        if closed_until_ms < at_ms:
            raise StaleState(f"asked to close until {closed_until_ms}: everything before {at_ms} is closed")
        for start_ms in starts_ms:
            if start_ms < at_ms:
                raise StaleState(f"bucket {start_ms} was evaluated before: everything before {at_ms} is closed")
            if start_ms % self.config.bucket_ms or start_ms + self.config.bucket_ms > closed_until_ms:
                raise ValueError(f"bucket {start_ms} is no closed bucket: closed until {closed_until_ms}")
            at_ms = start_ms + self.config.bucket_ms

    def _pass_time(self, until_ms: int) -> list[Transition]:
        """Tick the firing series at every boundary after the last one up to `until_ms`."""
        ended: list[Transition] = []
        tick_ms = bucket_start(self.closed_until_ms, TICK_MS) + TICK_MS
        firing = [one for _, one in sorted(self._series.items()) if one.firing]
        while firing and tick_ms <= until_ms:
            for one in firing:
                ended += one.tick(tick_ms)
                self._changed[one.name] = None
            firing = [one for one in firing if one.firing]
            tick_ms += TICK_MS
        if bucket_start(until_ms, DAY_MS) > self.closed_until_ms:
            self._forget_silent(bucket_start(until_ms, DAY_MS))
        self._header.closed_until_ms = until_ms
        return ended

    def _count(self, start_ms: int, entries: Sequence[Entry]) -> list[Transition]:
        heard: dict[str, list[Voice]] = defaultdict(list)
        for voice in voices(entries):
            if self._texts.count(voice.text_hash, start_ms):
                for name in voice.series:
                    heard[name].append(voice)
            else:
                self._amplify(voice)
        begun: list[Transition] = []
        for name in sorted(heard):
            one = self._watched(name)
            if one is not None:
                one.count(start_ms, heard[name])
                self._changed[name] = None
                if self._may_fire(one, heard[name]):
                    begun += one.fire(start_ms)
        return begun

    def _may_fire(self, one: Series, heard: list[Voice]) -> bool:
        """Only negatives move a test towards its threshold, and a source that is the whole stream adds nothing."""
        whole = self._series.get("all")
        return any(voice.negative for voice in heard) and (whole is None or not one.echoes(whole))

    def _amplify(self, voice: Voice) -> None:
        for name in voice.series:
            one = self._series.get(name)
            if one is not None and one.witnesses.amplify(voice.text_hash, voice.copies):
                self._changed[name] = None

    def _watched(self, name: str) -> Series | None:
        """The series of that name, while there is room under the cap: first to appear, ties by name."""
        one = self._series.get(name)
        if one is not None:
            return one
        if len(self._series) >= self.config.max_series:
            self._say_full(name)
            return None
        one = self._series[name] = Series(name, self.config)
        return one

    def _say_full(self, name: str) -> None:
        if not self._header.full:
            log.warning("max_series=%d reached: %s and later new series are not tested", self.config.max_series, name)
            self._header.full = True

    def _forget_silent(self, day_ms: int) -> None:
        """At midnight, series that were silent for long make room."""
        for name in [n for n, one in self._series.items() if not one.firing and day_ms - one.last_ms > FORGOTTEN_MS]:
            del self._series[name]
            self._changed[name] = None

    def _load(self, name: str, raw: bytes) -> Series:
        return Series(name, self.config, msgspec.msgpack.decode(raw, type=SeriesState))

    def _dump(self, name: str) -> bytes | None:
        one = self._series.get(name)
        return msgspec.msgpack.encode(one.state) if one is not None else None


def _read_header(raw: bytes) -> Header:
    if not raw:
        return Header()
    header = msgspec.msgpack.decode(raw, type=Header)
    if header.version != VERSION:
        raise StaleState(
            f"evaluator state of version {header.version}, expected {VERSION}: rebuild it from `classified`"
        )
    return header
