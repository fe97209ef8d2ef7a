"""A dashboard that runs, its stream and its requests: what the fixtures in `conftest.py` are made of."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from own_process import COMMAND, stop
from redis.asyncio import Redis

from streamwatch import broker
from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.store import AlertStore
from streamwatch.channels import channel
from streamwatch.codec import encode
from streamwatch.config import BUCKET_MS, Settings, environment
from streamwatch.demo.worker import Worker
from streamwatch.records import Alert, Classified, Evidence, Given, Label, Prediction, Sentiment, SentimentLabel
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, bucket_start, from_ms
from streamwatch.trends.entry import Entry, series_of
from streamwatch.trends.store import RedisStore
from streamwatch.trends.writer import PartitionWriter

API = "/api/v1"
START_S = 40.0
"""A busy machine of two cores takes some seconds to import everything."""
NOW_MS = 1_700_000_000_000 - 1_700_000_000_000 % DAY_MS + 18 * HOUR_MS
"""The newest arrival of the session's stream."""
FROM_MS = NOW_MS - 30 * HOUR_MS
"""Its first document."""
EVERY_MS = 2 * MINUTE_MS
TICKERS = ("AAPL", "BA", "DAL")
TOPICS = ("earnings", "macro", "customer_service")


class Dashboard:
    """A `streamwatch dashboard` that runs. Requests are as a page of its own sends them."""

    def __init__(self, settings: Settings, url: str, process: "subprocess.Popen[str]", log: Path) -> None:
        self.settings, self.url, self.process, self.log = settings, url.rstrip("/"), process, log
        self.client = httpx.Client(base_url=self.url, timeout=30.0, headers={"Origin": self.url})

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """`path` below `/api/v1`."""
        return self.client.request(method, f"{API}{path}", **options)

    def get(self, path: str, **params: Any) -> httpx.Response:
        """A question; `from_` is `from`."""
        named = {name.rstrip("_"): value for name, value in params.items()}
        return self.request("GET", path, params=named or None)  # an empty one would take the path's own away

    def post(self, path: str, body: Any) -> httpx.Response:
        """A write."""
        return self.request("POST", path, json=body)

    def put(self, path: str, body: Any) -> httpx.Response:
        """A write."""
        return self.request("PUT", path, json=body)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        """A write."""
        return self.request("DELETE", path, headers={"Content-Type": "application/json"}, **options)


StartDashboard = Callable[..., AbstractContextManager[Dashboard]]


@contextmanager
def running(settings: Settings, folder: Path, worker: bool = False, **more: str) -> Iterator[Dashboard]:
    """A dashboard on a free port of loopback, and a worker beside it; both end with the block."""
    with ExitStack() as stack:
        if worker:
            stack.enter_context(Worker(settings, folder / "worker.log"))
        log = stack.enter_context((folder / "dashboard.log").open("a"))
        process = subprocess.Popen(
            [*COMMAND, "dashboard", "--port", "0", "--json"], stdout=subprocess.PIPE, stderr=log, text=True,
            env=os.environ | environment(settings) | more,
        )  # fmt: skip
        stack.callback(stop, process)
        yield _ready(process, settings, folder / "dashboard.log")


def _ready(process: "subprocess.Popen[str]", settings: Settings, log: Path) -> Dashboard:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the dashboard did not start: {log.read_text()}"
    found = Dashboard(settings, json.loads(line)["url"], process, log)
    for _ in range(int(START_S / 0.1)):
        if found.get("/readyz").status_code == 200:
            return found
        process.poll()
        asyncio.run(asyncio.sleep(0.1))
    raise AssertionError(f"the dashboard is not ready: {log.read_text()}")


def stream() -> list[list[Classified]]:
    """By partition, a document every two minutes: a third negative, AAPL more so in the last hour; some copies, some unread."""
    partitions: list[list[Classified]] = [[], [], [], []]
    for number, published_ms in enumerate(range(FROM_MS, NOW_MS, EVERY_MS)):
        partition = partitions[number % 4]
        partition.append(_document(number, number % 4, len(partition), published_ms))
    return partitions


def _document(number: int, partition: int, offset: int, published_ms: int) -> Classified:
    late = published_ms > NOW_MS - HOUR_MS
    ticker, topic = TICKERS[number % 3], TOPICS[number % 5 % 3]
    said: Sentiment = (
        "negative" if number % 7 % 3 == 1 or (late and ticker == "AAPL") else ("neutral", "positive")[number % 2]
    )
    text = f"Document {number % 700} about {ticker} and {topic.replace('_', ' ')}"
    sentiment = None if number % 97 == 0 else SentimentLabel(label=said, p=0.8, probabilities=_p(said))
    return Classified(
        outcome="duplicate" if number >= 700 else "classified", source_channel=("news", "social")[partition % 2],
        source_partition=partition, source_offset=offset, follows=offset - 1, observed_ms=published_ms + 1000,
        id=f"d{number}", published_ms=published_ms, text=text, text_hash=f"{number % 700:016x}", source="wire",
        author_hash=f"{number % 41:016x}", entities=(ticker,),
        prediction=Prediction(topic=Label(label=topic, p=0.7), sentiment=sentiment, model="test"),
        given=Given(topic=topic) if number % 89 == 0 else None, unread="" if sentiment else "nothing_left",
    )  # fmt: skip


def _p(said: str) -> dict[str, float]:
    return {one: 0.8 if one == said else 0.1 for one in ("negative", "neutral", "positive")}


async def write_windows(settings: Settings, partitions: list[list[Classified]]) -> None:
    """Count records into the windows, as a trend writer does."""
    async with Redis.from_url(settings.redis) as client:
        for number, records in enumerate(partitions):
            writer = PartitionWriter(RedisStore(client, settings.prefix, number), settings)
            await writer.reload()
            await writer.take(list(enumerate(records)))


async def write_evaluation(settings: Settings, partitions: list[list[Classified]]) -> None:
    """Let an evaluator hear them up to `NOW_MS`, and leave in Redis what it knows."""
    heard: dict[int, list[Entry]] = {}
    for partition, records in enumerate(partitions):
        for offset, record in enumerate(records):
            if sentiment := record.counted_sentiment:
                entry = Entry(
                    record.text_hash, sentiment, series_of(record), record.author_hash, partition, offset, offset
                )
                heard.setdefault(bucket_start(record.published_ms, BUCKET_MS), []).append(entry)
    evaluator = Evaluator(settings)
    evaluator.advance(NOW_MS, sorted(heard.items()))
    async with Redis.from_url(settings.redis) as client:
        store = AlertStore(client, settings.prefix, len(partitions))
        await store.load()
        await store.commit(-1, NOW_MS, evaluator.take_changes(), [], {})


def write_documents(settings: Settings, partitions: list[list[Classified]]) -> None:
    """Put them on `classified`, and into the document store as its indexer does."""
    producer = broker.producer(settings)
    for number, records in enumerate(partitions):
        for record in records:
            producer.send(channel(settings, "classified"), value=encode(record), partition=number)
    producer.flush()
    producer.close()
    subprocess.run(
        [*COMMAND, "index", "--once", "--json"],
        env=os.environ | environment(settings),
        check=False,
        capture_output=True,
    )


def publish(settings: Settings, name: str, records: list[Any]) -> None:
    """Write records to a channel of one partition, by their ids."""
    producer = broker.producer(settings)
    for record in records:
        producer.send(channel(settings, name), key=record.id.encode(), value=encode(record), partition=0)
    producer.flush()
    producer.close()


def an_alert(**changes: Any) -> Alert:
    """An alert on AAPL that fires since an hour."""
    usual = Alert(
        id="a1b2c3d4e5f6", revision=2, state="firing", rule="companies", series="ticker:AAPL", kind="negative_share",
        severity="warning", onset=from_ms(NOW_MS - HOUR_MS), at=from_ms(NOW_MS - 10 * MINUTE_MS), window_s=3600, n=40, k=30,
        share=0.75, p0=0.33, p0_low=0.28, p0_high=0.39, k_expected=13.2, lift=2.27, score=5.1e6, threshold=4_032_000.0,
        evidence=Evidence(n_distinct_texts=28, n_distinct_authors=22, largest_author_share=0.1, largest_text_share=0.07),
    )  # fmt: skip
    return msgspec.structs.replace(usual, **changes)
