"""What it costs to evaluate one closed bucket over 10, 100 and 1,000 series, in the evaluator and through Redis.

    python tests/benchmarks/evaluator_cost.py --json cost.json

Every series has had a busy month of 20 sources (`busy_month`). In each measured bucket of 10 s it has two documents, of which
a fifth is negative as usual; each counts in `all` too, which is one of the series. A step is what the worker does: which
buckets are open, how many entries they have, the entries, the evaluation, and one commit of state. Beside it, in the same
round:

- plain: the same bytes of state by one pipelined HSET for each hash and series, so that a slow machine is seen;
- one of all: a bucket in which a single document speaks, of one series, while the others are silent.

Times are medians over buckets and rounds: wall, and CPU of this process (`time.process_time`) and of Redis (psutil). Round
trips are counted where the client writes to its socket; commands are Redis' own count of what it was sent.
It ends with code 1 where the state of a series is larger than 1 KB, where the round trips differ by the number of series, or
where a series costs more among many than among few.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import msgspec
import psutil
from busy_month import Month, busy_month, document
from redis.asyncio import Connection, ConnectionPool, Redis

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.store import AlertStore
from streamwatch.alerting.transition import Changes
from streamwatch.config import BUCKET_MS, Settings
from streamwatch.embedded import RedisServer
from streamwatch.trends.keys import Keys

PARTITIONS = 4
DOCUMENTS_EACH = 2
NEGATIVE = 0.2
"""As usual: nothing fires."""
STEP_ENTRIES = 50_000
DETECTOR_LIMIT = 1024
"""The promise: so many bytes of Redis for what the tests of a series remember, whatever the traffic."""
FLAT = 1.5
"""A series among most may cost so many times what it costs among fewest: caches get cold, and nothing else."""
Figures = dict[str, float]


class Counting(Connection):
    """A connection that counts how often it writes: each write waits for its answers, so each is a round trip."""

    n_writes = 0

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """One write, of one command or of a whole pipeline."""
        Counting.n_writes += 1
        await super().send_packed_command(command, check_health)


class Bench:
    """One number of series, in a Redis of its own keys."""

    def __init__(self, redis: Redis, redis_pid: int, month: Month, n_series: int) -> None:
        self._redis: Any = redis
        self._process = psutil.Process(redis_pid)
        self._names = ["all", *(f"ticker:S{i}" for i in range(n_series - 1))]
        self._prefix = f"cost{n_series}-"
        self._store = AlertStore(redis, self._prefix, PARTITIONS)
        self._settings = Settings(max_series=2 * n_series)
        self._at_ms = month.end_ms
        self._draw = Random(n_series)
        state = month.cloned(self._names)
        self._evaluator = Evaluator(self._settings, state=state)
        self._whole = Changes(dict(state.detectors), dict(state.evidence), {}, [], state.header)
        self.found: dict[str, list[float]] = defaultdict(list)

    async def begin(self) -> None:
        """Put the month into Redis, as the evaluator would have."""
        await self._store.load()
        await self._store.commit(-1, self._evaluator.closed_until_ms, self._whole, [], {})

    async def bucket(self) -> None:
        """One bucket in which every series speaks, one in which a single one does, and the plain write."""
        changes = await self._measured("", self._names[1:] * DOCUMENTS_EACH)
        await self._plain(changes)
        await self._measured("one of all: ", self._names[1:2])

    async def _measured(self, label: str, names: Sequence[str]) -> Changes:
        await self._fill(names)
        self._at_ms += BUCKET_MS
        commands, writes = await self._commands(), Counting.n_writes
        wall, cpu, redis_s = time.perf_counter(), time.process_time(), self._redis_s()
        changes, evaluator_s = await self._step(self._at_ms)
        self._note(
            label,
            wall_ms=(time.perf_counter() - wall) * 1e3,
            python_ms=(time.process_time() - cpu) * 1e3,
            redis_ms=(self._redis_s() - redis_s) * 1e3,
            evaluator_ms=evaluator_s * 1e3,
            round_trips=Counting.n_writes - writes,
        )
        self._note(label, commands=await self._commands() - commands - 1)
        return changes

    async def _step(self, until_ms: int) -> tuple[Changes, float]:
        """As `AlertService` does it; the changes, and the CPU seconds of the evaluator alone."""
        before = self._evaluator.closed_until_ms
        buckets = await self._store.open_buckets(before, until_ms)
        entries = await self._store.entries(await self._store.at_most(buckets, STEP_ENTRIES))
        started = time.process_time()
        transitions = self._evaluator.advance(until_ms, entries)
        changes = self._evaluator.take_changes()
        evaluator_s = time.process_time() - started
        evaluated = {bucket: len(found) for bucket, found in entries}
        await self._store.commit(before, until_ms, changes, [t.alert for t in transitions], evaluated)
        return changes, evaluator_s

    async def _fill(self, names: Sequence[str]) -> None:
        """Documents wait in the open bucket, as `apply.lua` leaves them."""
        pipe = self._redis.pipeline(transaction=False)
        for i, name in enumerate(names):
            entry = document(self._draw, NEGATIVE, f"{self._at_ms} {i}", (name,))
            entry = msgspec.structs.replace(entry, series=("all", name))
            keys = Keys(self._prefix, entry.partition)
            pipe.rpush(keys.entries(self._at_ms), msgspec.json.encode(entry))
            pipe.zadd(keys.open, {str(self._at_ms): self._at_ms})
        await pipe.execute()

    async def _plain(self, changes: Changes) -> None:
        """The same bytes without script, comparison or evaluator."""
        started = time.perf_counter()
        pipe = self._redis.pipeline(transaction=False)
        for name, raw in changes.detectors.items():
            pipe.hset(f"{self._prefix}plain", name, raw)
            pipe.hset(f"{self._prefix}plain2", name, changes.evidence[name])
        await pipe.execute()
        self._note("", plain_ms=(time.perf_counter() - started) * 1e3)
        self._note(
            "",
            detector_bytes=max(len(raw or b"") for raw in changes.detectors.values()),
            evidence_bytes=max(len(raw or b"") for raw in changes.evidence.values()),
        )

    async def _commands(self) -> int:
        stats = await self._redis.info("commandstats")
        outer = ("zrange", "llen", "lrange", "evalsha", "hmget", "hget", "info")
        return sum(stats[f"cmdstat_{name}"]["calls"] for name in outer if f"cmdstat_{name}" in stats)

    def _redis_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _note(self, label: str, **figures: float) -> None:
        for name, value in figures.items():
            self.found[label + name].append(value)


def figures(bench: Bench, n_series: int) -> Figures:
    """Medians (Redis' clock ticks in hundredths of a second, so its CPU is a mean); worst of what is bounded."""
    found = {name: median(values) for name, values in bench.found.items()}
    for name in [name for name in found if name.endswith("redis_ms")]:
        found[name] = sum(bench.found[name]) / len(bench.found[name])
    for name in [name for name in found if name.endswith(("round_trips", "_bytes"))]:
        found[name] = max(bench.found[name])
    found["evaluator_us_per_series"] = found["evaluator_ms"] / n_series * 1e3
    found["wall_us_per_series"] = found["wall_ms"] / n_series * 1e3
    return {name: round(value, 3) for name, value in found.items()}


async def measure(options: argparse.Namespace, server: RedisServer, month: Month) -> dict[int, Figures]:
    """All rounds, the numbers of series interleaved."""
    assert server.pid is not None
    pool = ConnectionPool.from_url(server.url, connection_class=Counting)
    async with Redis(connection_pool=pool) as redis:
        await redis.flushall()
        benches = {n: Bench(redis, server.pid, month, n) for n in options.series}
        for bench in benches.values():
            await bench.begin()
        gc.collect()
        gc.freeze()
        for _ in range(options.buckets):
            for bench in benches.values():
                await bench.bucket()
    return {n: figures(bench, n) for n, bench in benches.items()}


COLUMNS = (
    ("evaluator ms", "evaluator_ms"), ("µs/series", "evaluator_us_per_series"), ("step ms", "wall_ms"),
    ("µs/series", "wall_us_per_series"), ("Python ms", "python_ms"), ("Redis ms", "redis_ms"), ("trips", "round_trips"),
    ("plain ms", "plain_ms"), ("one of all ms", "one of all: wall_ms"),
)  # fmt: skip


def show(found: dict[str, Any]) -> None:
    """The table."""
    month = found["month"]
    print(f"a month of {month['documents']:,} documents and {month['alerts']} alerts: a series' tests remember "
          f"{month['detector_bytes']:,} bytes at most (the promise: {DETECTOR_LIMIT:,}), its evidence "
          f"{month['evidence_bytes']:,}")  # fmt: skip
    print(f"{'series':>7}" + "".join(f"{title:>{len(title) + 3}}" for title, _ in COLUMNS))
    for n, case in found["series"].items():
        print(f"{n:7,}" + "".join(f"{case[name]:{len(title) + 3}.{0 if name == 'round_trips' else 2}f}"
                                  for title, name in COLUMNS))  # fmt: skip
    for fault in found["faults"]:
        print(f"FAULT: {fault}")


def faults(found: dict[str, Any]) -> list[str]:
    """What breaks the promise."""
    cases = list(found["series"].values())
    sizes = [found["month"]["detector_bytes"], *(case["detector_bytes"] for case in cases)]
    said = [f"a series' tests remember {size:.0f} bytes" for size in sizes if size > DETECTOR_LIMIT]
    trips = sorted({case["round_trips"] for case in cases})
    said += [f"round trips of a step differ by the number of series: {trips}"] if len(trips) > 1 else []
    fewest, most = cases[0]["evaluator_us_per_series"], cases[-1]["evaluator_us_per_series"]
    return said + ([f"a series costs {most:.0f} µs among many, {fewest:.0f} among few"] if most > FLAT * fewest else [])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--buckets", type=int, default=40, help="measured, of each number of series")
    parser.add_argument("--weeks", type=int, default=4, help="of warm-up")
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures here")
    options = parser.parse_args()
    month = busy_month(options.weeks)
    with RedisServer() as server:
        series = asyncio.run(measure(options, server, month))
    found: dict[str, Any] = {
        "month": {"weeks": options.weeks, "documents": month.n_documents, "alerts": month.n_alerts,
                  "detector_bytes": month.detector_bytes, "evidence_bytes": month.evidence_bytes},
        "buckets": options.buckets, "documents of a series in a bucket": DOCUMENTS_EACH, "series": series,
    }  # fmt: skip
    found["faults"] = faults(found)
    show(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(1 if found["faults"] else 0)


if __name__ == "__main__":
    main()
