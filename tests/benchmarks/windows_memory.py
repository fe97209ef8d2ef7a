"""What the windows of one series cost in Redis: bytes by kind of key and traffic, by MEMORY USAGE.

    python tests/benchmarks/windows_memory.py

Six hours of one series at each rate, texts all different, authors from 50,000; figures are of one hour, of one day for
the level of days. Keys are counted with their names (MEMORY USAGE includes them, and not the 24 to 32 bytes of Redis'
own table of keys for each). The last line is what a name costs that came with one document, all included.
"""

import asyncio
from collections import Counter
from typing import Any

from redis.asyncio import Redis
from windows import START_MS, records

from streamwatch.codec import decode
from streamwatch.config import Settings
from streamwatch.embedded import RedisServer
from streamwatch.records import Classified
from streamwatch.trends.levels import DAY, LEVELS
from streamwatch.trends.retention import keys_of
from streamwatch.trends.store import RedisStore
from streamwatch.trends.writer import PartitionWriter

HOURS = 6
N_NAMES = 4000
PER_MINUTE = (0.1, 1, 6, 60, 600)
KINDS = {
    "w:f": "cells of 10 s", "w:m": "cells of a minute", "k": "sketches of a minute", "w:h": "cells of an hour",
    "t:h": "texts of an hour", "a:h": "authors of an hour", "w:d": "cell of a day", "t:d": "texts of a day",
    "a:d": "authors of a day",
}  # fmt: skip


async def usage(url: str, per_minute: float) -> Counter[str]:
    """Bytes of the keys of `source:social`, by kind."""
    found: Counter[str] = Counter()
    async with Redis.from_url(url) as redis:
        client: Any = redis
        await client.flushall()
        writer = PartitionWriter(RedisStore(redis, "", 0), Settings())
        raw = records(round(HOURS * 60 * per_minute), 60_000 / per_minute, seed=1)
        for start in range(0, len(raw), 2000):
            await writer.take(list(enumerate((decode(r, Classified) for r in raw[start : start + 2000]), start)))
        async for key in client.scan_iter(match="*:source:social", count=1000):
            code, _, rest = key.decode().split("}:")[1].partition(":")
            found[code if code == "k" else f"{code}:{rest[0]}"] += await client.memory_usage(key, samples=0)
    return found


async def one_of_each_name(url: str) -> Counter[str]:
    """Bytes of a name that came once, by level, with its share of Redis' tables: the difference when a level is gone."""
    names = [_named(n) for n in range(N_NAMES)]
    found: Counter[str] = Counter()
    async with Redis.from_url(url) as redis:
        await redis.flushall()
        await PartitionWriter(RedisStore(redis, "", 0), Settings()).take(list(enumerate(names)))
    async with Redis.from_url(url) as redis:  # without the buffers of the call
        client: Any = redis
        store = RedisStore(redis, "", 0)
        for level in LEVELS:
            before = (await client.info("memory"))["used_memory"]
            for day in map(int, await client.zrange(store.keys.days(level), 0, -1)):
                await client.delete(
                    *(k for r in names for k in keys_of(store.keys, level, day, f"entity:{r.entities[0]}"))
                )
                if level is DAY:
                    await client.delete(store.keys.series(day))
            found[level.name] = (before - (await client.info("memory"))["used_memory"]) // N_NAMES
    return found


def _named(n: int) -> Classified:
    at_ms = START_MS + n
    return Classified(
        outcome="classified", source_channel="social", source_partition=0, source_offset=n, follows=n - 1,
        observed_ms=at_ms, published_ms=at_ms, id=f"{n}", text_hash=f"{n:016x}", author_hash=f"{n:016x}",
        source="s", entities=(f"an invented name, number {n}",),
    )  # fmt: skip


def main() -> None:
    """The command."""
    with RedisServer() as server:
        by_rate = {rate: asyncio.run(usage(server.url, rate)) for rate in PER_MINUTE}
        once = asyncio.run(one_of_each_name(server.url))
    print(f"{'documents a minute':24}" + "".join(f"{rate:>10g}" for rate in PER_MINUTE))
    for kind, name in KINDS.items():
        hours = 1 if kind.endswith("d") else HOURS
        print(f"{name:24}" + "".join(f"{by_rate[rate][kind] / hours:10,.0f}" for rate in PER_MINUTE))
    print(f"a name that comes once: {dict(once)}")


if __name__ == "__main__":
    main()
