"""What `classified` holds of the last days, in the order in which it arrived, over all partitions: for a backtest "here".

The channel is what the windows and detectors were made of, so a rule is tried on what it would have been decided by: the same
documents, labels and arrival times. How far back it reaches is the channel's retention.
"""

import heapq
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

from kafka import TopicPartition

from streamwatch import broker
from streamwatch.channels import channel
from streamwatch.codec import decode
from streamwatch.config import Settings
from streamwatch.errors import ConfigError, RejectError
from streamwatch.records import Classified

POLL_MS = 1000
SILENT_POLLS = 30
"""So many polls without an answer, half a minute, and the broker counts as away: what was read until then is what there is."""
MARGIN_MS = 3_600_000
"""The broker's stamp of a document may be as much later than its date as a late one is allowed to come: an hour."""


class Read(NamedTuple):
    """One record, and how many of all were read by then."""

    record: Classified
    n_read: int
    n_all: int


def past(settings: Settings, from_ms: int | None) -> Iterator[Read]:
    """The records by their arrival.

    Args:
        from_ms: records that the broker stamped more than an hour before it are not read; None: everything. A stream that
            is a replay of old dates has stamps of today: everything must be read then.

    Raises `ConfigError` where there is no channel, `BrokerUnavailable`.
    """
    topic = channel(settings, "classified")
    with ExitStack() as opened:
        first = opened.enter_context(broker.consumer(settings))
        parts = [TopicPartition(topic, p) for p in sorted(first.partitions_for_topic(topic) or ())]
        if not parts:
            raise ConfigError(f"no channel {topic}: run streamwatch channels create")
        ends = broker.end_offsets(settings, parts)
        starts = _starts(first, parts, ends, from_ms)
        n_all = sum(ends[part] - starts[part] for part in parts)
        readers = [opened.enter_context(broker.consumer(settings)) for _ in parts]
        streams = [_records(*one, starts[one[1]], ends[one[1]]) for one in zip(readers, parts, strict=True)]
        for n, record in enumerate(heapq.merge(*streams, key=lambda one: one.observed_ms), start=1):
            yield Read(record, n, n_all)


def _starts(reader: Any, parts: list[TopicPartition], ends: dict[Any, int], from_ms: int | None) -> dict[Any, int]:
    starts: dict[Any, int] = dict(reader.beginning_offsets(parts))
    if from_ms is None:
        return starts
    found = reader.offsets_for_times({part: max(0, from_ms - MARGIN_MS) for part in parts})
    return {part: found[part].offset if found.get(part) else ends[part] for part in parts}


def _records(reader: Any, part: TopicPartition, start: int, end: int) -> Iterator[Classified]:
    """One partition's records. Arrival never goes back in it: a stamp below the largest before it counts as that."""
    reader.assign([part])
    reader.seek(part, start)
    silent = 0
    while start < end and reader.position(part) < end and silent < SILENT_POLLS:
        batch = reader.poll(POLL_MS, max_records=2000).get(part, ())
        silent = 0 if batch else silent + 1
        for message in batch:
            if message.value and message.offset < end:
                try:
                    yield decode(message.value, Classified)
                except RejectError:
                    continue
