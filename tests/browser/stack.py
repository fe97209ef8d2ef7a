"""All of streamwatch for the pages: a broker, a Redis, a worker with the model `null`, an indexer, a dashboard.

    with Stack(settings, folder) as stack:
        stack.play(rows)                    # returns at once
        page.goto(stack.url + "/alerts")

What is played is a part of the airline tweets where `STREAMWATCH_DATA` names the folder of data sets, else a story of the
same kind: a quiet day and a half in which people write about an airline, then an evening of complaints.
"""

import csv
import gzip
import json
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
from own_process import COMMAND, stop

from streamwatch import broker, channels
from streamwatch.channels import channel
from streamwatch.codec import encode
from streamwatch.config import Settings, environment
from streamwatch.demo.worker import Worker

START_S = 60.0
AIRLINES = "stream/airline_tweets_2015.csv.gz"
N_AIRLINE_ROWS = 4200
"""The first days: the first incidents are in them, and they are played in some fifteen seconds."""
N_COMPLAINTS = 90
SETTLED_S = 90.0
LOOK_S = 1.0
"""Between two looks that must agree; the evaluator closes several buckets in it as long as there are any."""

Row = dict[str, Any]


class Stack:
    """The processes, and the address of the dashboard."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.url = ""
        self._stack = ExitStack()
        self._environment = os.environ | environment(settings)

    def __enter__(self) -> Self:
        channels.create(self.settings)
        self._stack.enter_context(Worker(self.settings, self.folder / "worker.log"))
        self._start("index", log="indexer")
        dashboard = self._start("dashboard", "--port", "0", "--no-open", "--json", log="dashboard")
        assert dashboard.stdout is not None
        line = dashboard.stdout.readline()
        assert line, (self.folder / "dashboard.log").read_text()
        self.url = json.loads(line)["url"].rstrip("/")
        self.client = httpx.Client(base_url=f"{self.url}/api/v1", timeout=30, headers={"Origin": self.url})
        self._wait_until_ready()
        return self

    def __exit__(self, *reason: object) -> None:
        self._stack.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of an answer of the API; `from_` is `from`."""
        answer = self.client.get(path, params={name.rstrip("_"): value for name, value in parameters.items()})
        answer.raise_for_status()
        return answer.json()

    def play(self, rows: Sequence[Row], name: str = "rows") -> "subprocess.Popen[str]":
        """Send rows into the channel `social`, as fast as it takes them."""
        file = self.folder / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return self._start("replay", str(file), "--speed", "max", "--json", log="replay")

    def write(self, name: str, records: Sequence[Any]) -> None:
        """Write records to a channel of one partition, by their ids, as who made them would."""
        producer = broker.producer(self.settings)
        for record in records:
            producer.send(channel(self.settings, name), key=record.id.encode(), value=encode(record), partition=0)
        producer.flush()
        producer.close()

    def write_raw(self, name: str, values: Sequence[bytes], at_ms: int) -> None:
        """Write bytes to a channel that need not be records, at an event time: what cannot be read has no other."""
        producer = broker.producer(self.settings)
        for value in values:
            producer.send(channel(self.settings, name), value=value, timestamp_ms=at_ms)
        producer.flush()
        producer.close()

    def n_letters(self) -> int:
        """Dead letters that the dashboard knows."""
        return len(self.get("/dead-letters", limit=500)["items"])

    def wait_for_letters(self, n: int) -> None:
        """Until it knows so many."""
        deadline = time.monotonic() + SETTLED_S
        while (found := self.n_letters()) < n:
            assert time.monotonic() < deadline, f"{found} of {n} dead letters after {SETTLED_S:g} s"
            time.sleep(0.1)

    def wait_for_documents(self, n: int) -> None:
        """Until the document store holds so many, the windows too, and event time stands still."""
        deadline = time.monotonic() + SETTLED_S
        before = None
        while time.monotonic() < deadline:
            now = (self._n_documents(), self._n_counted(), self.get("/session")["watermark_ms"])
            if min(now[:2]) >= n and now == before:
                return
            before = now
            time.sleep(LOOK_S)
        raise AssertionError(f"{before} of {n} documents after {SETTLED_S:g} s")

    def _n_documents(self) -> int:
        answer = self.client.get("/documents", params={"limit": 1})
        return answer.json().get("n_total", 0) if answer.is_success else 0

    def _n_counted(self) -> int:
        """Documents that the windows count, over all time."""
        asked = self.client.get("/trends", params={"series": "all", "from": 0, "step": "1d", "baseline": False})
        if not asked.is_success:
            return 0  # there is no such series yet
        answer = asked.json()
        columns = answer["columns"]
        n, unread = columns.index("n"), columns.index("n_unread")
        return sum(point[n] + point[unread] for point in answer["series"][0]["points"])

    def _start(self, *arguments: str, log: str) -> "subprocess.Popen[str]":
        errors = self._stack.enter_context((self.folder / f"{log}.log").open("a"))
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True, env=self._environment
        )
        self._stack.callback(stop, process)
        return process

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.client.get("/readyz").is_success:
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "dashboard.log").read_text()[-2000:])


def story() -> list[Row]:
    """What is played: real tweets with the sentiment that people gave them, else invented ones."""
    folder = os.environ.get("STREAMWATCH_DATA")
    file = Path(folder) / AIRLINES if folder else None
    return _airlines(file) if file is not None and file.exists() else _invented()


def _airlines(file: Path) -> list[Row]:
    with gzip.open(file, "rt", newline="") as lines:
        rows = [row for row, _ in zip(csv.DictReader(lines), range(N_AIRLINE_ROWS), strict=False)]
    kept = ("id", "published_at", "text", "sentiment")
    return [{key: row[key] for key in kept} | {"entities": [row["airline"]], "source": "twitter"} for row in rows]


def _invented() -> list[Row]:
    begin = datetime(2024, 5, 1, tzinfo=UTC)
    moods = ("neutral", "positive", "neutral", "negative", "positive")
    rows = [
        _row(begin + timedelta(seconds=i * 150), f"ordinary remark number {i} on Delta", moods[i % 5])
        for i in range(960)
    ]
    burst = begin + timedelta(hours=39, minutes=5)
    rows += [_row(burst + timedelta(seconds=20 * i), _complaint(i), "negative") for i in range(N_COMPLAINTS)]
    rows.sort(key=lambda row: row["published_at"])
    return [row | {"id": f"s{i}"} for i, row in enumerate(rows)]


def _row(at: datetime, text: str, sentiment: str) -> Row:
    return {
        "published_at": at.isoformat(), "text": text, "sentiment": sentiment, "entities": ["Delta"], "source": "twitter",
    }  # fmt: skip


def _complaint(i: int) -> str:
    """Ninety people do not use the same words: variations of one text could not raise an alert alone."""
    things = ("flight", "refund", "bag", "seat", "gate", "meal", "crew", "app", "phone", "upgrade")
    faults = ("broken", "lost", "late", "rude", "wrong", "filthy", "cancelled", "ignored", "refused")
    cause = f"{things[(i * 3 + 1) % 10]} was {faults[(i * 5 + 2) % 9]}"
    return f"{things[i % 10]} {faults[i % 9]} because {cause}, Delta reference x{i}y"
