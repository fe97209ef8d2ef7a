"""Servers and settings for all tests: each server once a session, each test with a prefix of its own.

- `settings` runs a test on Tansu and on Apache Kafka (skipped where there is none), each with Redis;
- `tansu_settings` runs it on Tansu alone, for what has nothing to do with the broker;
- `redis_settings` starts no broker at all.
"""

import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from apache_kafka import HOME_VARIABLE, ApacheKafka, kafka_home

from streamwatch.config import Settings, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings

# Doctests are looked for in every module, and two modules of one name cannot be imported; fixtures have none.
collect_ignore_glob = ["conftest.py", "*/conftest.py"]


# Started in the background by a shell, we ignore SIGINT, and so would every program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Broker:
    """A running broker: its name, its URL, the settings that it needs."""

    name: str
    url: str
    overrides: dict[str, Any]


@pytest.fixture(scope="session")
def tansu() -> Iterator[Tansu]:
    """The embedded broker."""
    with Tansu() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The embedded Redis."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """One node of Apache Kafka, the broker that people really run."""
    home = kafka_home()
    if home is None:
        pytest.skip(f"{HOME_VARIABLE} is not set: no Apache Kafka to test against")
    with ApacheKafka(home, tmp_path_factory.mktemp("kafka") / "cluster") as cluster:
        yield cluster


@pytest.fixture(params=["tansu", pytest.param("apache_kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker in turn."""
    server = request.getfixturevalue(request.param)
    overrides = embedded_settings(server.url, "redis://127.0.0.1:1/0")
    del overrides["redis"]
    if request.param == "apache_kafka":
        overrides["idempotence"] = True
    return Broker(request.param, server.url, overrides)


@pytest.fixture
def prefix() -> str:
    """A prefix that no other test has."""
    return f"t{secrets.token_hex(4)}-"


@pytest.fixture
def redis_url(redis_server: RedisServer, prefix: str) -> Iterator[str]:
    """The Redis of this session; keys with the test's prefix are removed after it."""
    yield redis_server.url
    with redis.Redis.from_url(redis_server.url) as client:
        for key in list(client.scan_iter(match=f"*{prefix}*", count=1000)):
            client.delete(key)


@pytest.fixture
def settings(broker: Broker, redis_url: str, prefix: str) -> Settings:
    """Settings for each broker in turn and Redis, with a prefix of the test's own."""
    return load(prefix=prefix, redis=redis_url, **broker.overrides)


@pytest.fixture
def tansu_settings(tansu: Tansu, redis_url: str, prefix: str) -> Settings:
    """Settings for the embedded broker and Redis, with a prefix of the test's own."""
    return load(prefix=prefix, **embedded_settings(tansu.url, redis_url))


@pytest.fixture
def redis_settings(redis_url: str, prefix: str) -> Settings:
    """Settings for Redis alone: no broker is started."""
    return load(prefix=prefix, redis=redis_url)
