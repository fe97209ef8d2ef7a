"""One contract for every store of windows: a stale writer is refused, a wipe is seen, ids are known and forgotten."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from streamwatch.alerting.store import SAMPLES_AT_ONCE, AlertStore
from streamwatch.alerting.transition import Changes
from streamwatch.config import Settings
from streamwatch.drift.sums import Sums
from streamwatch.errors import StaleState, StoreUnavailable
from streamwatch.inference.unread import unread_prediction
from streamwatch.labelling.examples import sample
from streamwatch.records import PROJECTION_BYTES, SENTIMENTS, Classified, Given, Label, Prediction, SentimentLabel
from streamwatch.testing.memory_store import MemoryStore
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streamwatch.trends import drifting
from streamwatch.trends.cells import unpacked
from streamwatch.trends.counting import Delta, PartitionState, SourceState
from streamwatch.trends.distinct import split
from streamwatch.trends.levels import DAY, FINE, HOUR, LEVELS, MINUTE, Level
from streamwatch.trends.retention import Retention
from streamwatch.trends.sketch import estimate, hash32, sketch
from streamwatch.trends.store import UNLIMITED, RedisStore
from streamwatch.trends.writer import PartitionWriter, Store

SETTINGS = Settings()
HORIZON_MS = SETTINGS.id_horizon_s * 1000
START_MS = 1_700_000_000_000 - 1_700_000_000_000 % HORIZON_MS


def document(
    offset: int, *, at_ms: int = START_MS, id: str | None = None, follows: int | None = None, text: str | None = None,
    published_ms: int | None = None, entities: tuple[str, ...] = (), topic: str = "t",
) -> Classified:  # fmt: skip
    """The record of one source offset."""
    return Classified(
        outcome="classified",
        source_channel="social",
        source_partition=0,
        source_offset=offset,
        follows=offset - 1 if follows is None else follows,
        observed_ms=at_ms,
        published_ms=at_ms if published_ms is None else published_ms,
        entities=entities,
        id=id or f"d{offset}",
        text_hash=text or f"{offset:016x}",
        source="s",
        given=Given(sentiment=("negative", "neutral", "positive")[offset % 3], topic=topic),
    )


def unread(offset: int, *, at_ms: int = START_MS, **fields: Any) -> Classified:
    """The record of one source offset whose text the model could not read."""
    return msgspec.structs.replace(
        document(offset, at_ms=at_ms), given=None, prediction=unread_prediction("m"), unread="nothing_left", **fields
    )


def numbered(records: list[Classified], first: int = 0) -> list[tuple[int, Classified]]:
    """Records with their offsets in `classified`."""
    return list(enumerate(records, first))


class InMemory:
    """The memory store, as the contract looks at it."""

    def __init__(self, max_series: int = UNLIMITED) -> None:
        self.store = MemoryStore(0, max_series)

    async def wipe(self) -> None:
        self.store.wipe()

    async def totals(self) -> dict[str, int]:
        return dict(self.store.totals)

    async def cell(self, series: str, bucket_ms: int, level: Level = FINE) -> list[int]:
        return self.store.levels[LEVELS.index(level)].get((series, bucket_ms), [0] * 7)

    async def sums(self) -> dict[int, Sums]:
        return {bucket_ms: self.store.sums[bucket_ms] for bucket_ms in sorted(self.store.sums)}

    async def n_texts(self, series: str, bucket_ms: int, level: Level) -> int:
        return len(self.store.texts[LEVELS.index(level)][series, bucket_ms])


class InRedis:
    """The Redis store, as the contract looks at it."""

    def __init__(self, client: Redis, prefix: str, max_series: int = UNLIMITED) -> None:
        self.client: Any = client
        self.prefix = prefix
        self.store = RedisStore(client, prefix, 0, max_series)

    async def wipe(self) -> None:
        await self.client.flushall()

    async def totals(self) -> dict[str, int]:
        from streamwatch.trends.store import parse_totals

        return parse_totals(await self.client.hgetall(self.store.keys.state))

    async def cell(self, series: str, bucket_ms: int, level: Level = FINE) -> list[int]:
        block, index = level.block_and_index(bucket_ms)
        raw = await self.client.hget(self.store.keys.window(level, block, series), index)
        return unpacked(raw) if raw else [0] * 7

    async def sums(self) -> dict[int, Sums]:
        return dict(await AlertStore(self.client, self.prefix, 1).sums(0, START_MS + DAY_MS))

    async def n_texts(self, series: str, bucket_ms: int, level: Level) -> int:
        if level is not MINUTE:
            return int(await self.client.pfcount(self.store.keys.texts(level, bucket_ms, series)))
        block, index = level.block_and_index(bucket_ms)
        return estimate(split(await self.client.hget(self.store.keys.sketches(block, series), index))[0])


@pytest.fixture(params=["memory", "redis"])
def opened(request: pytest.FixtureRequest) -> Iterator[Any]:
    """`async with opened() as subject`: each store in turn, empty."""
    if request.param == "memory":

        @asynccontextmanager
        async def open_memory(max_series: int = UNLIMITED) -> AsyncIterator[InMemory]:
            yield InMemory(max_series)

        yield open_memory
        return
    settings = request.getfixturevalue("redis_settings")

    @asynccontextmanager
    async def open_redis(max_series: int = UNLIMITED) -> AsyncIterator[InRedis]:
        async with Redis.from_url(settings.redis) as client:
            yield InRedis(client, settings.prefix, max_series)

    yield open_redis


def writer_of(store: Store) -> PartitionWriter:
    """A writer that has not yet looked at its store."""
    return PartitionWriter(store, SETTINGS)


def test_what_is_applied_is_there(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            writer = writer_of(subject.store)
            await writer.take(numbered([document(n) for n in range(6)]))
            assert (await subject.cell("all", START_MS))[:3] == [6, 2, 2]
            assert (await subject.cell("topic:t", START_MS))[:3] == [6, 2, 2]
            assert await subject.totals() == {"classified": 6, "counted": 6}
            state = await subject.store.load()
            assert (state.applied, state.sources["social"]) == (6, SourceState(5, START_MS))
            assert state == writer.state

    asyncio.run(check())


def test_a_stale_writer_is_refused_and_writes_nothing(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            first, second = writer_of(subject.store), writer_of(subject.store)
            await first.take(numbered([document(0)]))
            with pytest.raises(StaleState):
                await second.take(numbered([document(0), document(1)]))
            assert await subject.totals() == {"classified": 1, "counted": 1}
            assert await second.reload()
            await second.take(numbered([document(1)], 1))
            with pytest.raises(StaleState):
                await first.take(numbered([document(1)], 1))
            assert (await subject.cell("all", START_MS))[:3] == [2, 1, 0]

    asyncio.run(check())


def test_the_epoch_changes_with_a_wipe_so_that_the_same_offset_is_not_the_same_state(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            before, after = writer_of(subject.store), writer_of(subject.store)
            await before.take(numbered([document(n) for n in range(3)]))
            await subject.wipe()
            assert (await subject.store.load()).sources == {}
            await after.reload()
            await after.take(numbered([document(n) for n in range(3)]))
            assert after.position == before.position
            with pytest.raises(StaleState):
                await before.take(numbered([document(3)], 3))
            assert await subject.totals() == {"classified": 3, "counted": 3}

    asyncio.run(check())


def test_a_writer_that_saw_the_store_empty_before_a_wipe_is_refused_after_it(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            zombie, writer = writer_of(subject.store), writer_of(subject.store)
            await zombie.reload()
            await writer.reload()
            await writer.take(numbered([document(n) for n in range(3)]))
            await subject.wipe()
            with pytest.raises(StaleState):
                await zombie.take(numbered([document(n) for n in range(2)]))

    asyncio.run(check())


def test_a_rewind_changes_the_epoch_so_that_a_zombie_at_the_same_offset_is_refused(opened: Any) -> None:
    """The zombie stands at 3 behind a hole; the other rewinds, reads what fills it, and comes to 3 again."""

    async def check() -> None:
        async with opened() as subject:
            log = [document(n) for n in (0, 1, 4)]  # 2 and 3 are missing before 4: a hole
            zombie = writer_of(subject.store)
            await zombie.take(numbered(log))
            writer = writer_of(subject.store)
            await writer.reload()
            writer._holes.update(zombie.holes)
            assert await writer.settle({"social": 5}, 0)
            assert writer.position == 0
            await writer.take(numbered(log))
            assert writer.position == zombie.position == 3
            with pytest.raises(StaleState):
                await zombie.take(numbered([document(2), document(3), document(4)], 3))
            await writer.take(numbered([document(2), document(3), document(4)], 3))
            assert await subject.totals() == {"classified": 5, "counted": 5}

    asyncio.run(check())


def test_a_hole_that_stays_is_given_up_and_counted_as_lost(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            writer = writer_of(subject.store)
            log = numbered([document(0), document(1), document(4)])
            for _ in range(5):
                await writer.take(log[writer.position :])
                if not await writer.settle({"social": 5}, 0):
                    break
            totals = await subject.totals()
            assert (totals["counted"], totals["lost"]) == (3, 2)
            assert (await subject.store.load()).sources["social"].fence == 4

    asyncio.run(check())


def test_an_id_is_known_in_its_generation_and_the_next_and_forgotten_after(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            writer = writer_of(subject.store)
            times = [0, HORIZON_MS - 1, 2 * HORIZON_MS - 1, 2 * HORIZON_MS]
            for offset, after_ms in enumerate(times):
                await writer.take(numbered([document(offset, at_ms=START_MS + after_ms, id="same")], offset))
            totals = await subject.totals()
            assert (totals["counted"], totals["redelivered"]) == (2, 2)
            assert (await subject.cell("all", START_MS))[:3] == [1, 1, 0]
            assert (await subject.cell("all", START_MS + 2 * HORIZON_MS))[:3] == [1, 1, 0]

    asyncio.run(check())


def test_an_id_twice_in_one_batch_counts_once(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            await writer_of(subject.store).take(numbered([document(0, id="same"), document(1, id="same")]))
            assert await subject.totals() == {"classified": 2, "counted": 1, "redelivered": 1}

    asyncio.run(check())


def test_old_id_sets_are_deleted(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            store = RedisStore(client, redis_settings.prefix, 0)
            writer = writer_of(store)
            for offset in range(6):
                await writer.take(numbered([document(offset, at_ms=START_MS + offset * HORIZON_MS)], offset))
            there = {
                int(key.decode().rsplit(":", 1)[1]) async for key in client.scan_iter(match=f"{store.keys.base}i:*")
            }
            newest = START_MS // HORIZON_MS + 5
            assert there == {newest - 1, newest}

    asyncio.run(check())


def test_every_level_is_written_in_the_same_call(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            records = [document(n, at_ms=START_MS + n * 25_000) for n in range(6)]
            await writer_of(subject.store).take(numbered(records))
            assert await subject.cell("all", START_MS + 20_000) == [1, 0, 0, 0, 0, 0, 0]
            assert await subject.cell("all", START_MS, MINUTE) == [3, 1, 1, 0, 0, 0, 0]
            assert await subject.cell("all", START_MS, HOUR) == [6, 2, 2, 0, 0, 0, 0]
            assert await subject.cell("all", DAY.start_of(START_MS), DAY) == [6, 2, 2, 0, 0, 0, 0]
            assert await subject.n_texts("all", START_MS, MINUTE) == 3
            assert await subject.n_texts("all", START_MS, HOUR) == 6

    asyncio.run(check())


def test_unread_documents_are_counted_beside_the_read_ones_whichever_come_first(opened: Any) -> None:
    async def check(cuts: tuple[int, ...]) -> None:
        async with opened() as subject:
            records = [unread(n) if n in (0, 3, 4) else document(n) for n in range(6)]
            writer = writer_of(subject.store)
            for start, end in zip((0, *cuts), (*cuts, 6), strict=True):
                await writer.take(numbered(records[start:end], start))
            for level in LEVELS:
                assert await subject.cell("all", level.start_of(START_MS), level) == [3, 0, 2, 10_000 * 2, 0, 0, 3]
            assert await subject.cell("topic:unclear", START_MS) == [0, 0, 0, 0, 0, 0, 3]
            assert await subject.n_texts("all", START_MS, MINUTE) == await subject.n_texts("all", START_MS, HOUR) == 3
            assert await subject.totals() == {"classified": 6, "counted": 6, "unread": 3}
            await subject.wipe()

    for cuts in ((), (1,), (3,), (1, 2, 3, 4, 5)):
        asyncio.run(check(cuts))


def test_a_redelivered_unread_document_counts_once(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            await writer_of(subject.store).take(numbered([unread(0, id="same"), unread(1, id="same")]))
            assert (await subject.cell("all", START_MS))[-1] == 1
            assert await subject.totals() == {"classified": 2, "counted": 1, "unread": 1, "redelivered": 1}

    asyncio.run(check())


def said(
    offset: int, *, source: str = "wire", model: str = "m/1", text: str | None = None, **fields: Any
) -> Classified:
    """The record of one source offset with a prediction, a different one for each offset."""
    p = (offset * 7 % 11) / 20
    probabilities = {"negative": p, "neutral": 0.25, "positive": 0.75 - p}
    label = max(SENTIMENTS, key=lambda name: probabilities[name])
    prediction = Prediction(
        topic=Label(label=("ipo", "macro")[offset % 2], p=0.5 + p / 2),
        sentiment=SentimentLabel(label=label, p=probabilities[label], probabilities=probabilities),
        model=model,
        projection=bytes((offset * 31 + 5 * i) % 256 for i in range(PROJECTION_BYTES)) if offset % 3 else b"",
    )
    record = document(offset, text=text, at_ms=START_MS + offset * 9_000)
    return msgspec.structs.replace(record, given=None, source=source, prediction=prediction, **fields)


def test_the_drift_monitors_sums_are_those_of_the_documents_however_the_log_is_cut(opened: Any) -> None:
    records = [said(n, model=f"m/{n // 12}", source=f"s{n % 3}") for n in range(20)] + [
        msgspec.structs.replace(said(20), prediction=unread_prediction("m/1"), unread="nothing_left")
    ]
    expected: dict[int, Sums] = {}
    for record in records:
        expected.setdefault(record.observed_ms // MINUTE_MS * MINUTE_MS, Sums()).add(record)

    async def check(cuts: tuple[int, ...]) -> None:
        async with opened() as subject:
            writer = writer_of(subject.store)
            for start, end in zip((0, *cuts), (*cuts, len(records)), strict=True):
                await writer.take(numbered(records[start:end], start))
            assert await subject.sums() == expected
            await subject.wipe()
            assert await subject.sums() == {}
            await writer.reload()
            await writer.take(numbered(records))
            assert await subject.sums() == expected
            await subject.wipe()

    for cuts in ((), (1,), (7, 13), tuple(range(1, 20))):
        asyncio.run(check(cuts))


def test_the_drift_monitors_hear_a_text_once_in_a_generation_whatever_its_outcome(opened: Any) -> None:
    first, copy = said(0, text="x" * 16), said(1, text="x" * 16, outcome="duplicate")
    after_ms = 2 * HORIZON_MS

    async def check(cut: bool) -> None:
        async with opened() as subject:
            later = msgspec.structs.replace(said(2, text="x" * 16), observed_ms=START_MS + after_ms,
                                            published_ms=START_MS + after_ms)  # fmt: skip
            writer = writer_of(subject.store)
            for offset, record in enumerate((copy, first, later)) if cut else ():
                await writer.take(
                    numbered([msgspec.structs.replace(record, source_offset=offset, follows=offset - 1)], offset)
                )
            if not cut:
                records = [msgspec.structs.replace(record, source_offset=offset, follows=offset - 1)
                           for offset, record in enumerate((copy, first, later))]  # fmt: skip
                await writer.take(numbered(records))
            assert {bucket: sums.n for bucket, sums in (await subject.sums()).items()} == {
                START_MS: 1, START_MS + after_ms: 1
            }  # fmt: skip
            await subject.wipe()

    asyncio.run(check(cut=True))
    asyncio.run(check(cut=False))


def test_what_is_not_detected_on_is_not_heard_by_the_drift_monitors(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            old = msgspec.structs.replace(said(1), published_ms=START_MS - 2 * HOUR_MS)
            await writer_of(subject.store).take(numbered([said(0, backfill=True), old, said(2)]))
            assert [sums.n for sums in (await subject.sums()).values()] == [1]

    asyncio.run(check())


def test_invented_sources_share_a_stratum_when_a_bucket_is_full(
    redis_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drifting, "MOST_STRATA", 4)
    records = [msgspec.structs.replace(said(n, source=f"s{n}"), observed_ms=START_MS, published_ms=START_MS)
               for n in range(0, 20, 2)]  # fmt: skip
    records = [msgspec.structs.replace(record, source_offset=n, follows=n - 1) for n, record in enumerate(records)]

    async def check(cuts: tuple[int, ...]) -> Sums:
        async with Redis.from_url(redis_settings.redis) as client:
            subject = InRedis(client, redis_settings.prefix)
            writer = writer_of(subject.store)
            for start, end in zip((0, *cuts), (*cuts, len(records)), strict=True):
                await writer.take(numbered(records[start:end], start))
            [sums] = (await subject.sums()).values()
            await subject.wipe()
            return sums

    sums = asyncio.run(check(()))
    assert sums == asyncio.run(check((1, 3, 4))) == asyncio.run(check(tuple(range(1, 10))))
    assert set(sums.models["m/1"].strata) == {"ipo\x1fs0", "ipo\x1fs2", "ipo\x1fs4", "ipo\x1f"}
    assert sums.n == 10 and sum(one.counts[0] for one in sums.models["m/1"].strata.values()) == 10


def test_cells_from_before_there_were_unread_ones_are_added_to(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            subject = InRedis(client, redis_settings.prefix)
            await writer_of(subject.store).take(numbered([document(0)]))
            block, index = FINE.block_and_index(START_MS)
            key = subject.store.keys.window(FINE, block, "all")
            assert len(msgspec.msgpack.decode(await subject.client.hget(key, index))) == 6
            writer = writer_of(subject.store)
            await writer.reload()
            await writer.take(numbered([unread(1), document(2)], 1))
            assert await subject.cell("all", START_MS) == [2, 1, 1, 0, 0, 0, 1]

    asyncio.run(check())


def test_unread_documents_go_with_their_days(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            store = RedisStore(client, redis_settings.prefix, 0)
            await writer_of(store).take(numbered([unread(0)]))
            await Retention(client, store.keys).drop_older_than(START_MS + 500 * DAY_MS, (DAY_MS,) * 4)
            left = {
                key.decode().split("}:")[1].split(":")[0] async for key in client.scan_iter(match=f"{store.keys.base}*")
            }
            assert left == {"state", "i", "d", "heard"}  # and no entries: nothing waits for detection

    asyncio.run(check())


def test_a_later_batch_adds_to_what_is_there_and_the_same_texts_stay_distinct_ones(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            writer = writer_of(subject.store)
            for start in range(0, 300, 100):
                records = [document(n, at_ms=START_MS + n, text=f"{n % 30:016x}") for n in range(start, start + 100)]
                await writer.take(numbered(records, start))
            assert await subject.cell("all", START_MS, HOUR) == [300, 100, 100, 0, 0, 0, 0]
            for level in (MINUTE, HOUR):
                assert await subject.n_texts("all", START_MS, level) == 30

    asyncio.run(check())


def test_a_document_older_than_a_level_corrects_the_coarser_ones_only(opened: Any) -> None:
    async def check() -> None:
        async with opened() as subject:
            ages = (SETTINGS.fine_retention_days, SETTINGS.minute_retention_days, SETTINGS.hour_retention_days)
            days = [at_ms for n in ages for at_ms in (START_MS - n * DAY_MS, START_MS - n * DAY_MS - MINUTE_MS)]
            oldest = START_MS - SETTINGS.day_retention_days * DAY_MS
            dates = [*days, oldest, oldest - 1]
            records = [document(n, at_ms=START_MS, published_ms=ms) for n, ms in enumerate(dates)]
            await writer_of(subject.store).take(numbered(records))
            kept = [[(await subject.cell("all", level.start_of(ms), level))[0] > 0 for level in LEVELS] for ms in days]
            assert [sum(levels) for levels in kept] == [4, 3, 3, 2, 2, 1]
            totals = await subject.totals()
            assert (totals["counted"], totals["late"], totals["expired"]) == (7, 7, 1)

    asyncio.run(check())


def test_a_series_beyond_the_cap_of_its_day_is_refused_and_counted_however_the_log_is_cut(opened: Any) -> None:
    async def check(cuts: tuple[int, ...]) -> None:
        async with opened(max_series=5) as subject:
            records = [document(n, entities=(f"name{n % 4}",), topic=f"t{n // 6}") for n in range(12)]
            writer = writer_of(subject.store)
            for start, end in zip((0, *cuts), (*cuts, 12), strict=True):
                await writer.take(numbered(records[start:end], start))
            counted = [(await subject.cell(f"entity:name{n}", START_MS, HOUR))[0] for n in range(4)]
            assert counted == [3, 3, 0, 0]
            kept = [(await subject.cell(name, START_MS, HOUR))[0] for name in ("all", "topic:t0", "topic:t1")]
            assert kept == [12, 6, 6]  # the second topic comes when all places of names are taken
            assert (await subject.totals())["series_refused"] == 6
            await subject.wipe()

    for cuts in ((), (1, 2), (7,)):
        asyncio.run(check(cuts))


def test_a_full_day_is_said_once(redis_settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            writer = writer_of(RedisStore(client, redis_settings.prefix, 0, 10))
            for start in range(0, 60, 20):
                records = [document(n, entities=(f"name{n}",)) for n in range(start, start + 20)]
                await writer.take(numbered(records, start))

    asyncio.run(check())
    assert sum("max_window_series=10" in message for message in caplog.messages) == 1


def test_redis_merges_sketches_as_python_does(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            subject = InRedis(client, redis_settings.prefix)
            writer = writer_of(subject.store)
            for start, end in ((0, 1), (1, 50), (50, 60), (60, 300), (300, 301), (301, 500)):
                await writer.take(numbered([document(n) for n in range(start, end)], start))
                block, index = MINUTE.block_and_index(START_MS)
                raw = await client.hget(subject.store.keys.sketches(block, "all"), index)
                assert split(raw) == (sketch(hash32(f"{n:016x}") for n in range(end)), [])

    asyncio.run(check())


def test_retention_deletes_the_days_of_each_level_and_nothing_else(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            store = RedisStore(client, redis_settings.prefix, 0)
            writer, retention = writer_of(store), Retention(client, store.keys)
            for offset in range(4):
                await writer.take(numbered([document(offset, at_ms=START_MS + offset * DAY_MS)], offset))
            first, later = START_MS // DAY_MS, START_MS + 3 * DAY_MS
            kept_ms = (1 * DAY_MS, 2 * DAY_MS, 3 * DAY_MS, 3 * DAY_MS)
            assert await retention.drop_older_than(later, kept_ms) == 2 + 1
            keys = [key.decode().split("}:")[1] async for key in client.scan_iter(match=f"{store.keys.base}*")]
            blocks = {(k.split(":")[1], int(k.split(":")[2])) for k in keys if k.startswith("w:")}
            days = {(code, block * level.block_ms // DAY_MS - first) for level in LEVELS for code, block in blocks
                    if code == level.code}  # fmt: skip
            assert days == {("f", 2), ("f", 3), ("m", 1), ("m", 2), ("m", 3)} | {(c, d) for c in "hd" for d in range(4)}
            assert await retention.drop_older_than(later, kept_ms) == 0
            await retention.drop_older_than(later + 500 * DAY_MS, kept_ms)
            left = {
                key.decode().split("}:")[1].split(":")[0] async for key in client.scan_iter(match=f"{store.keys.base}*")
            }
            assert left == {"state", "i", "e", "open"}

    asyncio.run(check())


def test_a_batch_larger_than_a_lua_stack_is_applied(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            subject = InRedis(client, redis_settings.prefix)
            await writer_of(subject.store).take(numbered([document(n) for n in range(9_000)]))
            assert (await subject.cell("all", START_MS))[:3] == [9000, 3000, 3000]
            assert await client.llen(subject.store.keys.entries(START_MS)) == 9000
            assert await subject.n_texts("all", START_MS, HOUR) == pytest.approx(9000, rel=0.03)
            assert await subject.n_texts("all", START_MS, MINUTE) == pytest.approx(9000, rel=0.4)

    asyncio.run(check())


def test_a_redis_that_is_away_is_store_unavailable_everywhere() -> None:
    async def check() -> None:
        async with Redis.from_url("redis://127.0.0.1:1/0") as client:
            store = RedisStore(client, "", 0)
            item = document(0)
            delta = Delta(PartitionState(1, "e", {}))
            for attempt in (
                store.load,
                lambda: writer_of(store).take(numbered([item])),
                lambda: store.apply(PartitionState(), delta, HORIZON_MS),
                lambda: Retention(client, store.keys).drop_older_than(START_MS, [HOUR_MS] * 4),
            ):
                with pytest.raises(StoreUnavailable):
                    await attempt()

    asyncio.run(check())


# -- the evaluator's store


def test_entries_that_are_built_anew_are_not_forgotten_by_an_evaluator_from_before_the_wipe(
    redis_settings: Settings,
) -> None:
    """Found by ten kills and a FLUSHALL: the evaluator was deleting old entries while Redis was built anew."""

    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            alerts, later = AlertStore(client, redis_settings.prefix, 1), START_MS + 5 * HOUR_MS
            writer = writer_of(RedisStore(client, redis_settings.prefix, 0))
            await writer.take(numbered([document(0)]))
            await alerts.load()
            await alerts.commit(-1, later, Changes({}, {}, {}, [], b"h"), [], {START_MS: 1})
            await client.flushall()
            await writer.reload()
            await writer.take(numbered([document(0)]))
            with pytest.raises(StaleState):
                await alerts.forget_entries(later)
            assert await alerts.open_buckets(0, later) == [START_MS]
            old_epochs = [b"before the wipe"]
            with pytest.raises(StaleState):
                await alerts._forget([START_MS], old_epochs)
            assert await alerts.open_buckets(0, later) == [START_MS]

    asyncio.run(check())


def test_old_entries_are_forgotten_and_what_came_too_late_is_counted_as_missed(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            alerts, later = AlertStore(client, redis_settings.prefix, 1), START_MS + 5 * HOUR_MS
            writer = writer_of(RedisStore(client, redis_settings.prefix, 0))
            await alerts.load()
            await writer.take(numbered([document(0), document(1)]))
            await alerts.commit(-1, later, Changes({}, {}, {}, [], b"h"), [], {START_MS: 2})
            assert await alerts.n_missed(later) == 0
            await writer.take(numbered([document(2)], 2))
            assert await alerts.n_missed(later) == 1
            await alerts.forget_entries(later)
            assert await alerts.open_buckets(0, later) == []
            assert await alerts.n_missed(later) == 1

    asyncio.run(check())


def test_old_sums_of_the_drift_monitors_go_with_the_entries(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            alerts, later = AlertStore(client, redis_settings.prefix, 1), START_MS + 5 * HOUR_MS
            writer = writer_of(RedisStore(client, redis_settings.prefix, 0))
            await alerts.load()
            new = msgspec.structs.replace(said(1), observed_ms=later, published_ms=later)
            await writer.take(numbered([said(0), new]))
            await alerts.commit(-1, later, Changes({}, {}, {}, [], b"h"), [], {START_MS: 1}, {"monitors": b"m"})
            assert await alerts.beside("monitors") == b"m"
            await alerts.forget_entries(later)
            assert [bucket for bucket, _ in await alerts.sums(0, later + DAY_MS)] == [later]

    asyncio.run(check())


def test_a_wipe_before_the_first_step_is_seen_by_its_commit(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            alerts = AlertStore(client, redis_settings.prefix, 1)
            await alerts.load()
            await client.flushall()
            with pytest.raises(StaleState):
                await alerts.commit(-1, START_MS, Changes({}, {}, {}, [], b"h"), [], {})
            assert not await alerts.in_place(-1)

    asyncio.run(check())


def test_what_is_no_sample_goes_and_the_samples_after_it_are_given(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            alerts = AlertStore(client, redis_settings.prefix, 1)
            await alerts.load()
            no_id = [sample("") for _ in range(SAMPLES_AT_ONCE + 1)]  # of a record that somebody else wrote
            changes = Changes({}, {}, {}, [], b"h")
            await alerts.commit(-1, START_MS, changes, [], {}, samples=[*no_id, sample("d1"), sample("x" * 300)])
            given = await alerts.samples()
            assert [one.id for _, one in given] == ["d1"]
            await alerts.samples_sent([raw for raw, _ in given])
            assert await alerts.samples() == []

    asyncio.run(check())


def test_one_evaluator_holds_the_lease_and_its_commits_are_compared(redis_settings: Settings) -> None:
    async def check() -> None:
        async with Redis.from_url(redis_settings.redis) as client:
            one, other = (AlertStore(client, redis_settings.prefix, 1) for _ in range(2))
            assert await one.lease("one", 5000)
            assert not await other.lease("other", 5000)
            assert await one.lease("one", 1)
            await asyncio.sleep(0.05)
            assert await other.lease("other", 5000)
            await one.load()
            await other.load()
            await other.commit(-1, START_MS, Changes({}, {}, {}, [], b"h"), [], {})
            with pytest.raises(StaleState):
                await one.commit(-1, START_MS, Changes({}, {}, {}, [], b"h"), [], {})
            assert await other.in_place(START_MS)
            assert not await one.in_place(-1)

    asyncio.run(check())
