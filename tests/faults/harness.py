"""Workers as real processes, a replay in a thread, and everything that Redis and the channels hold in the end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import redis
from kafka import TopicPartition

from streamwatch import broker, channels
from streamwatch.config import BUCKET_MS, Settings, environment
from streamwatch.embedded import launch
from streamwatch.sources.replay import Options, Totals, replay
from streamwatch.sources.row import Row
from streamwatch.trends.cells import unpacked
from streamwatch.trends.levels import FINE, Level

from .oracle import Windows

LOOK_S = 0.05
LOG_LEVEL = os.environ.get("STREAMWATCH_TEST_LOG_LEVEL", "warn")
"""Of the workers: `info` shows each rebalance, when a test has to be understood."""


class Worker:
    """`faust -A streamwatch worker` as a process of its own, that dies with this one."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._settings = settings
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.n_started = 0
        self.n_ended_by_itself = 0

    def start(self) -> Self:
        """Start it, and say nothing of when it is ready. Call it from the main thread: it dies with its thread."""
        program = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), sys.executable]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*program, "-m", "faust", "-A", "streamwatch", "worker", "-l", LOG_LEVEL],
                env=os.environ | environment(self._settings),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._log.parent, start_new_session=True,
            )  # fmt: skip
        self.n_started += 1
        return self

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """`kill -9`."""
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(10)

    def pause(self) -> None:
        """`kill -STOP`: a zombie in the making."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """`kill -CONT`."""
        self._signal(signal.SIGCONT)

    def terminate(self, timeout_s: float = 30.0) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self._signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def keep_alive(self) -> None:
        """What a supervisor does: start it again where it has ended by itself."""
        if not self.alive:
            self.n_ended_by_itself += 1
            self.start()

    def end(self) -> None:
        """Leave nothing behind, in whatever state it is."""
        if self.process is not None and self.alive:
            self._signal(signal.SIGCONT)
            self.kill()

    def log(self) -> str:
        """What it has said, by all its lives."""
        return self._log.read_text(errors="replace")

    def _signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)


class Replaying(threading.Thread):
    """A replay in the background, `per_s` rows a second (None: as fast as it goes)."""

    def __init__(self, settings: Settings, rows: Sequence[Row], options: Options, per_s: float | None = None) -> None:
        super().__init__(name="replay", daemon=True)
        self._settings = settings
        self._rows = rows
        self._options = options
        self._per_s = per_s
        self.totals: Totals | None = None
        self.error: BaseException | None = None
        self.n_sent = 0

    def run(self) -> None:
        """Play to the end."""
        try:
            self.totals = replay(self._settings, self._paced(), self._options)
        except BaseException as error:
            self.error = error

    def done(self) -> Totals:
        """Wait for its end. Raises what it raised."""
        self.join()
        if self.error is not None:
            raise self.error
        assert self.totals is not None
        return self.totals

    def _paced(self) -> Iterator[Row]:
        started = time.monotonic()
        for n, row in enumerate(self._rows):
            if self._per_s:
                time.sleep(max(0.0, started + n / self._per_s - time.monotonic()))
            self.n_sent = n
            yield row


class Scene:
    """One deployment: its channels, its replay, and what became of it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.redis = redis.Redis.from_url(settings.redis)
        channels.create(settings)

    # -- waiting

    def until(self, what: Callable[[], bool], timeout_s: float, workers: Iterable[Worker] = ()) -> None:
        """Wait until `what` is so; meanwhile workers that end by themselves are started again."""
        end = time.monotonic() + timeout_s
        while not what():
            if time.monotonic() > end:
                raise TimeoutError(f"not so after {timeout_s:g} s: {what.__name__}; {self.where_things_stand()}")
            for worker in workers:
                worker.keep_alive()
            time.sleep(LOOK_S)

    def where_things_stand(self) -> str:
        """For each source partition: its end, its fence, and the first and last record of `classified` that it has."""
        written: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
        for record in self.read("classified"):
            fields = json.loads(record.value)
            where = fields["source_channel"], fields["source_partition"]
            written[where].append((fields["source_offset"], fields["follows"]))
        fences = self.fences()
        lines = [f"closed {self.closed_ms()}, outbox {self.redis.llen(self._eval('outbox'))}"]
        for where, end in self._source_ends().items():
            records = written[where]
            lines.append(
                f"{where}: end {end}, fence {fences.get(where)}, records {len(records)} {records[:1]} {records[-1:]}"
            )
        return "; ".join(lines)

    def n_applied(self) -> int:
        """Source records (markers too) whose record of `classified` was applied."""
        return sum(fence + 1 for fence in self.fences().values())

    def fences(self) -> dict[tuple[str, int], int]:
        """The last source offset applied, by channel and partition."""
        found = {}
        for p in range(self.settings.partitions):
            for name, value in self.redis.hgetall(self._state(p)).items():
                if name.startswith(b"s:"):
                    found[name[2:].decode(), p] = json.loads(value)[0]
        return found

    def settled(self, timeout_s: float, workers: Iterable[Worker] = ()) -> None:
        """Wait until everything in the source channels was applied, and all buckets closed and alerts sent that can be."""
        ends = self._source_ends()

        def all_applied() -> bool:
            fences = self.fences()
            if any(fences.get(where, -1) + 1 < end for where, end in ends.items()):
                return False
            return self.closed_ms() == self._expected_closed_ms() and not self.redis.llen(self._eval("outbox"))

        self.until(all_applied, timeout_s, workers)

    def _source_ends(self) -> dict[tuple[str, int], int]:
        names = {channels.channel(self.settings, name): name for name in channels.SOURCES}
        tps = [TopicPartition(full, p) for full in names for p in range(self.settings.partitions)]
        ends = broker.end_offsets(self.settings, tps)
        return {(names[tp.topic], tp.partition): end for tp, end in ends.items()}

    def n_in_sources(self) -> int:
        """Records of the source channels, markers and copies too."""
        return sum(self._source_ends().values())

    def closed_ms(self) -> int:
        return int(self.redis.hget(self._eval("head"), "closed") or -1)

    def _expected_closed_ms(self) -> int:
        """Everything is caught up: the watermark stands at the newest arrival of all, minus the lateness."""
        arrivals = []
        for p in range(self.settings.partitions):
            states = self.redis.hgetall(self._state(p))
            arrivals += [json.loads(value)[1] for name, value in states.items() if name.startswith(b"s:")]
        mark = max(arrivals) - self.settings.lateness_s * 1000
        return mark - mark % BUCKET_MS

    # -- what there is

    def totals(self) -> Counter[str]:
        """The store's own totals over all partitions."""
        found: Counter[str] = Counter()
        for p in range(self.settings.partitions):
            for name, value in self.redis.hgetall(self._state(p)).items():
                if name.startswith(b"t:"):
                    found[name[2:].decode()] += int(value)
        return found

    def windows(self, level: Level = FINE) -> Windows:
        """Every bucket of every series in every partition, summed over the partitions."""
        found: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * 7)
        pattern = f"{self.settings.prefix}sw:{{p*}}:w:{level.code}:*"
        for key in list(self.redis.scan_iter(match=pattern, count=5000)):
            block, _, series = key.decode().split(f":w:{level.code}:", 1)[1].partition(":")
            for index, raw in self.redis.hgetall(key).items():
                held = found[series, level.bucket_of(int(block), int(index))]
                for i, n in enumerate(unpacked(raw)):
                    held[i] += n
        return {key: tuple(cell) for key, cell in found.items()}

    def n_missed(self) -> int:
        """Documents that met a closed bucket."""
        import asyncio

        from redis.asyncio import Redis

        from streamwatch.alerting.store import AlertStore

        async def ask() -> int:
            async with Redis.from_url(self.settings.redis) as client:
                return await AlertStore(client, self.settings.prefix, self.settings.partitions).n_missed(
                    self.closed_ms()
                )

        return asyncio.run(ask())

    def alerts(self) -> dict[tuple[str, int], set[bytes]]:
        """All contents that the alert channel holds of each (id, revision)."""
        found: dict[tuple[str, int], set[bytes]] = defaultdict(set)
        for record in self.read("alerts"):
            alert = json.loads(record.value)
            found[alert["id"], alert["revision"]].add(record.value)
        return dict(found)

    def read(self, name: str) -> list[Any]:
        """All records of a channel."""
        topic = channels.channel(self.settings, name)
        tps = [TopicPartition(topic, p) for p in range(channels.partitions_of(self.settings, [name])[topic])]
        records: list[Any] = []
        end = broker.end_offsets(self.settings, tps)
        with broker.consumer(self.settings, max_partition_fetch_bytes=32 << 20, fetch_max_bytes=64 << 20) as reader:
            reader.assign(tps)
            reader.seek_to_beginning()
            while any(reader.position(tp) < end[tp] for tp in tps):
                for batch in reader.poll(1000).values():
                    records.extend(batch)
        return records

    def close(self) -> None:
        """Disconnect."""
        self.redis.close()

    def _state(self, partition: int) -> str:
        return f"{self.settings.prefix}sw:{{p{partition}}}:state"

    def _eval(self, name: str) -> str:
        return f"{self.settings.prefix}sw:{{eval}}:{name}"
