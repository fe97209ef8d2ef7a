"""The same documents give the same alerts: what a deployment told against what `streamwatch backtest` says of the file.

Compared is every field of every revision but for the coordinates of the documents shown: those say where a record lies,
and so depend on the number of partitions.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from streamwatch.channels import SOURCES
from streamwatch.config import Settings, environment
from streamwatch.sources.files import read_rows
from streamwatch.sources.replay import Options
from streamwatch.sources.row import Row
from streamwatch.timeline import parse_rfc3339

from .harness import Replaying, Scene, Worker

Key = tuple[str, int]
"""Id and revision."""
Alerts = Mapping[Key, Sequence[dict[str, Any]]]
"""The different contents that were told under each key: one, where all is well."""
BACKTEST = (sys.executable, "-c", "from streamwatch.cli import main; main()", "backtest")
SHOWN = 5
PATIENCE_S = 180.0


class Piece(NamedTuple):
    """Rows that are played in one go, at `speed` event seconds in a second (None: as fast as it goes)."""

    rows: Sequence[Row]
    speed: float | None = None


@dataclass
class Told:
    """What a run told. `closed_ms` is how far it was evaluated, `missed` how many documents met a closed bucket."""

    alerts: Alerts
    closed_ms: int
    missed: int = 0
    n_records: int = 0
    """Of the alert channel, further copies of a revision with them."""

    @property
    def n_alerts(self) -> int:
        """Different ids."""
        return len({alert_id for alert_id, _ in self.alerts})


@dataclass
class Stage:
    """A deployment while rows are played: what a fault needs to do its work."""

    scene: Scene
    workers: list[Worker]
    n_rows: int


Fault = Callable[[Stage], None]
"""Called once, in the main thread, when the last piece begins to play."""


def write_rows(path: Path, rows: Iterable[Row]) -> list[Row]:
    """Rows as a file of JSON lines, and what is read of it: so that everybody reads the same."""
    path.write_bytes(b"".join(row.value + b"\n" for row in rows))
    return list(read_rows(path))


def backtest(settings: Settings, file: Path) -> Told:
    """What the command says of a file, with the model, rules and times of `settings`."""
    out = file.with_suffix(".alerts")
    rules = ["--rules", settings.rules] if settings.rules else []
    command = [*BACKTEST, str(file), *rules, "--out", str(out), "--json"]
    done = subprocess.run(command, env=os.environ | environment(settings), capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"backtest ended with {done.returncode}: {done.stderr.decode()}")
    last_ms = parse_rfc3339(json.loads(done.stdout)["last"])
    records = out.read_bytes().splitlines()
    return Told(_by_key(records), last_ms, n_records=len(records))


def live(
    settings: Settings, pieces: Sequence[Piece], folder: Path, *, n_workers: int = 1, fault: Fault | None = None,
    wipe_at_end: bool = False,
) -> Told:  # fmt: skip
    """What workers tell of the pieces, played one after the other into a deployment of its own.

    Args:
        fault: done once, when the last piece has begun.
        wipe_at_end: FLUSHALL when everything is told, and wait for the rebuild.
    """
    scene = Scene(settings)
    workers = [Worker(settings, folder / f"{settings.prefix}{n}.log") for n in range(n_workers)]
    stage = Stage(scene, workers, sum(len(piece.rows) for piece in pieces))
    try:
        workers[0].start()
        for piece in pieces:
            replaying = Replaying(settings, piece.rows, Options(channels=SOURCES, speed=piece.speed))
            replaying.start()
            if fault is not None and piece is pieces[-1]:
                fault(stage)
            replaying.done()
        scene.settled(PATIENCE_S, workers)
        if wipe_at_end:
            scene.redis.flushall()
            scene.settled(PATIENCE_S, workers)
        records = [record.value for record in scene.read("alerts")]
        return Told(_by_key(records), scene.closed_ms(), scene.n_missed(), len(records))
    finally:
        for worker in workers:
            worker.end()
        scene.close()


def _by_key(records: Iterable[bytes]) -> Alerts:
    found: dict[Key, list[dict[str, Any]]] = {}
    for raw in records:
        alert = _normal(json.loads(raw))
        contents = found.setdefault((alert["id"], alert["revision"]), [])
        if alert not in contents:
            contents.append(alert)
    return found


def _normal(alert: dict[str, Any]) -> dict[str, Any]:
    """Without the coordinates of its documents."""
    for document in alert["evidence"].get("documents", ()):
        del document["partition"], document["offset"]
    return alert


@dataclass
class Difference:
    """What differs; `beyond` are revisions that only the one side could reach that evaluated further."""

    n_same: int = 0
    beyond: int = 0
    missing: list[dict[str, Any]] = field(default_factory=list)
    extra: list[dict[str, Any]] = field(default_factory=list)
    differing: list[tuple[Key, dict[str, tuple[Any, Any]]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra or self.differing or self.faults)

    def lines(self) -> list[str]:
        """What differs, some of each."""
        told = [f"missing: {_named(alert)}" for alert in self.missing[:SHOWN]]
        told += [f"extra: {_named(alert)}" for alert in self.extra[:SHOWN]]
        for key, fields in self.differing[:SHOWN]:
            told += [f"{key}.{name}: expected {a!r:.300}, found {b!r:.300}" for name, (a, b) in fields.items()]
        hidden = sum(max(0, len(one) - SHOWN) for one in (self.missing, self.extra, self.differing))
        return [*told, *self.faults[:SHOWN], *([f"… and {hidden} more"] if hidden else [])]


def compare(expected: Told, found: Told) -> Difference:
    """`found` against `expected`, as far as both were evaluated: a worker stays the lateness behind the newest document."""
    until_ms = min(expected.closed_ms, found.closed_ms)
    difference = Difference()
    for key in sorted(expected.alerts.keys() | found.alerts.keys()):
        a, b = expected.alerts.get(key, ()), found.alerts.get(key, ())
        told = [one for one in (*a, *b) if parse_rfc3339(one["at"]) > until_ms]
        if told:
            difference.beyond += 1
        elif not b:
            difference.missing.append(a[0])
        elif not a:
            difference.extra.append(b[0])
        elif b[0] != a[0]:
            difference.differing.append((key, _fields(a[0], b[0])))
        else:
            difference.n_same += 1
        if len(b) > 1:
            difference.faults.append(f"{key} was told with {len(b)} contents: {_fields(b[0], b[1])!r:.300}")
    difference.faults += _skipped(found.alerts)
    if found.missed:
        difference.faults.append(f"{found.missed} documents met a closed bucket")
    return difference


def _skipped(alerts: Alerts) -> list[str]:
    revisions: dict[str, set[int]] = {}
    for alert_id, revision in alerts:
        revisions.setdefault(alert_id, set()).add(revision)
    return [f"{one}: revisions {sorted(n)}" for one, n in sorted(revisions.items()) if n != set(range(1, max(n) + 1))]


def _fields(a: dict[str, Any], b: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields that differ, those of the evidence by name."""
    flat = [one | {f"evidence.{name}": value for name, value in one["evidence"].items()} for one in (a, b)]
    names = sorted((flat[0].keys() | flat[1].keys()) - {"evidence"})
    return {name: (flat[0].get(name), flat[1].get(name)) for name in names if flat[0].get(name) != flat[1].get(name)}


def _named(alert: dict[str, Any]) -> str:
    return f"{alert['id']}/{alert['revision']} {alert['state']} {alert['series']} {alert['kind']} at {alert['at']}"
