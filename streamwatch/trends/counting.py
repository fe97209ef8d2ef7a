"""From records of `classified` to what the windows of one partition gain by them: pure, the same for every store.

Two passes, so that a store is asked once which ids it knows:

1. `admit` judges each record at the fence and gives it its arrival time (monotone in its source partition).
2. `count` adds up the admitted ones, leaving out ids that were counted before.

Both are functions of the log and of the partition's state alone, so a rebuild gives the same windows.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from streamwatch.config import BUCKET_MS, Settings
from streamwatch.delivery.fence import NOTHING, Verdict, judge
from streamwatch.records import Classified
from streamwatch.text.clean import text_hash
from streamwatch.timeline import DAY_MS, bucket_start
from streamwatch.trends.entry import Entry, series_of


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


@dataclass(frozen=True)
class Admitted:
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


Counts = list[int]
"""[n, negative, positive] of one series and bucket; neutral is the rest."""


@dataclass
class Delta:
    """What one batch adds to the windows of one partition."""

    after: PartitionState
    windows: dict[tuple[str, int], Counts] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    texts: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    entries: dict[int, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    ids: dict[tuple[str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    totals: Counter[str] = field(default_factory=Counter)


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
    arrival = record.observed_ms if source.arrival_ms is None else max(source.arrival_ms, record.observed_ms)
    return SourceState(record.source_offset, arrival, _replays(source.replays, record.marker))


def _replays(open_now: tuple[str, ...], marker: str | None) -> tuple[str, ...]:
    if marker is None:
        return open_now
    verb, _, run = marker.partition(":")
    rest = tuple(name for name in open_now if name != run)
    return (*rest, run) if verb == "begin" else rest


def id_generation(admitted: Admitted, horizon_ms: int) -> tuple[str, int]:
    """The source channel (each has a clock of its own) and number of the generation that remembers this id.

    An id is known in its own generation and the one after, so for at least one horizon and at most two of arrival time.
    """
    return admitted.record.source_channel, admitted.arrival_ms // horizon_ms


def count(admission: Admission, known: set[tuple[str, int, str]], settings: Settings, partition: int) -> Delta:
    """What the admitted records add. `known` holds (channel, generation, id hash) of ids counted before this batch."""
    delta = Delta(admission.after)
    seen = set(known)
    for item in admission.admitted:
        _count_outcome(delta, item)
        if item.record.outcome in ("classified", "duplicate"):
            _count_document(delta, item, seen, settings, partition)
    return delta


def _count_outcome(delta: Delta, item: Admitted) -> None:
    delta.totals[item.record.outcome] += 1
    if item.record.lost:
        delta.totals["lost"] += item.record.lost


def _count_document(
    delta: Delta, item: Admitted, seen: set[tuple[str, int, str]], settings: Settings, partition: int
) -> None:
    channel, generation = id_generation(item, settings.id_horizon_s * 1000)
    if (channel, generation, item.id_key) in seen or (channel, generation - 1, item.id_key) in seen:
        delta.totals["redelivered"] += 1
        return
    seen.add((channel, generation, item.id_key))
    delta.ids[channel, generation].append(item.id_key)
    record = item.record
    age_ms = item.arrival_ms - record.published_ms
    if age_ms > settings.retention_days * DAY_MS:
        delta.totals["expired"] += 1
        return
    delta.totals["counted"] += 1
    if age_ms > settings.lateness_s * 1000:
        delta.totals["late"] += 1
    series = series_of(record)
    _add_to_windows(delta, record, series)
    if age_ms <= settings.max_age_s * 1000 and not record.backfill:
        _add_entry(delta, item, series, settings, partition)


def _add_to_windows(delta: Delta, record: Classified, series: Sequence[str]) -> None:
    bucket = bucket_start(record.published_ms, BUCKET_MS)
    negative = record.counted_sentiment == "negative"
    positive = record.counted_sentiment == "positive"
    for name in series:
        counts = delta.windows[name, bucket]
        counts[0] += 1
        counts[1] += negative
        counts[2] += positive
        delta.texts[name, bucket].add(record.text_hash)


def _add_entry(delta: Delta, item: Admitted, series: tuple[str, ...], settings: Settings, partition: int) -> None:
    record = item.record
    detection_ms = max(record.published_ms, item.arrival_ms - settings.lateness_s * 1000)
    delta.entries[bucket_start(detection_ms, BUCKET_MS)].append(
        Entry(record.text_hash, record.counted_sentiment, series, record.author_hash, partition, item.offset)
    )
