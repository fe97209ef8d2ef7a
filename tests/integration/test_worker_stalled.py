"""A source channel that goes silent is told of by a real worker, once, and so is its end."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from faults.harness import Scene, Worker

from streamwatch import broker, channels
from streamwatch.config import Settings

AFTER_S = 3


@pytest.fixture
def settings_that_stall(tansu_settings: Settings) -> Settings:
    """Silence of three seconds is too long."""
    return tansu_settings.model_copy(update={"model": "null", "stalled_after_s": AFTER_S})


@pytest.fixture
def workers(settings_that_stall: Settings, tmp_path: Path) -> Iterator[list[Worker]]:
    """Two workers, of which one evaluates."""
    found = [Worker(settings_that_stall, tmp_path / f"worker{i}.log") for i in range(2)]
    yield found
    for worker in found:
        worker.end()


def send(settings: Settings, *names: str) -> None:
    """Documents of this moment on `news`."""
    producer = broker.producer(settings)
    for name in names:
        now = datetime.now(UTC).isoformat()
        value = json.dumps({"id": name, "text": f"Delta lost bag {name}", "published_at": now}).encode()
        producer.send(channels.channel(settings, "news"), value=value, key=name.encode()).get(30)
    producer.close()


def stalls(scene: Scene) -> list[dict[str, Any]]:
    """Every record about a stall, in order."""
    alerts = [json.loads(record.value) for record in scene.read("alerts")]
    return [alert for alert in alerts if alert["kind"] == "stalled"]


def test_a_channel_that_is_silent_is_told_of_once_and_its_end_once(
    settings_that_stall: Settings, workers: list[Worker]
) -> None:
    scene = Scene(settings_that_stall)
    workers[0].start()
    send(settings_that_stall, "a", "b", "c")
    scene.settled(60)
    scene.until(lambda: bool(stalls(scene)), 30)
    first = stalls(scene)[0]
    assert (first["series"], first["state"], first["revision"], first["rule"]) == (
        "channel:news",
        "firing",
        1,
        "stalled",
    )
    assert first["window_s"] >= AFTER_S
    lease = f"{settings_that_stall.prefix}sw:{{eval}}:lease"
    before = scene.redis.get(lease)
    workers[0].kill()
    workers[1].start()  # takes over, and tells nothing twice
    scene.until(lambda: scene.redis.get(lease) not in (None, before), 60)
    time.sleep(AFTER_S)
    assert stalls(scene) == [first]
    send(settings_that_stall, "d")
    scene.until(lambda: any(alert["state"] == "resolved" for alert in stalls(scene)), 30)
    told = [alert for alert in stalls(scene) if alert["id"] == first["id"]]
    assert [(alert["state"], alert["revision"]) for alert in told] == [("firing", 1), ("resolved", 2)]
    assert told[1]["resolution"] == "recovered"
    assert {alert["series"] for alert in stalls(scene)} == {"channel:news"}  # nobody ever wrote to `social`
    scene.close()
