"""The trend writer: a service of the worker that brings `classified` into Redis in bulk.

An aiokafka consumer of its own, because a Faust consumer cannot seek (its fetcher writes the old offset back) and reads
one event at a time. Where to read is said by Redis, on every assignment and whenever the store turns out to stand
elsewhere; the group's offsets are committed for lag displays only.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from streamwatch.agents.context import Context, log
from streamwatch.agents.kafka import group_options
from streamwatch.agents.offsets import GroupOffsets
from streamwatch.alerting.store import AlertStore
from streamwatch.channels import SOURCES, channel
from streamwatch.codec import decode
from streamwatch.errors import RecreatedChannel, RejectError, StaleState, StoreUnavailable
from streamwatch.records import Classified
from streamwatch.trends.levels import retentions_ms
from streamwatch.trends.retention import Retention
from streamwatch.trends.store import RedisStore
from streamwatch.trends.writer import PartitionWriter, bites

MAX_RECORDS = 2000
"""Records of one read: one script call of 20 ms, of 90 where each document stands alone in its buckets; larger ones save nothing
more (`tests/benchmarks/windows.py`)."""
POLL_MS = 250
GATHER_S = 0.1
"""Pause after a read that found less than it may take. Records of `classified` come some at a time, and what a partition of a
read costs beside its records, two calls of Redis, is as much as ten of them. The evaluator looks no more often either."""
CHECK_S = 2.0
"""How often an idle partition is compared with Redis: a wiped store heals without new traffic."""
RETENTION_S = 60.0
"""How often windows past their retention are looked for."""
STORE_RETRY_S = 1.0


class TrendWriter(ConsumerRebalanceListener):
    """All partitions of `classified` that this worker holds."""

    def __init__(self, context: Context, offsets: GroupOffsets) -> None:
        self._context = context
        self._settings = context.settings
        self._offsets = offsets
        self._channel = channel(context.settings, "classified")
        self._writers: dict[TopicPartition, PartitionWriter] = {}
        self._stores: dict[TopicPartition, RedisStore] = {}
        self._consumer = AIOKafkaConsumer(
            group_id=context.trends_group,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            fetch_max_wait_ms=context.settings.fetch_wait_ms,
            **group_options(context.settings),
        )
        self._asked: dict[TopicPartition, tuple[dict[str, int], int]] = {}
        self._last_retention = time.monotonic()

    # -- group

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Forget them: the next owner reads where Redis says."""
        self._writers.clear()
        self._asked.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Seek each to what Redis says."""
        for tp in assigned:
            store = RedisStore(
                self._context.redis, self._settings.prefix, tp.partition, self._settings.max_window_series
            )
            self._stores[tp] = store
            self._writers[tp] = PartitionWriter(store, self._settings)
            try:
                await self._reload(tp, self._writers[tp])
            except Exception as error:
                # aiokafka logs what a listener raises and goes on, from an offset that means nothing here.
                self._context.fail(error)
                raise

    async def _reload(self, tp: TopicPartition, writer: PartitionWriter) -> None:
        """Believe the store and read from where it stands; waits while store or broker do not answer."""
        while self._writers.get(tp) is writer:
            try:
                await writer.reload()
                end = (await self._offsets.end_offsets([tp]))[tp]
            except (StoreUnavailable, KafkaError) as error:
                log.warning("%s; trying again every %g s", error, STORE_RETRY_S)
                await asyncio.sleep(STORE_RETRY_S)
                continue
            if writer.position > end:
                raise RecreatedChannel(
                    f"{self._channel}/{tp.partition} ends at {end}, but {writer.position} records of it were counted: it "
                    "was made anew. `streamwatch channels reset` makes all channels and windows anew"
                )
            self._seek(tp, writer)
            return

    def _seek(self, tp: TopicPartition, writer: PartitionWriter) -> None:
        """Read on from where the writer stands, unless the partition was taken away in the meantime."""
        if self._writers.get(tp) is writer:
            self._consumer.seek(tp, writer.position)

    def positions(self) -> dict[TopicPartition, int]:
        """The next offset of `classified` that each partition of this worker applies."""
        return {tp: writer.position for tp, writer in self._writers.items()}

    # -- life

    async def run(self) -> None:
        """Read and apply until cancelled."""
        self._consumer.subscribe([self._channel], listener=self)
        await self._consumer.start()
        last_check = time.monotonic()
        try:
            while True:
                batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
                for tp, records in batches.items():
                    await self._take(tp, records)
                if batches:
                    self._context.applied.set()
                    await asyncio.sleep(0 if sum(map(len, batches.values())) >= MAX_RECORDS else GATHER_S)
                if time.monotonic() - last_check > CHECK_S:
                    last_check = time.monotonic()
                    await self._look_after()
        finally:
            await self._consumer.stop()

    async def _take(self, tp: TopicPartition, records: Sequence[Any]) -> None:
        writer = self._writers.get(tp)
        if writer is None:
            return  # assigned, but not yet sought to where Redis stands: the seek brings these again
        batch = [(r.offset, _record(r.value)) for r in records if r.offset >= writer.position]
        if not batch:
            return
        try:
            if await self._continues(tp, writer, batch[0][0]):
                for some in bites(batch):
                    await writer.take(some)
        except StaleState as error:
            log.info("%s: reading it again", error)
            await self._reload(tp, writer)
        except StoreUnavailable as error:
            log.warning("%s; trying again every %g s", error, STORE_RETRY_S)
            await asyncio.sleep(STORE_RETRY_S)
            await self._reload(tp, writer)

    async def _continues(self, tp: TopicPartition, writer: PartitionWriter, first: int) -> bool:
        """Whether a batch that begins at `first` goes on where the writer stands; if not, the log is read from there.

        Between an assignment and its seek the consumer reads from somewhere else. What it read would stand behind a hole
        that only a quiet moment heals. Nothing is missing where the log begins behind the writer.
        """
        if first == writer.position or await self._offsets.log_start(tp) > writer.position:
            return True
        self._seek(tp, writer)
        return False

    # -- when there is time

    async def _look_after(self) -> None:
        """Wipes, holes, retention and lag displays."""
        for tp, writer in list(self._writers.items()):
            try:
                if await writer.reload():
                    log.warning(
                        "%s/%d: the store stands at %d now; reading from there", tp.topic, tp.partition, writer.position
                    )
                    await self._reload(tp, writer)
                elif writer.holes:
                    await self._settle(tp, writer)
            except (StoreUnavailable, StaleState, KafkaError) as error:
                log.warning("%s", error)
        try:
            await self._drop_old()
        except StoreUnavailable as error:
            log.warning("%s", error)
        await self._show_lag()

    async def _settle(self, tp: TopicPartition, writer: PartitionWriter) -> None:
        """Look whether a hole stays: the group's commit and the log's end at one look, the writer past that end at a
        later one. So it is judged under traffic too, where the writer never stands at the newest end."""
        asked = self._asked.pop(tp, None)
        if asked is None:
            committed = {name: await self._committed(name, tp.partition) for name in SOURCES}
            self._asked[tp] = committed, (await self._offsets.end_offsets([tp]))[tp]
            return
        committed, end = asked
        if writer.position < end:
            self._asked[tp] = asked
        elif await writer.settle(committed, await self._offsets.log_start(tp)):
            self._seek(tp, writer)

    async def _committed(self, name: str, partition: int) -> int:
        return await self._offsets.committed(TopicPartition(channel(self._settings, name), partition)) or 0

    async def _drop_old(self) -> None:
        if time.monotonic() - self._last_retention < RETENTION_S:
            return
        self._last_retention = time.monotonic()
        closed_ms = await AlertStore(self._context.redis, self._settings.prefix, 0).closed_ms()
        for tp in list(self._writers):
            old = Retention(self._context.redis, self._stores[tp].keys)
            await old.drop_older_than(closed_ms, retentions_ms(self._settings))

    async def _show_lag(self) -> None:
        mine = {tp: w.position for tp, w in self._writers.items() if tp in self._consumer.assignment()}
        if mine:
            try:
                await self._consumer.commit(mine)
            except KafkaError as error:
                log.debug("lag display not committed: %s", error)


def _record(value: bytes | None) -> Classified | None:
    """A record of `classified`; what nobody of ours wrote there is left out, and said."""
    try:
        return decode(value or b"", Classified)
    except RejectError as error:
        log.error("a record of `classified` is none of ours: %s", error)
        return None
