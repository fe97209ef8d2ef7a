"""What it costs to apply classified documents to the windows of every level.

    python tests/benchmarks/windows.py --json windows.json

Documents have a text of 140 characters, one of 20 topics, one of 200 tickers, and one of 50,000 authors; each counts in
four series, so in 16 buckets. They are applied by `PartitionWriter.take` to an embedded Redis as the worker does it:
fence, ids, windows, sketches, HyperLogLogs and the entries that detection waits for.

- shared: 400 documents a second, so that thousands share a bucket;
- alone: one every 10 s, so that none shares a 10 s bucket with another;
- sparse: one every 61 s, so that none shares a minute either;
- invented: as shared, but each names 64 entities that nobody named before (a twentieth as many documents).

A core is the CPU time of this process (`time.process_time`) and of Redis (psutil) together. The rounds are interleaved
with a pipelined loop of plain HINCRBY against the same Redis, so that a slow machine is seen: `redis-benchmark` is used
for that where it is on the PATH.
"""

import argparse
import asyncio
import gc
import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from streamwatch.codec import decode, encode
from streamwatch.config import Settings
from streamwatch.embedded import RedisServer
from streamwatch.records import SENTIMENTS, Classified, Label, Prediction, SentimentLabel
from streamwatch.text.clean import text_hash
from streamwatch.trends.store import RedisStore
from streamwatch.trends.writer import PartitionWriter, bites

START_MS = 1_700_000_000_000 - 1_700_000_000_000 % 86_400_000
SPACINGS_MS = {"shared": 2.5, "alone": 10_000, "sparse": 61_000, "invented": 2.5}
N_PLAIN = 100_000


def records(n: int, spacing_ms: float, seed: int, n_invented: int = 0) -> list[bytes]:
    """`n` records of `classified` as they come from Kafka."""
    draw = random.Random(seed)
    return [encode(_record(offset, START_MS + int(offset * spacing_ms), draw, n_invented)) for offset in range(n)]


def _record(offset: int, at_ms: int, draw: random.Random, n_invented: int) -> Classified:
    text = f"{offset} " + "".join(draw.choices("abcdefghij ", k=130))
    p = sorted(draw.random() for _ in range(2))
    shares = dict(zip(SENTIMENTS, (p[0], p[1] - p[0], 1 - p[1]), strict=True))
    label = max(shares, key=lambda name: shares[name])
    return Classified(
        outcome="classified", source_channel="social", source_partition=0, source_offset=offset, follows=offset - 1,
        observed_ms=at_ms, published_ms=at_ms, id=f"document-{offset}", text=text, text_hash=text_hash(text),
        source="social", author_hash=text_hash(str(draw.randrange(50_000))), entities=_names(offset, draw, n_invented),
        prediction=Prediction(
            topic=Label(label=f"topic {draw.randrange(20)}", p=0.8), model="none",
            sentiment=SentimentLabel(label=label, p=shares[label], probabilities=shares),
        ),
    )  # fmt: skip


def _names(offset: int, draw: random.Random, n_invented: int) -> tuple[str, ...]:
    if n_invented:
        return tuple(f"invented {offset} {i}" for i in range(n_invented))
    return (f"T{_letters(draw)}",)


def _letters(draw: random.Random) -> str:
    number = draw.randrange(200)
    return chr(65 + number // 20) + chr(65 + number % 20)


class Cores:
    """CPU seconds of this process and of Redis while a block runs."""

    def __init__(self, redis_pid: int) -> None:
        self._redis = psutil.Process(redis_pid)
        self.python_s = self.redis_s = 0.0

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Adds what the block takes."""
        python_s, redis_s = time.process_time(), self._redis_s()
        yield
        self.python_s += time.process_time() - python_s
        self.redis_s += self._redis_s() - redis_s

    def _redis_s(self) -> float:
        times = self._redis.cpu_times()
        return times.user + times.system


async def apply(url: str, name: str, raw: list[bytes], batch: int, cores: Cores, *, decoded: bool) -> dict[str, float]:
    """Documents a second and core of one round, and what it left in Redis."""
    store_settings = Settings()
    async with Redis.from_url(url) as client:
        await client.flushall()
        empty = (await client.info("memory"))["used_memory"]
        writer = PartitionWriter(RedisStore(client, name, 0, store_settings.max_window_series), store_settings)
        for start in range(0, len(raw), batch):
            some = raw[start : start + batch]
            before = [decode(value, Classified) for value in some] if decoded else None
            with cores.measure():
                log = list(enumerate(before or [decode(value, Classified) for value in some], start))
                for part in bites(log):
                    await writer.take(part)
        used = (await client.info("memory"))["used_memory"] - empty
        return {"bytes": used, "keys": await client.dbsize()}


def plain(url: str, port: int) -> float:
    """Plain commands a second against the same Redis."""
    program = shutil.which("redis-benchmark")
    if program is not None:
        command = [
            program,
            "-p",
            str(port),
            "-n",
            str(N_PLAIN),
            "-P",
            "100",
            "-c",
            "1",
            "-q",
            "--csv",
            "hincrby",
            "plain",
            "f",
            "1",
        ]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return float(said.strip().splitlines()[-1].split(",")[1].strip('"'))
    with BlockingRedis.from_url(url) as client:
        started = time.perf_counter()
        for _ in range(N_PLAIN // 1000):
            pipe = client.pipeline(transaction=False)
            for i in range(1000):
                pipe.hincrby("plain", str(i), 1)
            pipe.execute()
        return N_PLAIN / (time.perf_counter() - started)


def one_round(server: RedisServer, name: str, n: int, batch: int, seed: int, *, decoded: bool) -> dict[str, Any]:
    """One scenario once."""
    assert server.pid is not None
    cores = Cores(server.pid)
    n, n_invented = (n // 20, 64) if name == "invented" else (n, 0)
    raw = records(n, SPACINGS_MS[name], seed, n_invented)
    found = asyncio.run(apply(server.url, name, raw, batch, cores, decoded=decoded))
    return {
        "per_core": n / (cores.python_s + cores.redis_s),
        "python_us": cores.python_s / n * 1e6,
        "redis_us": cores.redis_s / n * 1e6,
        **found,
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All rounds, interleaved; medians."""
    rounds: dict[str, list[dict[str, Any]]] = {}
    plains: list[float] = []
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # as the worker does
    with RedisServer() as server:
        for seed in range(options.rounds):
            plains.append(plain(server.url, server.port))
            for name in options.only or SPACINGS_MS:
                for decoded in (False, True):
                    label = f"{name}, decoded before" if decoded else name
                    found = one_round(server, name, options.documents, options.batch, seed, decoded=decoded)
                    rounds.setdefault(label, []).append(found)
    return {
        "documents": options.documents, "batch": options.batch, "rounds": options.rounds,
        "plain commands a second": round(median(plains)),
        "cases": {label: {key: round(median(r[key] for r in found), 1) for key in found[0]} for label, found in rounds.items()},
    }  # fmt: skip


def show(found: dict[str, Any], say: Callable[[str], None] = print) -> None:
    """The table."""
    say(f"{found['documents']:,} documents in batches of {found['batch']:,}, median of {found['rounds']} rounds; "
        f"beside it {found['plain commands a second']:,} plain HINCRBY a second (pipelined)")  # fmt: skip
    say(f"{'':24}{'docs/s and core':>16}{'Python µs':>11}{'Redis µs':>10}{'keys':>9}{'MB':>7}")
    for label, case in found["cases"].items():
        say(f"{label:24}{case['per_core']:16,.0f}{case['python_us']:11.1f}{case['redis_us']:10.1f}"
            f"{case['keys']:9,.0f}{case['bytes'] / 1e6:7.1f}")  # fmt: skip


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=2_000, help="records of one read, as the worker's limit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=list(SPACINGS_MS))
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures here")
    options = parser.parse_args()
    found = measure(options)
    show(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
