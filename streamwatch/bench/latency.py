"""How soon: from a document's arrival to its classified record, and from the document that closes a bucket to its alert.

A history of two days is played first, so that the detectors have a baseline; then documents come live at a steady rate,
and one company after another gets a burst of bad news. Everything is read back from Kafka by its own timestamps.
"""

import random
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kafka import TopicPartition

from streamwatch import broker, channels
from streamwatch.bench.documents import different, document
from streamwatch.bench.records import ends_of, records_of, summary
from streamwatch.codec import decode
from streamwatch.config import Settings, load
from streamwatch.demo.figures import Meter
from streamwatch.demo.worker import Worker
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.errors import FatalError
from streamwatch.following.alert_log import to_alert
from streamwatch.records import Alert, Classified
from streamwatch.sources.replay import Options, replay
from streamwatch.sources.row import Row
from streamwatch.timeline import DAY_MS, to_ms

N_COMPANIES = 60
HISTORY_MS = 3 * DAY_MS
HISTORY_PER_HOUR = 2
"""Documents of each company in an hour of the history."""
BURST_EVERY_S = 4.0
P_NEGATIVE = 0.2
LIMIT_S = 300.0


def bench(
    texts: list[str], seconds: float, per_second: float, model: str, say: Callable[[str], None]
) -> dict[str, Any]:
    """Latencies in seconds: {"classified": {p50, p99, n}, "alert": {p50, p99, n}}."""
    with ExitStack() as stack:
        servers = stack.enter_context(Tansu()), stack.enter_context(RedisServer())
        settings = load(**embedded_settings(servers[0].url, servers[1].url), model=model)
        channels.create(settings)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        worker = stack.enter_context(Worker(settings, Path(folder) / "worker.log"))
        meter = Meter(settings)
        stack.callback(meter.close)
        supply = different(texts)
        say("playing a history of three days")
        totals = replay(settings, _history(supply, time.time_ns() // 1_000_000), Options())
        _until(worker, lambda: meter.finished(meter.read(totals.sent), totals, totals.markers))
        before = ends_of(settings, "social", "classified", "alerts")
        say(f"{per_second:g} documents/s for {seconds:g} s")
        n = _live(settings, supply, seconds, per_second)
        _until(worker, lambda: meter.read(totals.sent + n).lag <= 0)
        time.sleep(3.0)
        return _latencies(settings, before)


def _history(supply: Iterator[str], now_ms: int) -> Iterator[Row]:
    rng = random.Random(1)
    n = N_COMPANIES * HISTORY_PER_HOUR * HISTORY_MS // 3_600_000
    for i in range(n):
        at = now_ms - HISTORY_MS + i * HISTORY_MS // n
        key, value, _ = _document(f"past-{i}", next(supply), at, i % N_COMPANIES, rng.random() < P_NEGATIVE)
        yield Row(value=value, key=key, published_ms=at, channel=None)


def _document(identity: str, text: str, at_ms: int, company: int, negative: bool) -> tuple[bytes, bytes, int]:
    return document(identity, text, at_ms, f"Company {company}", "negative" if negative else "neutral")


def _live(settings: Settings, supply: Iterator[str], seconds: float, per_second: float) -> int:
    """Send at a steady rate; every few seconds the next company's bad news make up half of what comes."""
    producer, rng = broker.producer(settings, linger_ms=0), random.Random(2)
    name, started, n = channels.channel(settings, "social"), time.monotonic(), 0
    while (elapsed := time.monotonic() - started) < seconds:
        if n / per_second > elapsed:
            time.sleep(n / per_second - elapsed)
        bursting = int(elapsed / BURST_EVERY_S) % N_COMPANIES
        burst = n % 2 == 0
        company = bursting if burst else rng.randrange(N_COMPANIES)
        negative = burst or rng.random() < P_NEGATIVE
        key, value, _ = _document(f"live-{n}", next(supply), time.time_ns() // 1_000_000, company, negative)
        producer.send(name, value=value, key=key)
        n += 1
    producer.flush()
    producer.close()
    return n


def _until(worker: Worker, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not done():
        worker.check()
        if time.monotonic() > deadline:
            raise FatalError(f"not done after {LIMIT_S:g} s; the worker: {worker.last_words()}")
        time.sleep(0.2)


def _latencies(settings: Settings, before: dict[TopicPartition, int]) -> dict[str, Any]:
    arrived = {(r.partition, r.offset): r.timestamp for r in records_of(settings, "social", before)}
    classified = []
    for record in records_of(settings, "classified", before):
        source = decode(record.value, Classified)
        at = arrived.get((source.source_partition, source.source_offset))
        if at is not None:
            classified.append((record.timestamp - at) / 1000)
    times = sorted(arrived.values())
    alerts = [_alert_latency(r, times, settings.lateness_s) for r in records_of(settings, "alerts", before) if r.value]
    return {"classified": summary(classified), "alert": summary([a for a in alerts if a is not None])}


def _alert_latency(record: Any, arrivals: list[int], lateness_s: int) -> float | None:
    """From the arrival that moved the watermark past the bucket's end to the alert, both by Kafka's timestamps."""
    alert: Alert = to_alert(record.value)
    at = bisect_left(arrivals, to_ms(alert.at) + lateness_s * 1000)
    return (record.timestamp - arrivals[at]) / 1000 if 0 < at < len(arrivals) else None
