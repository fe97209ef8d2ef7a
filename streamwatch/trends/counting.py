"""From records of `classified` to what the windows of one partition gain by them: pure, the same for every store.

Two passes, so that a store is asked once which ids it knows:

1. `admit` judges each record at the fence and gives it its arrival time (monotone in its source partition).
2. `count` adds up the admitted ones, leaving out ids that were counted before.

Both are functions of the log and of the partition's state alone, so a rebuild gives the same windows. They run for every
document, so their loops are plain: what a batch repeats (a series, a text, an author) is looked up, not made again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from streamwatch.config import BUCKET_MS, Settings
from streamwatch.delivery.fence import NOTHING, Verdict, judge
from streamwatch.detection.versions import NO_VERSION, code_of
from streamwatch.drift.stored import DRIFT_BUCKET_MS
from streamwatch.labelling.chance import doubt, draw_number
from streamwatch.records import Classified
from streamwatch.text.clean import text_hash
from streamwatch.timeline import bucket_start
from streamwatch.trends.entry import Entry, series_of
from streamwatch.trends.gains import Gains
from streamwatch.trends.levels import retentions_ms

COUNTED_OUTCOMES = ("classified", "duplicate")


class SourceState(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one source partition: its fence, its newest arrival, and the replays open in it."""

    fence: int = NOTHING
    arrival_ms: int | None = None
    replays: tuple[str, ...] = ()


class PartitionState(msgspec.Struct, frozen=True):
    """What the store says of one partition of `classified`.

    `applied` is the next offset of `classified` to apply. `epoch` is drawn anew whenever an empty store is begun or
    `applied` goes back, so that a writer which knew the store before cannot mistake it for its own where `applied`
    agrees again. A delta whose state after it has no epoch asks the store for a new one.
    """

    applied: int = 0
    epoch: str = ""
    sources: dict[str, SourceState] = {}


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """A record that passed the fence, with its offset in `classified`, its arrival and the hash of its id."""

    offset: int
    record: Classified
    arrival_ms: int
    id_key: str


@dataclass
class Admission:
    """The outcome of `admit`: what to count, the state after it, and what the fence kept out."""

    admitted: list[Admitted]
    after: PartitionState
    holes: dict[str, int] = field(default_factory=dict)
    """By source channel, the smallest `follows` above the fence, where the fence kept records out for a hole."""


@dataclass
class Delta:
    """What one batch adds to the windows of one partition."""

    after: PartitionState
    gains: Gains = field(default_factory=Gains)
    entries: dict[int, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    ids: dict[tuple[str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    """Hashes of ids, and of texts that the drift monitors heard (`text_key`), by the generation that remembers them."""
    heard: dict[int, list[Classified]] = field(default_factory=lambda: defaultdict(list))
    """What the drift monitors hear, by bucket: each text once in a while."""
    totals: Counter[str] = field(default_factory=Counter)
    counted: list[Admitted] = field(default_factory=list)
    """The documents that the windows gain, in the log's order: what a store of documents keeps."""


def admit(state: PartitionState, records: Iterable[tuple[int, Classified | None]]) -> Admission:
    """Judge `records` (offset in `classified`, record), in log order, against `state`; None is none of ours."""
    sources = dict(state.sources)
    outcome = Admission([], state)
    applied = state.applied
    for offset, record in records:
        applied = offset + 1
        if record is None:
            continue
        source = sources.get(record.source_channel, SourceState())
        verdict = judge(source.fence, record.source_offset, record.follows)
        if verdict is Verdict.COUNT:
            moved = _moved(source, record)
            sources[record.source_channel] = moved
            assert moved.arrival_ms is not None
            outcome.admitted.append(Admitted(offset, record, moved.arrival_ms, text_hash(record.id)))
        elif verdict is Verdict.HOLE:
            smallest = outcome.holes.get(record.source_channel, record.follows)
            outcome.holes[record.source_channel] = min(smallest, record.follows)
    outcome.after = PartitionState(applied, state.epoch, sources)
    return outcome


def _moved(source: SourceState, record: Classified) -> SourceState:
    arrival_ms = record.observed_ms
    if source.arrival_ms is not None and source.arrival_ms > arrival_ms:
        arrival_ms = source.arrival_ms
    replays = source.replays if record.marker is None else _replays(source.replays, record.marker)
    return SourceState(record.source_offset, arrival_ms, replays)


def _replays(open_now: tuple[str, ...], marker: str) -> tuple[str, ...]:
    verb, _, run = marker.partition(":")
    rest = tuple(name for name in open_now if name != run)
    return (*rest, run) if verb == "begin" else rest


def id_generation(admitted: Admitted, horizon_ms: int) -> tuple[str, int]:
    """The source channel (each has a clock of its own) and number of the generation that remembers this id.

    An id is known in its own generation and the one after, so for at least one horizon and at most two of arrival time.
    """
    return admitted.record.source_channel, admitted.arrival_ms // horizon_ms


def text_key(record: Classified) -> str:
    """A text among the ids of its generation.

    The drift monitors hear a text once in a generation and source partition, in the log's order: which copies the classifier
    has called duplicates depends on what its cache held, and would make other alarms after a restart.
    """
    return f"t{record.text_hash}"


def count(admission: Admission, known: set[tuple[str, int, str]], settings: Settings, partition: int) -> Delta:
    """What the admitted records add. `known` holds (channel, generation, id hash) of ids counted before this batch."""
    delta = Delta(admission.after)
    counting = _Counting(delta, set(known), settings, partition)
    for item in admission.admitted:
        delta.totals[item.record.outcome] += 1
        if item.record.lost:
            delta.totals["lost"] += item.record.lost
        if item.record.outcome in COUNTED_OUTCOMES and counting.is_new(item):
            counting.add(item)
    delta.gains.roll_up()
    return delta


class _Counting:
    """One run of `count`: the settings in milliseconds, and which ids the batch has seen."""

    def __init__(self, delta: Delta, seen: set[tuple[str, int, str]], settings: Settings, partition: int) -> None:
        self._delta, self._seen, self._partition = delta, seen, partition
        self._horizon_ms = settings.id_horizon_s * 1000
        self._lateness_ms = settings.lateness_s * 1000
        self._max_age_ms = settings.max_age_s * 1000
        self._max_ahead_ms = settings.max_ahead_s * 1000
        self._retentions_ms = retentions_ms(settings)
        self._salt = settings.labelling_salt

    def is_new(self, item: Admitted) -> bool:
        """Whether its id is counted for the first time; then it is remembered."""
        channel, generation = id_generation(item, self._horizon_ms)
        here = (channel, generation, item.id_key)
        if here in self._seen or (channel, generation - 1, item.id_key) in self._seen:
            self._delta.totals["redelivered"] += 1
            return False
        self._seen.add(here)
        self._delta.ids[channel, generation].append(item.id_key)
        return True

    def add(self, item: Admitted) -> None:
        """Count it in the levels that reach back to its date, and let detection see it unless it is too old or unread."""
        record, totals = item.record, self._delta.totals
        age_ms = item.arrival_ms - record.published_ms
        if age_ms > self._retentions_ms[-1] or age_ms < -self._max_ahead_ms:
            totals["expired"] += 1
            return
        totals["counted"] += 1
        self._delta.counted.append(item)
        if age_ms > self._lateness_ms:
            totals["late"] += 1
        read = record.counted_sentiment != ""
        if not read:
            totals["unread"] += 1
        finest = 0
        while age_ms > self._retentions_ms[finest]:
            finest += 1
        series = series_of(record)
        self._delta.gains.add(record, series, finest)
        if age_ms > self._max_age_ms or record.backfill:
            return
        detection_ms = max(record.published_ms, item.arrival_ms - self._lateness_ms)
        if read:
            self._expect(item, series, detection_ms)
        if record.prediction is not None:
            self._hear(item, detection_ms)

    def _hear(self, item: Admitted, detection_ms: int) -> None:
        where, key = id_generation(item, self._horizon_ms), text_key(item.record)
        if (*where, key) not in self._seen:
            self._seen.add((*where, key))
            self._delta.ids[where].append(key)
            self._delta.heard[bucket_start(detection_ms, DRIFT_BUCKET_MS)].append(item.record)

    def _expect(self, item: Admitted, series: tuple[str, ...], detection_ms: int) -> None:
        record = item.record
        self._delta.entries[bucket_start(detection_ms, BUCKET_MS)].append(
            Entry(
                record.text_hash,
                record.counted_sentiment,
                series,
                record.author_hash,
                self._partition,
                item.offset,
                record.signature,
                code_of(record.prediction.model) if record.prediction is not None else NO_VERSION,
                draw_number(record.id, self._salt),
                doubt(record.prediction),
            )
        )
