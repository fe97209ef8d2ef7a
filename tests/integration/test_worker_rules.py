"""A worker with a rules file: what it publishes, when a change holds, what a bad file does, what a wiped Redis changes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from delta_stream import loud, usual
from faults.harness import Replaying, Scene, Worker

from streamwatch.config import BUCKET_MS, Settings, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.sources.replay import Options
from streamwatch.sources.row import Row
from streamwatch.timeline import HOUR_MS, parse_rfc3339

START_MS = 1_741_564_800_000
LOUD_MS = START_MS + 15 * HOUR_MS
AGAIN_MS = LOUD_MS + 8 * HOUR_MS
RULES = """
rules:
  - name: {name}
    series: "*"
    kinds: [negative_share]
    false_alarms_per_week: 10
    max_series: 10
    keep_firing_for: 30m
    labels: {{team: {name}}}
"""


FIRST = usual(START_MS, LOUD_MS) + loud(LOUD_MS) + usual(LOUD_MS + HOUR_MS, AGAIN_MS)
SECOND = loud(AGAIN_MS) + usual(AGAIN_MS + HOUR_MS, AGAIN_MS + 4 * HOUR_MS)


class Deployment:
    """A worker, its rules file, and what its channels hold."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.file = Path(settings.rules)
        self.scene = Scene(settings)
        self.worker = Worker(settings, folder / "worker.log")
        self._settings = settings

    def play(self, rows: list[Row]) -> None:
        """Send rows and wait until all is evaluated."""
        Replaying(self._settings, rows, Options()).run()
        self.scene.settled(90)

    def wiped(self) -> None:
        """FLUSHALL, and wait until everything stands again."""
        self.scene.redis.flushall()
        self.scene.settled(90)

    @property
    def rules(self) -> list[dict[str, Any]]:
        """Every change of rules in the channel, in order, with its key."""
        records = self.scene.read("decisions")
        return [{"key": record.key.decode(), **json.loads(record.value)} for record in records]

    @property
    def alerts(self) -> dict[tuple[str, int], set[bytes]]:
        """Contents by id and revision."""
        return self.scene.alerts()

    @property
    def told(self) -> list[tuple[str, str]]:
        """Rule and state of each content, in order of time."""
        found = [json.loads(raw) for contents in self.alerts.values() for raw in contents]
        return [(one["rule"], one["state"]) for one in sorted(found, key=lambda one: (one["onset"], one["revision"]))]

    @property
    def detectors(self) -> dict[bytes, bytes]:
        """What the tests of each series remember."""
        return self.scene.redis.hgetall(f"{self._settings.prefix}sw:{{eval}}:series")


@pytest.fixture
def deployment(tansu: Tansu, prefix: str, tmp_path: Path) -> Iterator[Deployment]:
    """On the embedded broker, with a Redis of its own: it is wiped."""
    (tmp_path / "rules.yml").write_text(RULES.format(name="first"))
    with RedisServer() as mine:
        servers = embedded_settings(tansu.url, mine.url)
        settings = load(
            prefix=prefix, model="null", partitions=2, stalled_after_s=0, rules=str(tmp_path / "rules.yml"), **servers
        )
        one = Deployment(settings, tmp_path)
        one.worker.start()
        yield one
        one.worker.end()
        one.scene.close()


def test_rules_of_a_file_hold_from_1970_on_and_changes_from_a_bucket_that_nobody_closed(
    deployment: Deployment,
) -> None:
    deployment.play(FIRST)
    assert [change["key"] for change in deployment.rules] == ["rules/0"]
    first = deployment.rules[0]
    assert (first["effective_from"], first["made_by"]) == ("1970-01-01T00:00:00Z", "worker")
    assert set(deployment.told) == {("first", "firing"), ("first", "resolved")}

    closed_ms = deployment.scene.closed_ms()
    deployment.file.write_text(RULES.format(name="second"))
    deployment.scene.until(lambda: len(deployment.rules) == 2, 30)
    effective_ms = parse_rfc3339(deployment.rules[1]["effective_from"])
    assert deployment.rules[1]["key"] == f"rules/{effective_ms}"
    assert effective_ms >= closed_ms == deployment.scene.closed_ms()
    assert effective_ms % BUCKET_MS == 0
    assert deployment.rules[1]["digest"] != first["digest"]

    deployment.file.write_text("rules: [{name: third, serie: all}]")
    deployment.scene.until(lambda: "did you mean" in deployment.worker.log(), 30)
    time.sleep(5)
    (line,) = [line for line in deployment.worker.log().splitlines() if "rules.yml" in line]
    assert "rules.yml:1: `serie` is no key of a rule: did you mean `series`?" in line
    assert "the rules before it stay" in line
    assert len(deployment.rules) == 2
    assert deployment.worker.alive

    deployment.play(SECOND)
    assert set(deployment.told[-2:]) == {("second", "firing"), ("second", "resolved")}
    assert {rule for rule, _ in deployment.told} == {"first", "second"}

    rules, alerts, detectors = deployment.rules, deployment.alerts, deployment.detectors
    deployment.wiped()
    assert deployment.alerts == alerts
    assert all(len(contents) == 1 for contents in alerts.values())
    assert deployment.detectors == detectors
    assert deployment.rules == rules
    assert "Traceback" not in deployment.worker.log()
