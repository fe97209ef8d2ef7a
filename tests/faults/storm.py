"""A storm over one deployment, and what is found after it; also a command for real data:

    python -m tests.faults.storm --input FILE --column text=text … --broker kafka --kills 10 --flush

It starts its own broker and Redis, plays the file twice (once quietly, for the alerts; once through the storm), and
prints one JSON summary. Exit code 1 when anything differs from the oracle.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from streamwatch.config import Settings, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.sources.columns import parse_columns
from streamwatch.sources.files import channels_named_in, read_rows
from streamwatch.sources.replay import Options
from streamwatch.sources.row import Row
from streamwatch.trends.levels import LEVELS

from .harness import Replaying, Scene, Worker
from .oracle import Expected, Windows, expect

WHOLE: dict[str, Any] = {"model": "null", "fine_retention_days": 35, "minute_retention_days": 35}
"""Settings of a deployment that is compared with the oracle: every bucket stays, a stream of a month long."""
PATIENCE_S = 150.0
"""For one wait: restarts, rebalances and a rebuild fit many times."""


class Cluster(Protocol):
    """A broker that can crash: `tests/apache_kafka.py`."""

    def kill(self, node: int) -> None:
        """SIGKILL."""
        ...

    def restart(self, node: int) -> None:
        """Start it again on its own data."""
        ...


@dataclass(frozen=True)
class Plan:
    """What happens while the rows are played, spread evenly over them.

    Attributes:
        kills: `kill -9` of the first worker, each followed by a new start.
        flush: FLUSHALL in the middle, and again when everything was applied and nothing more comes.
        broker_kills: SIGKILL of the broker, restarted `away_s` later.
        redis_kills: SIGKILL of Redis, restarted `away_s` later with nothing in it.
        pause_s: with two workers, how long the second is stopped (SIGSTOP) before it goes on; 0: never.
        per_s: rows sent in one second; None: as fast as it goes.
    """

    kills: int = 0
    flush: bool = False
    broker_kills: int = 0
    redis_kills: int = 0
    away_s: float = 3.0
    n_workers: int = 1
    pause_s: float = 0.0
    per_s: float | None = None
    seed: int = 1


class Storm:
    """Plays rows through a plan and judges what is left."""

    def __init__(self, settings: Settings, rows: Sequence[Row], options: Options, folder: Path) -> None:
        self.scene = Scene(settings)
        self._rows = rows
        self._options = options
        self._folder = folder
        self.workers: list[Worker] = []
        self.seconds = 0.0
        self.n_copies = 0
        """Records that the broker wrote twice: one that cannot be idempotent is sent a batch again that it acknowledged late."""

    def run(self, plan: Plan, cluster: Cluster | None = None, server: RedisServer | None = None) -> None:
        """From the first row to the moment when everything was applied. Workers run on, for `end` or `terminate`."""
        started = time.monotonic()
        self.workers = [
            Worker(self.scene.settings, self._folder / f"worker-{self.scene.settings.prefix}{n}.log").start()
            for n in range(plan.n_workers)
        ]
        replaying = Replaying(self.scene.settings, self._rows, self._options, plan.per_s)
        replaying.start()
        dice = random.Random(plan.seed)
        for share, event in self._events(plan, cluster, server):
            n = int(share * len(self._rows))
            self.scene.until(lambda n=n: self.scene.n_applied() >= n, PATIENCE_S, self.workers)  # type: ignore[misc]
            time.sleep(dice.uniform(0, 0.3))
            event()
        totals = replaying.done()
        self.n_copies = self.scene.n_in_sources() - totals.sent - totals.markers
        self.scene.settled(PATIENCE_S, self.workers)
        if plan.flush:
            self.scene.redis.flushall()
            self.scene.settled(PATIENCE_S, self.workers)
        self.seconds = time.monotonic() - started

    def _events(self, plan: Plan, cluster: Cluster | None, server: RedisServer | None) -> list[tuple[float, Any]]:
        """(share of the rows, what happens then), in order."""
        events: list[tuple[float, Any]] = [((i + 1) / (plan.kills + 1), self._kill) for i in range(plan.kills)]
        if plan.flush:
            events.append((0.45, self.scene.redis.flushall))
        if plan.pause_s:
            events.append((0.55, lambda: self._pause(plan.pause_s)))
        for i in range(plan.broker_kills):
            assert cluster is not None
            events.append(((i + 1) / (plan.broker_kills + 1), lambda: _restart(cluster, plan.away_s)))
        for i in range(plan.redis_kills):
            assert server is not None
            events.append(((i + 1) / (plan.redis_kills + 1), lambda: _lose(server, plan.away_s)))
        return sorted(events, key=lambda event: event[0])

    def _kill(self) -> None:
        self.workers[0].kill()
        self.workers[0].start()

    def _pause(self, seconds: float) -> None:
        self.workers[-1].pause()
        time.sleep(seconds)
        self.workers[-1].resume()

    def end(self) -> None:
        """Kill what still runs and disconnect."""
        for worker in self.workers:
            worker.end()
        self.scene.close()


def _restart(cluster: Cluster, away_s: float) -> None:
    cluster.kill(1)
    time.sleep(away_s)
    cluster.restart(1)


def _lose(server: RedisServer, away_s: float) -> None:
    """A Redis without persistence that crashes: it comes back on its port, empty."""
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    time.sleep(away_s)
    server._spawn()
    server._wait()


def judge(scene: Scene, expected: Expected, quiet: dict[tuple[str, int], set[bytes]] | None = None) -> dict[str, Any]:
    """What is wrong, by name: empty when every bucket and every sum is as it must be."""
    totals, windows, alerts = scene.totals(), scene.windows(), scene.alerts()
    wrong: dict[str, Any] = {}
    differing = [
        key for key in windows.keys() | expected.windows.keys() if windows.get(key) != expected.windows.get(key)
    ]
    if differing:
        wrong["buckets"] = {
            "n": len(differing),
            "first": [(key, windows.get(key), expected.windows.get(key)) for key in sorted(differing)[:5]],
        }
    for level in LEVELS[1:]:
        if scene.windows(level) != _rolled_up(expected.windows, level.width_ms):
            wrong[f"windows of a {level.name}"] = "differ from the sum of what was expected of 10 s"
    sums = {
        "consumed = classified + duplicate + dead_lettered":
            (expected.n_rows, totals["classified"] + totals["duplicate"] + totals["dead_lettered"]),
        "dead_lettered": (expected.n_dead_lettered, totals["dead_lettered"]),
        "counted": (expected.n_counted, totals["counted"]),
        "redelivered": (expected.n_redelivered, totals["redelivered"]),
        "counted + redelivered + expired = classified + duplicate":
            (totals["classified"] + totals["duplicate"], totals["counted"] + totals["redelivered"] + totals["expired"]),
        "lost": (0, totals["lost"]),
        "missed": (0, scene.n_missed()),
        "dead letters": (expected.n_dead_lettered, len({record.key for record in scene.read("dead-letter")})),
    }  # fmt: skip
    wrong |= {name: {"expected": a, "found": b} for name, (a, b) in sums.items() if a != b}
    if any(len(contents) > 1 for contents in alerts.values()):
        wrong["alerts with two contents"] = sum(len(contents) > 1 for contents in alerts.values())
    if quiet is not None and alerts.keys() != quiet.keys():
        wrong["alerts"] = {"only quiet": sorted(quiet.keys() - alerts), "only storm": sorted(alerts.keys() - quiet)}
    elif quiet is not None and alerts != quiet:
        wrong["alert contents"] = [key for key in alerts if alerts[key] != quiet[key]]
    return wrong


def _rolled_up(fine: Windows, width_ms: int) -> Windows:
    sums: dict[tuple[str, int], tuple[int, ...]] = {}
    for (series, bucket_ms), counts in fine.items():
        place = series, bucket_ms - bucket_ms % width_ms
        sums[place] = tuple(a + b for a, b in zip(sums.get(place, (0,) * 7), counts, strict=True))
    return sums


def summary(storm: Storm, expected: Expected) -> dict[str, Any]:
    """The figures of a storm."""
    scene = storm.scene
    records = len(scene.read("classified"))
    return {
        "rows": expected.n_rows,
        "buckets": len(expected.windows),
        "series": len({name for name, _ in expected.windows}),
        "totals": dict(scene.totals()),
        "records of classified": records,
        "copies in classified": records - scene.n_applied(),
        "alerts (id, revision)": len(scene.alerts()),
        "workers started": [worker.n_started for worker in storm.workers],
        "workers ended by themselves": [worker.n_ended_by_itself for worker in storm.workers],
        "seconds": round(storm.seconds, 1),
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--column", action="append", default=[], metavar="FIELD=NAME")
    parser.add_argument("--channel", default="social")
    parser.add_argument("--broker", choices=["tansu", "kafka"], default="tansu")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--flush", action="store_true")
    parser.add_argument("--broker-kills", type=int, default=0)
    parser.add_argument("--away-s", type=float, default=3.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--pause-s", type=float, default=0.0)
    parser.add_argument("--per-s", type=float)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    plan = Plan(
        kills=arguments.kills, flush=arguments.flush, broker_kills=arguments.broker_kills, away_s=arguments.away_s,
        n_workers=arguments.workers, pause_s=arguments.pause_s, per_s=arguments.per_s, seed=arguments.seed,
    )  # fmt: skip
    rows = list(read_rows(arguments.input, parse_columns(arguments.column)))
    named = () if arguments.column else channels_named_in(arguments.input)
    options = Options(channel=arguments.channel, channels=sorted(named))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streamwatch-storm-")))
        cluster, settings = _servers(stack, arguments.broker, folder)
        found = _both_runs(stack, settings, rows, options, folder, plan, cluster)
    print(json.dumps(found, indent=1, default=str))
    sys.exit(1 if found["wrong"] else 0)


def _servers(stack: ExitStack, kind: str, folder: Path) -> tuple[Cluster | None, dict[str, Any]]:
    redis_url = stack.enter_context(RedisServer()).url
    if kind == "tansu":
        broker = stack.enter_context(Tansu())
        return None, embedded_settings(broker.url, redis_url) | WHOLE
    from tests.apache_kafka import ApacheKafka, kafka_home

    home = kafka_home()
    if home is None:
        sys.exit("STREAMWATCH_TEST_KAFKA_HOME is not set: no Apache Kafka to storm")
    cluster = stack.enter_context(ApacheKafka(home, folder / "cluster"))
    return cluster, embedded_settings(cluster.url, redis_url) | WHOLE | {"idempotence": True}


def _both_runs(
    stack: ExitStack, settings: dict[str, Any], rows: list[Row], options: Options, folder: Path, plan: Plan,
    cluster: Cluster | None,
) -> dict[str, Any]:  # fmt: skip
    quiet = Storm(load(prefix="quiet-", **settings), rows, options, folder)
    stack.callback(quiet.end)
    expected = expect(rows, quiet.scene.settings, options.channel)
    quiet.run(Plan())
    wrong_when_quiet = judge(quiet.scene, expected)
    quiet.end()
    storm = Storm(load(prefix="storm-", **settings), rows, options, folder)
    stack.callback(storm.end)
    storm.run(plan, cluster)
    wrong = judge(storm.scene, expected, quiet.scene.alerts())
    exit_codes = [worker.terminate() for worker in storm.workers]
    found = {
        "plan": vars(plan),
        "quiet": summary(quiet, expected),
        "storm": summary(storm, expected),
        "exit codes": exit_codes,
        "wrong": {"quiet": wrong_when_quiet} | wrong if wrong_when_quiet else wrong,
    }
    for line in [line for worker in storm.workers for line in worker.log().splitlines()][-40:]:
        print(line, file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
