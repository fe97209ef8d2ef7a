"""The event stream: nobody has a gap that they are not told of, whoever is slow, comes back, or loses a process or Redis."""

import asyncio
import contextlib
import json
import random
import secrets
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest
from running_dashboard import Dashboard, running

from streamwatch import broker, channels
from streamwatch.channels import channel
from streamwatch.codec import encode
from streamwatch.config import Settings, load
from streamwatch.decisions.keyed import key_of
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.records import Verdict
from streamwatch.testing.event_reader import EventReader, Received
from streamwatch.timeline import from_ms

N_CLIENTS = 50
N_RECONNECTS = 20
MOST_GROWTH_BYTES = 150 * 1024 * 1024
"""What 10 MB of events may add to a process that has one client which does not read them."""


@pytest.fixture(scope="module")
def mine(tansu: Tansu) -> Iterator[Settings]:
    """Settings with a Redis of their own: it is wiped."""
    with RedisServer() as server:
        settings = load(
            prefix=f"s{secrets.token_hex(4)}-", model="null", dashboard_live_events=6000,
            **embedded_settings(tansu.url, server.url),
        )  # fmt: skip
        channels.create(settings)
        yield settings


@pytest.fixture(scope="module")
def pair(mine: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dashboard, Dashboard]]:
    """Two dashboard processes over one deployment."""
    folder = tmp_path_factory.mktemp("pair")
    settings = mine.model_copy(update={"documents": str(folder / "documents")})
    with running(settings, folder) as one, running(settings, folder) as other:
        yield one, other


def port_of(one: Dashboard) -> int:
    """Where it listens."""
    port = urlsplit(one.url).port
    assert port is not None
    return port


class Told:
    """Writes verdicts on alerts 0, 1, 2, … and knows how many."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = broker.producer(settings)
        self.name = secrets.token_hex(3)
        self.n = 0

    def tell(self, n: int, comment: str = "") -> None:
        """Write some more."""
        for _ in range(n):
            record = Verdict(
                alert=f"{self.name}-{self.n}", true=True, made_by="ana", made_at=from_ms(0), comment=comment
            )
            topic = channel(self._settings, "decisions")
            self._producer.send(topic, key=key_of(record).encode(), value=encode(record), partition=0)
            self.n += 1
        self._producer.flush()

    def number_in(self, event: Received) -> int | None:
        """Which of them an event tells of; None: of none of these."""
        alert = json.loads(event.data).get("decision", {}).get("alert", "") if event.event == "decision" else ""
        name, _, number = alert.partition("-")
        return int(number) if name == self.name else None


@pytest.fixture
def told(mine: Settings) -> Told:
    """A writer of its own names."""
    return Told(mine)


class Follower:
    """A client that keeps what it was told, and comes back when it is sent away or wants to."""

    def __init__(self, reader: EventReader, told: Told) -> None:
        self.reader, self.told = reader, told
        self.numbers: list[int] = []
        self.resets: list[str] = []
        self.n_connections = 0

    async def once(self, port: int, until: int, leave_after: int = 10**9) -> None:
        """Connect, and read until all are there or so many came in this connection."""
        self.n_connections += 1
        async with self.reader.connected(port):
            n = 0
            async for event in self.reader:
                if event.event == "reset":
                    self.resets.append(event.data)
                number = self.told.number_in(event)
                if number is not None:
                    self.numbers.append(number)
                    n += 1
                if len(self.numbers) >= until or n >= leave_after:
                    return

    async def back_and_forth(self, ports: tuple[int, int], until: int) -> None:
        """Leave often, and come back to either process."""
        while len(self.numbers) < until:
            port = random.choice(ports)
            with contextlib.suppress(OSError):
                await self.once(port, until, random.randint(1, max(2 * until // N_RECONNECTS // 2, 2)))


async def greeted(reader: EventReader, port: int) -> None:
    """Know where one is, as a page that has just been opened."""
    async with reader.connected(port):
        async for event in reader:
            assert event.event == "hello"
            return


@pytest.mark.slow
def test_fifty_clients_that_leave_and_come_back_to_either_process_have_no_gap(
    pair: tuple[Dashboard, Dashboard], told: Told
) -> None:
    ports, n = (port_of(pair[0]), port_of(pair[1])), 400

    async def run() -> list[Follower]:
        followers = [Follower(EventReader("127.0.0.1", ports[0], "decision"), told) for _ in range(N_CLIENTS)]
        await asyncio.gather(*(greeted(one.reader, ports[0]) for one in followers))

        async def tell() -> None:
            for _ in range(n // 10):
                await asyncio.to_thread(told.tell, 10)
                await asyncio.sleep(0.05)

        await asyncio.wait_for(asyncio.gather(tell(), *(one.back_and_forth(ports, n) for one in followers)), 90)
        return followers

    for one in asyncio.run(run()):
        assert one.numbers == list(range(n))
        assert one.resets == []
        assert one.n_connections >= N_RECONNECTS


@pytest.mark.slow
def test_a_client_that_does_not_read_costs_no_memory_and_misses_nothing(
    pair: tuple[Dashboard, Dashboard], told: Told
) -> None:
    port, n = port_of(pair[0]), 4000
    process = psutil.Process(pair[0].process.pid)

    async def run() -> tuple[Follower, list[Follower]]:
        slow = Follower(EventReader("127.0.0.1", port, "decision", slow=True), told)
        fast = [Follower(EventReader("127.0.0.1", port, "decision"), told) for _ in range(3)]
        async with slow.reader.connected():
            assert (await anext(slow.reader)).event == "hello"
            following = [asyncio.create_task(one.once(port, n)) for one in fast]
            await asyncio.sleep(0.5)
            before = process.memory_info().rss
            await asyncio.to_thread(told.tell, n, "x" * 2000)
            await asyncio.wait_for(asyncio.gather(*following), 60)
            assert process.memory_info().rss - before < MOST_GROWTH_BYTES
            async for event in slow.reader:
                number = told.number_in(event)
                slow.numbers += [] if number is None else [number]
                slow.resets += [event.data] if event.event == "reset" else []
                if len(slow.numbers) == n:
                    break
        return slow, fast

    slow, fast = asyncio.run(asyncio.wait_for(run(), 120))
    assert all(one.numbers == list(range(n)) for one in fast)
    assert slow.numbers == list(range(n))
    assert slow.resets == []


@pytest.mark.parametrize("last", ["nonsense", "0123456789ab:5-0", "current:1-1"])
def test_whoever_was_away_for_too_long_is_told_to_reload(pair: tuple[Dashboard, Dashboard], last: str) -> None:
    async def run() -> Received:
        reader = EventReader("127.0.0.1", port_of(pair[1]), "decision")
        await greeted(reader, reader.port)
        reader.last = last.replace("current", reader.last.partition(":")[0])
        async with reader.connected():
            return await anext(reader)

    first = asyncio.run(run())
    assert first.event == "reset"
    assert json.loads(first.data)["why"]


def test_events_that_nobody_knows_are_refused(pair: tuple[Dashboard, Dashboard]) -> None:
    refused = pair[0].get("/stream", events="alert,gossip")
    assert (refused.status_code, refused.json()["type"]) == (422, "no-events")


@pytest.mark.slow
def test_a_killed_process_is_replaced_and_nothing_is_told_twice_or_not_at_all(
    mine: Settings, told: Told, tmp_path_factory: pytest.TempPathFactory, pair: tuple[Dashboard, Dashboard]
) -> None:
    folder = tmp_path_factory.mktemp("third")
    settings = pair[0].settings
    lease = f"{settings.prefix}sw:{{live}}:lease"

    async def run(third: Dashboard) -> Follower:
        client = Follower(EventReader("127.0.0.1", port_of(third), "decision"), told)
        following = asyncio.create_task(client.once(port_of(third), 300))
        await asyncio.sleep(1)
        for i in range(30):
            await asyncio.to_thread(told.tell, 10)
            if i == 10:
                for one in pair:
                    one.process.kill()  # one of these two holds the lease
            await asyncio.sleep(0.05)
        await asyncio.wait_for(following, 40)
        return client

    import redis

    with running(settings, folder) as third, redis.Redis.from_url(settings.redis) as client:
        assert client.get(lease)
        followed = asyncio.run(run(third))
        assert followed.numbers == list(range(300))
        assert followed.resets == []
        wiped(client, third, told)


def wiped(client: "object", third: Dashboard, told: Told) -> None:
    """FLUSHALL: who listens is told to reload, and then goes on."""

    async def run() -> list[Received]:
        reader = EventReader("127.0.0.1", port_of(third), "decision")
        seen: list[Received] = []
        async with reader.connected():
            seen.append(await anext(reader))
            client.flushall()  # type: ignore[attr-defined]
            seen.append(await anext(reader))
            await asyncio.to_thread(told.tell, 1)
            async for event in reader:
                if told.number_in(event) is not None:
                    return [*seen, event]
        return seen

    started = time.monotonic()
    hello, reset, event = asyncio.run(asyncio.wait_for(run(), 30))
    assert (hello.event, reset.event) == ("hello", "reset")
    assert hello.id.partition(":")[0] != reset.id.partition(":")[0]
    assert told.number_in(event) == told.n - 1
    assert time.monotonic() - started < 15
