"""A running worker follows the registry's pointer: nothing is lost, every record says who answered, a bad model never serves."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from streamwatch import channels
from streamwatch.bench.desk import Desk
from streamwatch.bench.documents import different, texts_of
from streamwatch.bench.swap import NOW, two_models
from streamwatch.config import Settings
from streamwatch.demo.worker import Worker
from streamwatch.doctor.serving import check_serving
from streamwatch.inference.opening import SHIPPED
from streamwatch.inference.serving import Serving, read_notes
from streamwatch.models.pointer import Pointer, locked, replace
from streamwatch.models.registry import promote

TIMEOUT_S = 120.0
PER_SECOND, SECONDS = 20.0, 2.0


def until(what: Callable[[], bool], worker: Worker) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not what():
        worker.check()
        assert time.monotonic() < deadline, worker.last_words()
        time.sleep(0.2)


@pytest.fixture
def registry(tmp_path: Path) -> tuple[Path, str, str]:
    """A registry with two models, the first of them promoted."""
    first, second = two_models(SHIPPED, tmp_path)
    promote(tmp_path / "registry", first, NOW, force="a test")
    return tmp_path / "registry", first, second


@pytest.fixture
def watched(tansu_settings: Settings, registry: tuple[Path, str, str]) -> Settings:
    """Settings that follow the registry."""
    settings = tansu_settings.model_copy(update={"registry": str(registry[0]), "model": "default", "device": "cpu"})
    channels.create(settings)
    return settings


@pytest.fixture
def worker(watched: Settings, tmp_path: Path) -> Iterator[Worker]:
    with Worker(watched, tmp_path / "worker.log") as started:
        yield started


def test_a_worker_exchanges_its_model_and_keeps_it_where_the_next_is_bad(
    watched: Settings, worker: Worker, registry: tuple[Path, str, str]
) -> None:
    folder, _, second = registry
    desk = Desk(watched, worker, different(texts_of(None)))

    def note() -> Serving | None:
        with redis.Redis.from_url(watched.redis) as client:
            return next(read_notes(client, watched.prefix), None)

    def says(told: Callable[[Serving], bool]) -> bool:
        found = note()
        return found is not None and told(found)

    try:
        until(lambda: note() is not None, worker)
        before = desk.live(PER_SECOND, SECONDS, half_way=lambda: promote(folder, second, NOW, force="a test"))
        until(lambda: says(lambda found: found.n_swapped == 1), worker)
        after = desk.live(PER_SECOND, SECONDS)
        with locked(folder):
            replace(folder, Pointer("0" * 16, NOW))
        until(lambda: says(lambda found: found.n_refused == 1), worker)
        last = desk.live(PER_SECOND, SECONDS)
        [finding] = check_serving(watched)
    finally:
        desk.close()
    for lived in (before, after, last):
        assert sorted({answer.document for answer in lived.answers}) == sorted(
            answer.document for answer in lived.answers
        )
        assert len(lived.answers) == lived.n_sent
    [old] = {answer.model for answer in before.answers} - {answer.model for answer in after.answers}
    [new] = {answer.model for answer in after.answers}
    assert old != new
    assert {answer.model for answer in last.answers} == {new}
    assert finding.status == "fail"
    assert "has no model 0000000000000000" in finding.saw
    assert "does not serve, the one before it goes on" in worker.log.read_text()
