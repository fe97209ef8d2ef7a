"""Reading a channel from its start or its end, without a group: what commands, jobs and the dashboard share."""

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from kafka import TopicPartition

from streamwatch import broker, channels
from streamwatch.codec import decode
from streamwatch.config import Settings
from streamwatch.errors import RejectError
from streamwatch.records import Record

R = TypeVar("R", bound=Record)
log = logging.getLogger(__name__)

POLL_MS = 500


def values(settings: Settings, name: str, *, from_start: bool, follow: bool) -> Iterator[bytes]:
    """The values of the channel's records; tombstones of compaction have none and are left out."""
    for _, value in records(settings, name, from_start=from_start, follow=follow):
        if value:
            yield value


def records(
    settings: Settings, name: str, *, from_start: bool, follow: bool
) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Key and value of the channel's records. Raises `ConfigError` where there is no channel, `BrokerUnavailable`."""
    topic = channels.channel(settings, name)
    n = channels.partitions_of(settings, [name])[topic]
    parts = [TopicPartition(topic, partition) for partition in range(n)]
    end = broker.end_offsets(settings, parts)
    with broker.consumer(settings, auto_offset_reset="earliest") as reader:
        reader.assign(parts)
        for part in parts:
            reader.seek_to_beginning(part) if from_start else reader.seek(part, end[part])
        while follow or any(reader.position(part) < end[part] for part in parts):
            for batch in reader.poll(POLL_MS).values():
                yield from ((record.key, record.value) for record in batch)


def fold(
    settings: Settings, name: str, kind: type[R], apply: Callable[[R], None], forget: Callable[[str], None]
) -> None:
    """Give all that the channel holds now to `apply`, and the keys of records without a value to `forget`.

    A record that is none of ours is said and left out. Raises as `records`.
    """
    for key, value in records(settings, name, from_start=True, follow=False):
        if not value:
            forget((key or b"").decode(errors="replace"))
            continue
        try:
            apply(decode(value, kind))
        except RejectError as error:
            log.warning("a record of `%s` is no %s: %s", name, kind.__name__, error)
