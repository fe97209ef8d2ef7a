"""Deleting windows as the watermark passes them, each level by its own retention, whole days at a time.

Nothing counted has an EXPIRE: a key that vanished by the wall clock would be a wrong count in a replay. What a level has
is known from two small indexes, the days of the level and the series of a day, so nothing is searched for. The keys of
some series go in one call, and between two calls Redis serves others.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from redis.asyncio import Redis

from streamwatch.redis_errors import answering
from streamwatch.timeline import DAY_MS
from streamwatch.trends.keys import Keys
from streamwatch.trends.levels import DAY, LEVELS, MINUTE, REGISTERED, Level

SERIES_A_CALL = 50
"""Series whose keys go in one call: at most 2,450 keys (an hour's level has 49 a series and day), about a millisecond."""


class Retention:
    """Deletes the old windows of one partition.

    Args:
        redis: a client that returns bytes.
        keys: of the partition.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis: Any = redis
        self._keys = keys

    async def drop_older_than(self, watermark_ms: int, retentions_ms: Sequence[int]) -> int:
        """Delete the days that lie wholly before `watermark_ms` − retention of their level; how many (level, day) went."""
        n_dropped = 0
        for level, retention_ms in zip(LEVELS, retentions_ms, strict=True):
            for day in await self._days_before(level, (watermark_ms - retention_ms) // DAY_MS):
                await self._drop(level, day)
                n_dropped += 1
        return n_dropped

    async def _days_before(self, level: Level, day: int) -> list[int]:
        with answering():
            return [int(d) for d in await self._redis.zrange(self._keys.days(level), "-inf", f"({day}", byscore=True)]

    async def _drop(self, level: Level, day: int) -> None:
        cursor = 0
        while True:
            with answering():
                cursor, names = await self._redis.sscan(self._keys.series(day), cursor, count=SERIES_A_CALL)
                for start in range(0, len(names), SERIES_A_CALL):
                    some = names[start : start + SERIES_A_CALL]
                    await self._redis.unlink(
                        *(k for name in some for k in keys_of(self._keys, level, day, name.decode()))
                    )
            if not cursor:
                break
        with answering():
            await self._redis.zrem(self._keys.days(level), day)
            if level is DAY:
                await self._redis.delete(self._keys.series(day))


def keys_of(keys: Keys, level: Level, day: int, series: str) -> Iterator[str]:
    """Every key that one series can have in one day of a level.

    >>> len(list(keys_of(Keys("", 0), LEVELS[0], 20_000, "all"))), len(list(keys_of(Keys("", 0), DAY, 20_000, "all")))
    (24, 3)
    """
    for block in level.blocks_of(day):
        yield keys.window(level, block, series)
        if level is MINUTE:
            yield keys.sketches(block, series)
    if level in REGISTERED:
        for bucket_ms in level.buckets_of(day):
            yield keys.texts(level, bucket_ms, series)
            yield keys.authors(level, bucket_ms, series)
