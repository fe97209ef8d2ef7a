"""The classify group's offsets: what is committed, what the log really holds there, and our own commits.

Faust's acks are switched off (`acks=False` on the topic) and offsets are committed here. Its own bookkeeping commits
past what is in flight: events that a stream skips after a rebalance are acked, and with nothing committed yet the first
contiguous run of acks is committed whatever lies before it.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import KafkaError

from streamwatch.agents.context import Context, log
from streamwatch.agents.kafka import client_options
from streamwatch.embedded.capabilities import capabilities
from streamwatch.embedded.end_offsets import read_end_offsets_async

PROBE_S = 10.0
"""How long a probe waits for the record that the stream has just delivered: it is there, so this is only a bound."""


class GroupOffsets:
    """Asks for committed offsets and for where logs begin and end, beside the group and without joining it."""

    def __init__(self, context: Context) -> None:
        self._consumer = AIOKafkaConsumer(
            group_id=context.classify_group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=10,  # it reads what is there
            **client_options(context.settings),
        )
        self._lock = asyncio.Lock()
        self._ends_are_right = capabilities(context.settings.idempotence).end_offset_in_list
        self._ends: dict[TopicPartition, tuple[int, int]] = {}

    async def start(self) -> None:
        """Connect."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def committed(self, tp: TopicPartition) -> int | None:
        """The group's committed offset, None where there is none."""
        return await self._consumer.committed(tp)

    async def log_start(self, tp: TopicPartition) -> int:
        """The first offset that still exists."""
        return (await self._consumer.beginning_offsets([tp]))[tp]

    async def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record, right on every broker: see `embedded.end_offsets`.

        Where the broker's answer is only the last batch's, that batch is read once: it stays the last one while the
        answer stays the same.
        """
        async with self._lock:
            answered = await self._consumer.end_offsets(list(tps))
            if self._ends_are_right:
                return answered
            moved = {tp: end for tp, end in answered.items() if self._ends.get(tp, (-1, -1))[0] != end}
            for tp, end in (await read_end_offsets_async(self._consumer, moved)).items():
                self._ends[tp] = (moved[tp], end)
            return {tp: self._ends[tp][1] for tp in answered}

    async def first_from(self, tp: TopicPartition, offset: int) -> int:
        """The first offset at or after `offset` that holds a record: offsets between are transaction markers or gone."""
        async with self._lock:
            self._consumer.assign([tp])
            self._consumer.seek(tp, offset)
            record = await asyncio.wait_for(self._consumer.getone(tp), PROBE_S)
            self._consumer.pause(tp)
            return record.offset


async def commit(app: Any, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Commit as a member of the group, so that Kafka refuses a zombie; what was taken, of partitions that are ours.

    Not by Faust's own `commit`, which ends the worker when the broker is away for a moment: a commit that fails is only
    repeated work, and the next one holds more.
    """
    thread = app.consumer._thread
    raw = thread._ensure_consumer()
    mine = {tp: offset for tp, offset in offsets.items() if tp in raw.assignment()}
    if not mine:
        return {}
    try:
        await thread.call_thread(raw.commit, {tp: OffsetAndMetadata(offset, "") for tp, offset in mine.items()})
    except KafkaError as error:
        log.info("commit put off: %s", type(error).__name__)
        return {}
    return mine
