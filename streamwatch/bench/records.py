"""Reading back what a run left in its channels, with Kafka's timestamps."""

from collections.abc import Iterator, Mapping
from typing import Any

from kafka import TopicPartition

from streamwatch import broker, channels
from streamwatch.config import Settings


def parts_of(settings: Settings, name: str) -> list[TopicPartition]:
    full = channels.channel(settings, name)
    return [TopicPartition(full, p) for p in range(channels.partitions_of(settings, [name])[full])]


def records_of(settings: Settings, name: str, start: Mapping[TopicPartition, int] | None = None) -> Iterator[Any]:
    """The records of a channel from `start` on, by default all."""
    parts = parts_of(settings, name)
    ends = broker.end_offsets(settings, parts)
    with broker.consumer(settings) as reader:
        reader.assign(parts)
        for part in parts:
            reader.seek(part, start[part] if start is not None else 0)
        while any(reader.position(part) < ends[part] for part in parts):
            for batch in reader.poll(500).values():
                yield from batch
