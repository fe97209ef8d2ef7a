"""The channel `classified` as the indexer reads it: from offsets that the store says, in bulk.

Two clients. One reads; its group is for lag displays only, and nobody joins it. The other asks: where partitions begin
and end, and what the classify group has committed, which says whether a hole can still be filled.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from streamwatch import broker
from streamwatch.channels import SOURCES, channel, partitions_of
from streamwatch.codec import decode
from streamwatch.config import Settings
from streamwatch.embedded.capabilities import capabilities
from streamwatch.embedded.end_offsets import read_end_offsets
from streamwatch.errors import BrokerUnavailable, RejectError
from streamwatch.records import Classified

log = logging.getLogger(__name__)

MAX_RECORDS = 2000
"""Records of one read: a commit to the disk costs as much as some hundred documents, so larger reads save little more."""
FETCH_BYTES = 4 * 1024 * 1024
ASKER_WAIT_MS = 10
"""It reads only what is there."""
ASK_MS = 10_000
"""How long an answer may take before the connection is made anew; without a bound the client asks a lost coordinator for ever."""
COMMIT_MS = 1000
PROBE_MS = 5000
"""How long one record that is there may take to come."""


class ClassifiedLog:
    """A context manager. Its methods raise `BrokerUnavailable` while the broker does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self.name = channel(settings, "classified")

    def __enter__(self) -> "ClassifiedLog":
        n = partitions_of(self._settings, ["classified"])[self.name]
        self.parts = [TopicPartition(self.name, partition) for partition in range(n)]
        with ExitStack() as stack:
            self._reader = stack.enter_context(
                self._client("documents", self._settings.fetch_wait_ms, max_partition_fetch_bytes=FETCH_BYTES)
            )
            self._asker = stack.enter_context(self._client("", ASKER_WAIT_MS))
            self._stack = stack.pop_all()
        self._reader.assign(self.parts)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _client(self, group: str, wait_ms: int, **options: Any) -> AbstractContextManager[Any]:
        """A client of the classify group, or of the one beside it with this name."""
        full = "-".join(filter(None, (f"{self._settings.prefix}streamwatch", group)))
        return broker.consumer(
            self._settings,
            group_id=full,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=MAX_RECORDS,
            fetch_max_wait_ms=wait_ms,
            **options,
        )

    def seek(self, partition: int, offset: int) -> None:
        """Read on from here."""
        self._reader.seek(TopicPartition(self.name, partition), offset)

    def read(self, wait_ms: int) -> dict[int, list[tuple[int, bytes | None]]]:
        """What has come, by partition: (offset, value)."""
        with _answering(self._settings):
            batches = self._reader.poll(wait_ms)
        return {part.partition: [(r.offset, r.value) for r in records] for part, records in batches.items()}

    def starts(self) -> dict[int, int]:
        """The first offset of each partition that still exists."""
        with _answering(self._settings):
            return {part.partition: n for part, n in self._asker.beginning_offsets(self.parts, ASK_MS).items()}

    def ends(self) -> dict[int, int]:
        """The offset after the last record of each partition, right on every broker."""
        with _answering(self._settings):
            answered = self._asker.end_offsets(self.parts, ASK_MS)
            if not capabilities(self._settings.idempotence).end_offset_in_list:
                answered = read_end_offsets(self._asker, answered)
                self._asker.unsubscribe()  # it would go on fetching for nobody
        return {part.partition: n for part, n in answered.items()}

    def released(self, partition: int) -> dict[str, int]:
        """By source channel, the classify group's committed offset."""
        with _answering(self._settings):
            return {
                name: self._asker.committed(TopicPartition(channel(self._settings, name), partition), timeout_ms=ASK_MS)
                or 0
                for name in SOURCES
            }

    def at(self, partition: int, offset: int) -> bytes | None:
        """The value of one record; None where it does not come."""
        part = TopicPartition(self.name, partition)
        with _answering(self._settings):
            self._asker.assign([part])
            self._asker.seek(part, offset)
            records = self._asker.poll(PROBE_MS, max_records=1).get(part, [])
            self._asker.unsubscribe()
        return records[0].value if records and records[0].offset == offset else None

    def show_lag(self, positions: Mapping[int, int]) -> None:
        """Commit for displays; the truth is in the store, so one that fails is left to the next."""
        offsets = {TopicPartition(self.name, p): OffsetAndMetadata(offset, "", -1) for p, offset in positions.items()}
        try:
            self._reader.commit(offsets, timeout_ms=COMMIT_MS)
        except KafkaError as error:
            log.debug("lag display not committed: %s", error)


def record_of(value: bytes | None) -> Classified | None:
    """A record of `classified`; None for what nobody of ours wrote there."""
    try:
        return decode(value or b"", Classified)
    except RejectError:
        return None


@contextmanager
def _answering(settings: Settings) -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise BrokerUnavailable(f"the broker at {settings.broker} does not answer: {error}") from error
