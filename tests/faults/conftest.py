"""What storms share: the rows, what they must count to, a Redis that may be wiped, and one quiet run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from streamwatch.channels import SOURCES
from streamwatch.config import Settings, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.sources.replay import Options
from streamwatch.sources.row import Row

from .oracle import Expected, expect
from .storm import WHOLE, Plan, Storm, judge
from .telling_day import telling_day

OPTIONS = Options(channels=SOURCES)


@dataclass(frozen=True)
class Quiet:
    """What a run without any fault gave."""

    expected: Expected
    alerts: dict[tuple[str, int], set[bytes]]


@pytest.fixture(scope="session")
def rows() -> Sequence[Row]:
    """The synthetic day, with its incidents told in the documents themselves."""
    return telling_day()


@pytest.fixture(scope="session")
def wiped_redis() -> Iterator[RedisServer]:
    """A Redis for storms alone: it is wiped."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def settings(settings: Settings, wiped_redis: RedisServer) -> Settings:
    """Settings for each broker in turn, the null model, and the Redis that may be wiped."""
    return settings.model_copy(update=WHOLE | {"redis": wiped_redis.url})


@pytest.fixture(scope="session")
def quiet(
    tansu: Tansu, redis_server: RedisServer, rows: Sequence[Row], tmp_path_factory: pytest.TempPathFactory
) -> Quiet:
    """One run without faults. Its alerts are those of every storm, on either broker."""
    settings = load(prefix="quiet-", **WHOLE, **embedded_settings(tansu.url, redis_server.url))
    storm = Storm(settings, rows, OPTIONS, tmp_path_factory.mktemp("quiet"))
    try:
        storm.run(Plan())
        expected = expect(rows, settings)
        assert judge(storm.scene, expected) == {}
        return Quiet(expected, storm.scene.alerts())
    finally:
        storm.end()


@pytest.fixture
def start_storm(rows: Sequence[Row], tmp_path: Path) -> Iterator[Callable[[Settings], Storm]]:
    """`start_storm(settings)`: a storm whose workers are gone after the test."""
    storms: list[Storm] = []

    def start(settings: Settings) -> Storm:
        storms.append(Storm(settings, rows, OPTIONS, tmp_path))
        return storms[-1]

    yield start
    for storm in storms:
        storm.end()
