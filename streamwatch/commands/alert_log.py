"""Reading the alert channel as people want it: each revision of an alert once.

The channel holds every revision at least once, and the same one again after a crash of the evaluator.
"""

from collections import OrderedDict
from collections.abc import Iterator

import msgspec
from kafka import TopicPartition

from streamwatch import broker, channels
from streamwatch.codec import decode
from streamwatch.config import Settings
from streamwatch.errors import RejectError
from streamwatch.records import Alert

N_REMEMBERED = 100_000
"""Revisions that are known again. A copy follows its first by seconds, so this is more than enough."""

POLL_MS = 500


class Once:
    """Tells a revision from its copies.

    >>> once = Once()
    >>> [once.is_new("a", 1), once.is_new("a", 1), once.is_new("a", 2)]
    [True, False, True]
    """

    def __init__(self, n_remembered: int = N_REMEMBERED) -> None:
        self._n_remembered = n_remembered
        self._seen: OrderedDict[tuple[str, int], None] = OrderedDict()

    def is_new(self, alert_id: str, revision: int) -> bool:
        """Whether this revision comes for the first time."""
        if (alert_id, revision) in self._seen:
            return False
        self._seen[alert_id, revision] = None
        if len(self._seen) > self._n_remembered:
            self._seen.popitem(last=False)
        return True


def read_alerts(settings: Settings, from_start: bool, follow: bool) -> Iterator[Alert | RejectError]:
    """Alerts in order, each revision once; a record that is none comes as the error that says why.

    Without `follow` it ends where the channel ended when it began. Raises `ConfigError` where there is no channel,
    `BrokerUnavailable`.
    """
    once = Once()
    for value in _values(settings, from_start, follow):
        try:
            alert = to_alert(value)
        except RejectError as error:
            yield error
            continue
        if once.is_new(alert.id, alert.revision):
            yield alert


def to_alert(value: bytes) -> Alert:
    """The alert in a record: bare, or the `data` of a CloudEvent in structured mode. Raises `RejectError`."""
    if b'"specversion"' in value:
        envelope = decode(value, dict[str, msgspec.Raw])
        if "specversion" in envelope and "data" in envelope:
            return decode(bytes(envelope["data"]), Alert)
    return decode(value, Alert)


def _values(settings: Settings, from_start: bool, follow: bool) -> Iterator[bytes]:
    """The values of the channel's records; tombstones of compaction have none and are left out."""
    topic = channels.channel(settings, "alerts")
    n = channels.partitions_of(settings, ["alerts"])[topic]
    parts = [TopicPartition(topic, partition) for partition in range(n)]
    end = broker.end_offsets(settings, parts)
    with broker.consumer(settings, auto_offset_reset="earliest") as reader:
        reader.assign(parts)
        for part in parts:
            reader.seek_to_beginning(part) if from_start else reader.seek(part, end[part])
        while follow or any(reader.position(part) < end[part] for part in parts):
            for records in reader.poll(POLL_MS).values():
                yield from (record.value for record in records if record.value)
