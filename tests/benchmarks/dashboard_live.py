"""How soon pages hear of what happens, and what 500 of them cost, one of which does not read.

    python tests/benchmarks/dashboard_live.py latency --json latency.json
    python tests/benchmarks/dashboard_live.py clients --json clients.json

`latency`: the embedded broker, Redis, a worker and a dashboard; documents at `--rate` a second, each naming an entity of its own.
The time is from the broker's stamp of a document to the event that has its series, as a client reads it; and the same for
verdicts, from the stamp to the event.

`clients`: two dashboards, `--clients` readers of events that are written at `--rate` a second; each leaves and comes back
`--reconnects` times, to either process, and one more connects and does not read until all is written. Every reader must have
every event once. Resident memory of the first dashboard is read before and after. Readers run in this process: on two cores
they take as much of the machine as what is measured.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from streamwatch import broker, channels
from streamwatch.channels import channel
from streamwatch.codec import encode
from streamwatch.config import Settings, environment, load
from streamwatch.decisions.keyed import key_of
from streamwatch.demo.worker import Worker
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.records import Document, Verdict
from streamwatch.testing.event_reader import EventReader
from streamwatch.timeline import from_ms

HOST = "127.0.0.1"
READY_S = 60.0
SETTLE_S = 5.0
COMMENT = "x" * 2000
"""Of each verdict of `clients`: an event of 2.5 KB, as large as a small alert."""


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


class Dashboard:
    """A process."""

    def __init__(self, settings: Settings, log: Path) -> None:
        command = [sys.executable, "-m", "streamwatch", "dashboard", "--port", "0", "--json"]
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command, env=os.environ | environment(settings), stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the dashboard did not start: {log.read_text()}")
        self.port: int = urlsplit(json.loads(line)["url"]).port or 0

    @property
    def rss(self) -> int:
        """Resident memory, bytes."""
        return psutil.Process(self.process.pid).memory_info().rss

    @property
    def cpu_s(self) -> float:
        """CPU time so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)


@contextmanager
def scene(model: str, n_dashboards: int, with_worker: bool) -> Iterator[tuple[Settings, list[Dashboard]]]:
    """Servers, a worker if one is wanted, dashboards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tansu, redis = stack.enter_context(Tansu()), stack.enter_context(RedisServer())
        settings = load(
            model=model, documents=str(folder / "documents"), dashboard_live_events=20_000,
            **embedded_settings(tansu.url, redis.url),
        )  # fmt: skip
        channels.create(settings)
        if with_worker:
            stack.enter_context(Worker(settings, folder / "worker.log"))
        found = []
        for n in range(n_dashboards):
            found.append(Dashboard(settings, folder / f"dashboard-{n}.log"))
            stack.callback(found[-1].stop)
        yield settings, found


def spread(values: list[float]) -> dict[str, float]:
    """Quantiles in seconds."""
    ordered = sorted(values)
    if not ordered:
        return {"n": 0}
    at = lambda q: round(ordered[min(int(q * len(ordered)), len(ordered) - 1)], 4)  # noqa: E731
    return {"n": len(ordered), "p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": at(1.0)}


# -- latency


class Sender:
    """Writes documents and verdicts, and keeps the broker's stamp of each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = broker.producer(settings)
        self.stamps: dict[str, float] = {}

    def document(self, n: int) -> None:
        """A document about an entity of its own."""
        name = f"subject {n}"
        record = Document(
            id=f"d{n}", text=f"{name} fell by {n} after a long day", published_at=from_ms(time.time_ns() // 10**6),
            entities=(name,), author=f"author {n}",
        )  # fmt: skip
        self._send("social", f"d{n}".encode(), encode(record), f"entity:{name}", n % self._settings.partitions)

    def verdict(self, n: int, comment: str = "") -> None:
        """A verdict on an alert of its own."""
        record = Verdict(alert=f"a{n}", true=True, made_by="ana", made_at=from_ms(0), comment=comment)
        self._send("decisions", key_of(record).encode(), encode(record), f"a{n}", 0)

    def _send(self, name: str, key: bytes, value: bytes, what: str, partition: int) -> None:
        sent = self._producer.send(channel(self._settings, name), key=key, value=value, partition=partition).get(30)
        self.stamps[what] = sent.timestamp / 1000


async def hear(reader: EventReader, heard: dict[str, float]) -> None:
    """Note when each series and each alert was first told of."""
    async with reader.connected():
        async for event in reader:
            at, data = time.time(), json.loads(event.data or "{}")
            for name in (*data.get("series", {}), data.get("decision", {}).get("alert", "")):
                heard.setdefault(name, at)


async def latency(settings: Settings, dashboard: Dashboard, rate: float, seconds: float) -> dict[str, Any]:
    """Send for a while, and see when it is heard."""
    sender, heard = Sender(settings), dict[str, float]()
    listening = asyncio.create_task(hear(EventReader(HOST, dashboard.port, "trend,decision"), heard))
    await _warm_up(sender, heard)
    sender.stamps.clear()
    began, cpu = time.monotonic(), dashboard.cpu_s
    for n in range(int(rate * seconds)):
        await asyncio.to_thread(sender.document, n)
        if n % int(rate) == 0:
            await asyncio.to_thread(sender.verdict, n)
        await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
        if n % int(10 * rate) == 0:
            say(f"{n} of {int(rate * seconds)} documents")
    await asyncio.sleep(SETTLE_S)
    listening.cancel()
    took = {what: heard[what] - at for what, at in sender.stamps.items() if what in heard}
    return {
        "documents_per_s": rate,
        "trend_s": spread([s for what, s in took.items() if what.startswith("entity:")]),
        "decision_s": spread([s for what, s in took.items() if not what.startswith("entity:")]),
        "never_heard": len(sender.stamps) - len(took),
        "dashboard_cpu_share": round((dashboard.cpu_s - cpu) / (time.monotonic() - began), 3),
    }


async def _warm_up(sender: Sender, heard: dict[str, float]) -> None:
    """Until the worker has joined its group and the first documents were heard of."""
    deadline, n = time.monotonic() + READY_S, -1
    while not any(name.startswith("entity:") for name in heard):
        if time.monotonic() > deadline:
            raise SystemExit("nothing is heard: the worker did not start")
        await asyncio.to_thread(sender.document, n)
        n -= 1
        await asyncio.sleep(0.5)


# -- clients


class Client:
    """One reader, what it has, and how long each took."""

    def __init__(self, port: int, slow: bool = False) -> None:
        self.reader = EventReader(HOST, port, "decision", slow=slow)
        self.numbers: list[int] = []
        self.took: list[float] = []
        self.n_resets = 0
        self.n_connections = 0

    async def greeted(self) -> None:
        """Know where one is."""
        async with self.reader.connected():
            await anext(self.reader)

    async def read(self, ports: list[int], n: int, leave_after: int) -> None:
        """Read all, coming back again and again."""
        while len(self.numbers) < n:
            with contextlib.suppress(OSError):
                await self._once(random.choice(ports), n, random.randint(1, max(1, 2 * leave_after)))

    async def _once(self, port: int, n: int, leave_after: int) -> None:
        self.n_connections += 1
        async with self.reader.connected(port):
            until = len(self.numbers) + leave_after
            async for event in self.reader:
                self.note(event.event, event.data)
                if len(self.numbers) >= min(until, n):
                    return

    def note(self, event: str, data: str) -> None:
        """Keep one event."""
        self.n_resets += event == "reset"
        if event == "decision":
            self.numbers.append(int(json.loads(data)["decision"]["alert"][1:]))


async def clients(
    settings: Settings, both: list[Dashboard], n_clients: int, n: int, rate: float, n_reconnects: int
) -> dict[str, Any]:
    """All of them, and one that does not read."""
    ports = [one.port for one in both]
    some = [Client(ports[i % 2]) for i in range(n_clients)]
    for start in range(0, n_clients, 50):
        await asyncio.gather(*(one.greeted() for one in some[start : start + 50]))
    slow, sender = Client(ports[0], slow=True), Sender(settings)
    async with slow.reader.connected():
        await anext(slow.reader)
        before, cpu = both[0].rss, sum(one.cpu_s for one in both)
        reading = asyncio.gather(*(one.read(ports, n, max(1, n // n_reconnects)) for one in some))
        began = time.monotonic()
        for i in range(n):
            await asyncio.to_thread(sender.verdict, i, COMMENT)
            await asyncio.sleep(max(0.0, began + i / rate - time.monotonic()))
            if i % 50 == 0:
                say(f"{i} of {n} events; the first dashboard has {both[0].rss / 2**20:.0f} MB")
        await asyncio.wait_for(reading, 300)
        took_s, after = time.monotonic() - began, both[0].rss
        async for event in slow.reader:
            slow.note(event.event, event.data)
            if len(slow.numbers) == n:
                break
    wanted = list(range(n))
    return {
        "clients": n_clients,
        "events": n,
        "events_per_s": rate,
        "seconds": round(took_s, 1),
        "connections": sum(one.n_connections for one in some),
        "with_a_gap_or_a_copy": sum(one.numbers != wanted for one in some),
        "resets": sum(one.n_resets for one in some),
        "slow_one": {"whole": slow.numbers == wanted, "resets": slow.n_resets},
        "rss_before_mb": round(before / 2**20, 1),
        "rss_after_mb": round(after / 2**20, 1),
        "dashboards_cpu_s": round(sum(one.cpu_s for one in both) - cpu, 1),
    }


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("latency", "clients"))
    parser.add_argument("--rate", type=float, help="documents (20) or events (5) a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="of `latency`")
    parser.add_argument("--model", default="null", help="of the worker: null, default, or a folder")
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--events", type=int, default=200, help="of `clients`")
    parser.add_argument("--reconnects", type=int, default=20, help="of each client, about")
    parser.add_argument("--json", type=Path, help="where the figures go; default: standard output")
    asked = parser.parse_args()
    if asked.what == "latency":
        with scene(asked.model, 1, with_worker=True) as (settings, found):
            figures = asyncio.run(latency(settings, found[0], asked.rate or 20.0, asked.seconds))
            figures["model"] = asked.model
    else:
        with scene("null", 2, with_worker=False) as (settings, found):
            run = clients(settings, found, asked.clients, asked.events, asked.rate or 5.0, asked.reconnects)
            figures = asyncio.run(run)
    text = json.dumps(figures, indent=2)
    if asked.json:
        asked.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
