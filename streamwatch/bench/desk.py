"""A running worker with servers of its own, documents sent to it, and what it made of them by Kafka's timestamps."""

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kafka import KafkaProducer, TopicPartition

from streamwatch import broker, channels
from streamwatch.bench.cores import Cores, pin
from streamwatch.bench.cpu import cpu_seconds, resident_mb
from streamwatch.bench.documents import different, document
from streamwatch.bench.memory import EVERY_S, Sample
from streamwatch.bench.records import ends_of, records_of, summary
from streamwatch.codec import decode
from streamwatch.config import Settings, load
from streamwatch.demo.figures import Meter
from streamwatch.demo.worker import Worker
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.errors import FatalError
from streamwatch.records import Classified

LIMIT_S = 300.0
Starts = dict[TopicPartition, int]


@contextmanager
def running_desk(texts: list[str], cores: Cores | None, **chosen: Any) -> Iterator["Desk"]:
    """Servers and a worker with the settings `chosen`, on the measured core where there are `cores`."""
    with ExitStack() as stack:
        servers = stack.enter_context(Tansu()), stack.enter_context(RedisServer())
        settings = load(**embedded_settings(servers[0].url, servers[1].url), **chosen)
        channels.create(settings)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        worker = stack.enter_context(Worker(settings, Path(folder) / "worker.log"))
        assert worker.process is not None
        pin(worker.process.pid, cores)
        desk = Desk(settings, worker, different(texts), [server.pid for server in servers])
        stack.callback(desk.close)
        yield desk


class Answer(NamedTuple):
    """A classified record: when it came, how long after its document, and which model answered."""

    at_ms: int
    latency_s: float
    document: str
    model: str


class Lived(NamedTuple):
    """A time of live documents: its figures, and every answer in the order of their times."""

    figures: dict[str, Any]
    n_sent: int
    answers: list[Answer]


class Desk:
    """A running worker, what it was sent, and what it made of it.

    Args:
        servers: process ids of broker and Redis, whose CPU time is shown beside the worker's: where they or the bench are
            short of it, the worker's figures are theirs.

    Attributes:
        memory: the worker's, while documents came live.
    """

    def __init__(self, settings: Settings, worker: Worker, texts: Iterator[str], servers: Sequence[int] = ()) -> None:
        self._settings, self._worker, self._texts = settings, worker, texts
        self._others = [os.getpid(), *servers]
        self._began_s = time.monotonic()
        self.memory: list[Sample] = []
        self._meter = Meter(settings)
        self._producer: KafkaProducer = broker.producer(settings, linger_ms=0)
        self._name = channels.channel(settings, "social")
        self._n_sent = 0
        self._random = random.Random(1)

    def close(self) -> None:
        """Disconnect."""
        self._producer.close()
        self._meter.close()

    def backlog(self, n: int) -> float:
        """Documents a second over `n` that come at once, from the first one sent to the last one counted in the windows."""
        began = time.monotonic()
        for _ in range(n):
            self._send()
        self._until_done()
        return n / (time.monotonic() - began)

    def live(
        self, per_second: float, seconds: float, even: bool = False, half_way: Callable[[], None] | None = None
    ) -> Lived:
        """Documents that come at `per_second`, at random times or `even` ones; `half_way` is called in the middle.

        Figures: latencies, how long the last document took, cores used by the worker and by all others, memory.
        """
        starts, began = ends_of(self._settings, "social", "classified"), time.monotonic()
        cpu, others = self._cpu_s(), self._others_cpu_s()
        n, at = 0, 0.0
        while at < seconds:
            time.sleep(max(0.0, began + at - time.monotonic()))
            self._send()
            self._look_at_memory()
            n, at = n + 1, at + (1 / per_second if even else self._random.expovariate(per_second))
            if half_way is not None and at > seconds / 2:
                half_way()
                half_way = None
        sent_s = time.monotonic() - began
        self._until_done()
        took_s = time.monotonic() - began
        used = {
            "cores": (self._cpu_s() - cpu) / took_s,
            "others_cores": (self._others_cpu_s() - others) / took_s,
            "rss_mb": self.rss_mb(),
        }
        answers = self._answers(starts)
        figures = summary([answer.latency_s for answer in answers]) | {
            "documents_per_second": n / sent_s,
            "done_after_s": took_s - sent_s,
        }
        return Lived(figures | used, n, answers)

    def rss_mb(self) -> float:
        """Memory of the worker."""
        return resident_mb(self._pid)

    @property
    def _pid(self) -> int:
        assert self._worker.process is not None
        return self._worker.process.pid

    def _cpu_s(self) -> float:
        return cpu_seconds(self._pid)

    def _others_cpu_s(self) -> float:
        return sum(map(cpu_seconds, self._others))

    def _look_at_memory(self) -> None:
        seconds = time.monotonic() - self._began_s
        if not self.memory or seconds >= self.memory[-1].seconds + EVERY_S:
            self.memory.append(Sample(seconds, self._n_sent, self.rss_mb()))

    def _send(self) -> None:
        self._n_sent += 1
        now_ms = time.time_ns() // 1_000_000
        key, value, _ = document(f"load-{self._n_sent}", next(self._texts), now_ms, f"Company {self._n_sent % 20}")
        self._producer.send(self._name, value=value, key=key)

    def _until_done(self) -> None:
        self._producer.flush()
        deadline = time.monotonic() + LIMIT_S
        while self._meter.read(self._n_sent).lag > 0:
            self._worker.check()
            if time.monotonic() > deadline:
                raise FatalError(f"not done after {LIMIT_S:g} s; the worker: {self._worker.last_words()}")
            time.sleep(0.1)

    def _answers(self, starts: Starts) -> list[Answer]:
        arrived = {(r.partition, r.offset): r.timestamp for r in records_of(self._settings, "social", starts)}
        found = []
        for record in records_of(self._settings, "classified", starts):
            made = decode(record.value, Classified)
            at = arrived.get((made.source_partition, made.source_offset))
            if at is not None and made.prediction is not None:
                latency_s = (record.timestamp - at) / 1000
                found.append(Answer(record.timestamp, latency_s, made.id, made.prediction.model))
        return sorted(found)
