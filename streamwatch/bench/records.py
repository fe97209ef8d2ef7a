"""Reading back what a run left in its channels, with Kafka's timestamps.

Examples:
    >>> summary([0.2, 0.1])
    {'n': 2, 'p50_s': 0.2, 'p99_s': 0.2, 'max_s': 0.2}
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kafka import TopicPartition

from streamwatch import broker, channels
from streamwatch.config import Settings


def parts_of(settings: Settings, name: str) -> list[TopicPartition]:
    full = channels.channel(settings, name)
    return [TopicPartition(full, p) for p in range(channels.partitions_of(settings, [name])[full])]


def ends_of(settings: Settings, *names: str) -> dict[TopicPartition, int]:
    """Where the partitions of these channels end now."""
    return broker.end_offsets(settings, [part for name in names for part in parts_of(settings, name)])


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


def summary(values: Sequence[float]) -> dict[str, float | int | None]:
    """How many latencies, their quantiles and the longest."""
    ordered = sorted(values)

    def at(q: float) -> float | None:
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else None

    return {"n": len(ordered), "p50_s": at(0.5), "p99_s": at(0.99), "max_s": at(1.0)}
