"""Redis or the broker goes away while the dashboard runs: it says so at once, and is well again by itself."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from running_dashboard import NOW_MS, Dashboard, StartDashboard, an_alert, publish, stream, write_windows

from streamwatch.config import Settings, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.embedded.server import EmbeddedServer
from streamwatch.trends.remembered_points import PARTITIONS_FOR_S

pytestmark = pytest.mark.slow

PATIENT_S = 30.0
AT_ONCE_S = 12.0
"""A busy machine, and one answer of Redis that does not come (5 s)."""


def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENT_S
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.2)


def problem(dashboard: Dashboard, path: str) -> str:
    """The type of the problem that a question is answered with, in time."""
    started = time.monotonic()
    answer = dashboard.get(path)
    assert time.monotonic() - started < AT_ONCE_S
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    found: str = answer.json()["type"]
    return found


@pytest.fixture
def servers(prefix: str) -> Iterator[tuple[Tansu, RedisServer, Settings]]:
    """A broker and a Redis that may be hurt."""
    with Tansu() as broker, RedisServer() as redis:
        yield broker, redis, load(prefix=prefix, **embedded_settings(broker.url, redis.url))


@contextmanager
def frozen(server: EmbeddedServer) -> Iterator[None]:
    """The server is there and answers nobody: what a hung machine looks like."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_a_redis_that_hangs_is_said_and_comes_back(
    servers: tuple[Tansu, RedisServer, Settings], start_dashboard: StartDashboard
) -> None:
    _, redis, settings = servers
    with start_dashboard(settings) as dashboard:
        asyncio.run(write_windows(settings, stream()))
        with frozen(redis):
            assert problem(dashboard, "/trends?series=all") == "no-store"
            assert dashboard.get("/livez").status_code == 200
            health = dashboard.get("/health").json()
            assert (health["state"], health["redis"]["ok"]) == ("down", False)
        until(lambda: dashboard.get("/trends", series="all", to=NOW_MS).status_code == 200)
        until(lambda: dashboard.get("/health").json()["redis"]["ok"])


def test_a_redis_that_died_comes_back_empty_and_is_believed(
    servers: tuple[Tansu, RedisServer, Settings], start_dashboard: StartDashboard
) -> None:
    _, redis, settings = servers
    with start_dashboard(settings) as dashboard:
        asyncio.run(write_windows(settings, stream()))
        time.sleep(PARTITIONS_FOR_S)  # it may have looked for partitions when only some were begun
        whole = dashboard.get("/trends", series="all", to=NOW_MS, step="1h").json()
        with dashboard.client.stream("GET", "/api/v1/stream") as events:
            lines = events.iter_lines()
            assert next(lines)
            os.kill(redis.pid, signal.SIGKILL)
            assert not [
                line for line in lines if line.startswith("event: reset")
            ]  # it ends: pages say that nothing is live
        assert problem(dashboard, "/stream") == "no-stream"
        until(lambda: dashboard.get("/readyz").status_code == 503)
        assert problem(dashboard, "/series") == "no-store"
        redis._spawn()  # on the same port
        redis._wait()
        until(lambda: dashboard.get("/trends", series="all", to=NOW_MS).status_code == 404)
        asyncio.run(write_windows(settings, stream()))
        until(lambda: dashboard.get("/trends", series="all", to=NOW_MS, step="1h").json() == whole)


def test_a_broker_that_hangs_is_said_and_what_is_written_after_it_counts(
    servers: tuple[Tansu, RedisServer, Settings], start_dashboard: StartDashboard
) -> None:
    broker, _, settings = servers
    with start_dashboard(settings) as dashboard:
        publish(settings, "alerts", [an_alert()])
        until(lambda: bool(dashboard.get("/alerts").json()["items"]))
        with frozen(broker):
            until(lambda: dashboard.get("/health").json()["state"] == "down")
            assert dashboard.get("/alerts").json()["items"], "what was read is there"
        until(lambda: dashboard.get("/health").json()["broker"]["ok"])
        until(lambda: dashboard.put("/alerts/a1b2c3d4e5f6/verdict", {"true": True}).status_code == 200)
