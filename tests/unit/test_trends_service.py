"""The trend writer between rebalances, and how what runs beside the agent ends."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from redis.asyncio import Redis

from streamwatch.agents.context import Context
from streamwatch.agents.services import Services
from streamwatch.agents.trends import RETENTION_S, TrendWriter
from streamwatch.codec import encode
from streamwatch.config import Settings
from streamwatch.errors import RecreatedChannel, StaleState
from streamwatch.records import Classified
from streamwatch.testing.memory_store import MemoryStore
from streamwatch.timeline import DAY_MS
from streamwatch.trends.levels import LEVELS
from streamwatch.trends.store import RedisStore
from streamwatch.trends.writer import PartitionWriter

TP = TopicPartition("classified", 0)


class FakeConsumer:
    """Remembers where it was sent."""

    def __init__(self) -> None:
        self.sought: list[tuple[TopicPartition, int]] = []

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.sought.append((tp, offset))


class FakeOffsets:
    """A log that ends at `end`; `meanwhile` happens while it is asked."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.meanwhile: Any = None

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        if self.meanwhile is not None:
            await self.meanwhile()
        return dict.fromkeys(tps, self.end)


def message(offset: int) -> Any:
    """A record as a consumer gives it."""
    record = Classified(
        outcome="classified", source_channel="social", source_partition=0, source_offset=offset, follows=offset - 1,
        observed_ms=1_700_000_000_000, id=f"d{offset}", published_ms=1_700_000_000_000,
    )  # fmt: skip
    return SimpleNamespace(offset=offset, value=encode(record))


def assigned(offsets: FakeOffsets, store: MemoryStore) -> TrendWriter:
    """A trend writer that holds one partition."""
    service = TrendWriter(Context(Settings(), None), offsets)  # type: ignore[arg-type]
    service._consumer = FakeConsumer()  # type: ignore[assignment]
    service._writers[TP] = PartitionWriter(store, Settings())
    return service


class TakenAway(MemoryStore):
    """A store that somebody else moved."""

    async def apply(self, *arguments: Any) -> Any:
        raise StaleState("moved")


def test_a_partition_that_is_taken_away_while_the_store_is_read_again_is_left_alone() -> None:
    """Found by two workers, one of them stopped for 20 s: when it went on, this was a KeyError, and its end."""

    async def check() -> None:
        offsets = FakeOffsets(end=5)
        service = assigned(offsets, TakenAway())

        async def revoke() -> None:
            await service.on_partitions_revoked([TP])

        offsets.meanwhile = revoke
        await service._take(TP, [message(0)])
        assert service._consumer.sought == []  # type: ignore[attr-defined]
        await service._take(TP, [message(1)])

    asyncio.run(check())


def test_a_stale_writer_reads_from_where_the_store_stands() -> None:
    async def check() -> None:
        store = MemoryStore()
        service = assigned(FakeOffsets(end=5), store)
        await PartitionWriter(store, Settings()).take([(n, _record(n)) for n in range(3)])
        await service._take(TP, [message(0)])
        assert service._consumer.sought == [(TP, 3)]  # type: ignore[attr-defined]

    asyncio.run(check())


def test_a_log_shorter_than_what_was_counted_of_it_ends_the_worker() -> None:
    """aiokafka only logs what a rebalance listener raises."""

    async def check() -> None:
        store = MemoryStore()
        await PartitionWriter(store, Settings()).take([(n, _record(n)) for n in range(3)])
        service = assigned(FakeOffsets(end=2), store)
        with pytest.raises(RecreatedChannel, match="streamwatch channels reset"):
            await service._reload(TP, service._writers[TP])

    asyncio.run(check())


def test_old_windows_go_by_how_far_event_time_was_evaluated_not_by_the_clock(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            service = assigned(FakeOffsets(end=5), MemoryStore())
            service._settings, service._context = redis_settings, SimpleNamespace(redis=client)  # type: ignore[assignment]
            store = service._stores[TP] = RedisStore(client, redis_settings.prefix, 0)
            await PartitionWriter(store, redis_settings).take([(0, _record(0))])
            closed_ms, levels = 1_700_000_000_000 + 4 * DAY_MS, []
            for closed in (b"-1", closed_ms, closed_ms + 5 * DAY_MS):
                await client.hset(f"{redis_settings.prefix}sw:{{eval}}:head", "closed", closed)  # type: ignore[arg-type,misc]
                service._last_retention -= RETENTION_S + 1
                await service._drop_old()
                levels.append([level.name for level in LEVELS if await client.exists(store.keys.days(level))])
            assert levels == [["fine", "minute", "hour", "day"], ["minute", "hour", "day"], ["hour", "day"]]

    asyncio.run(check())


def test_tasks_that_swallow_a_cancellation_are_cancelled_again() -> None:
    """Found by SIGTERM under traffic: a `wait_for` that is cancelled just when it is done goes on (Python 3.11)."""

    async def swallows() -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue
        await asyncio.sleep(60)

    async def check() -> None:
        services = Services(Context(Settings(), None), None)  # type: ignore[arg-type]
        task = asyncio.ensure_future(swallows())
        services._tasks = [task]
        await asyncio.sleep(0)
        await services._cancel_tasks()
        assert task.done()

    asyncio.run(check())


def _record(offset: int) -> Classified:
    from streamwatch.codec import decode

    return decode(message(offset).value, Classified)
