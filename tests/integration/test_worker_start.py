"""How a worker starts, refuses to start, and stops: one clear line, an exit code, no traceback, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from apache_kafka import ApacheKafka
from faults.harness import Replaying, Scene, Worker, environment
from faults.oracle import expect

from streamwatch import broker, channels
from streamwatch.config import Settings, load
from streamwatch.embedded import RedisServer, embedded_settings
from streamwatch.embedded.server import free_port
from streamwatch.sources import synthetic
from streamwatch.sources.files import read_rows
from streamwatch.sources.replay import Options


def fail_to_start(settings: Settings, timeout_s: float = 60, **overrides: Any) -> tuple[int, list[str]]:
    """Exit code and output lines of a worker that ends by itself."""
    named = {f"STREAMWATCH_{name.upper()}": str(value) for name, value in overrides.items()}
    done = subprocess.run(
        [sys.executable, "-m", "faust", "-A", "streamwatch", "worker", "-l", "warn"],
        env=os.environ | environment(settings) | {"STREAMWATCH_MODEL": "null"} | named,
        capture_output=True, text=True, timeout=timeout_s, check=False,
    )  # fmt: skip
    return done.returncode, _lines(done.stdout + done.stderr)


def _lines(output: str) -> list[str]:
    """What a person reads: without Faust's table of what it starts with, and what hides and shows the cursor."""
    plain = output.replace("\x1b[?25l", "").replace("\x1b[?25h", "")
    return [line.strip() for line in plain.splitlines() if line.strip() and line[0] not in "+|"]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("lateness_s", "-1", "STREAMWATCH_LATENESS_S=-1: input should be greater than or equal to 0"),
        ("lateness_s", "soon", "STREAMWATCH_LATENESS_S=soon: input should be a valid integer"),
        ("broker", "localhost:9092", "STREAMWATCH_BROKER=localhost:9092: expected kafka://host:port"),
        ("redis", "http://localhost", "STREAMWATCH_REDIS=http://localhost: expected redis://"),
        ("detection_bucket_s", "15", "STREAMWATCH_DETECTION_BUCKET_S=15: input should be a multiple of 10"),
        ("heartbeat_s", "11", "must be at most a third of session_timeout_s"),
        ("hour_retention_days", "90", "windows could not be rebuilt"),
        ("minute_retention_days", "1", "must not shrink"),
    ],
)
def test_settings_that_make_no_sense_are_one_line_and_exit_code_2(
    redis_settings: Settings, name: str, value: str, why: str
) -> None:
    code, lines = fail_to_start(redis_settings, **{name: value})
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("streamwatch: ")
    assert why in lines[0]


def test_no_broker_there_is_said_at_once_and_given_up_after_a_while(redis_settings: Settings) -> None:
    url = f"kafka://127.0.0.1:{free_port()}"
    started = time.monotonic()
    code, lines = fail_to_start(redis_settings, broker=url, connect_timeout_s=3)
    assert code == 1
    assert time.monotonic() - started < 30
    assert f"streamwatch: no broker answers at {url}" in lines[-1]
    assert "set STREAMWATCH_BROKER" in lines[-1]
    assert "(tried for 3 s)" in lines[-1]
    assert f"no broker answers at {url}" in lines[0]
    assert "trying for 3 s" in lines[0]
    assert len(lines) == 2


def test_no_redis_there_is_said_at_once_and_given_up_after_a_while(tansu_settings: Settings) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    code, lines = fail_to_start(tansu_settings, redis=url, connect_timeout_s=3)
    assert code == 1
    assert f"streamwatch: no Redis answers at {url}" in lines[-1]
    assert "set STREAMWATCH_REDIS" in lines[-1]
    assert len(lines) == 2


def test_missing_channels_are_one_line_that_names_the_command(settings: Settings) -> None:
    code, lines = fail_to_start(settings)
    assert code == 2
    assert len(lines) == 1
    assert f"{settings.prefix}classified" in lines[0]
    assert "streamwatch channels create" in lines[0]


def test_a_redis_that_evicts_is_refused(tansu_settings: Settings) -> None:
    channels.create(tansu_settings)
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        code, lines = fail_to_start(tansu_settings, redis=server.url)
    assert code == 2
    assert len(lines) == 1
    assert "maxmemory-policy allkeys-lru" in lines[0]


def test_a_broker_that_comes_late_is_waited_for(redis_settings: Settings, worker_log: Path) -> None:
    from streamwatch.embedded import Tansu

    with Tansu() as found:
        port = found.port
    settings = redis_settings.model_copy(
        update=embedded_settings(f"kafka://127.0.0.1:{port}", redis_settings.redis) | {"model": "null"}
    )
    worker = Worker(settings, worker_log).start()
    try:
        time.sleep(2)
        late = Tansu()
        late._start_on_a_free_port = lambda: _start_on(late, port)  # type: ignore[method-assign]
        with late:
            channels.create(settings)
            scene = Scene(settings)
            Replaying(settings, list(read_rows(synthetic.SHIPPED))[:50], Options()).run()
            scene.settled(60)
            scene.close()
            assert worker.alive
            assert worker.terminate() == 0
    finally:
        worker.end()


def _start_on(server: Any, port: int) -> None:
    server.port = port
    server._spawn()
    server._wait()


@pytest.fixture
def worker_log(tmp_path: Path) -> Iterator[Path]:
    """Where a worker says what it says."""
    return tmp_path / "worker.log"


def test_sigterm_and_ctrl_c_end_a_worker_with_0_in_10_s_and_leave_no_process(
    settings: Settings, worker_log: Path
) -> None:
    scene = Scene(settings)
    rows = list(read_rows(synthetic.SHIPPED))[:600]
    with_null = settings.model_copy(update={"model": "null"})
    worker = Worker(with_null, worker_log).start()
    try:
        for number, part in ((signal.SIGTERM, rows[:300]), (signal.SIGINT, rows[300:])):
            # A part for each signal: a worker that is slow to start finds documents all the same.
            replaying = Replaying(settings, part, Options(channels=channels.SOURCES), per_s=60)
            n = scene.n_applied()
            replaying.start()
            scene.until(lambda n=n: scene.n_applied() > n + 20, 60)  # type: ignore[misc]
            started = time.monotonic()
            os.kill(worker.pid, number)
            assert worker.process is not None
            assert worker.process.wait(20) == 0
            assert time.monotonic() - started < 10
            assert _session_members(worker.pid) == []
            worker.start()
            replaying.done()
        scene.settled(60)
        assert worker.terminate() == 0
    finally:
        worker.end()
    assert "Traceback" not in worker.log()
    totals = scene.totals()
    # A producer that is not idempotent (Tansu) may write a batch twice on a busy machine; each document counts once.
    assert totals["classified"] + totals["duplicate"] + totals["dead_lettered"] >= len(rows)
    assert totals["counted"] == expect(rows, settings).n_counted
    assert totals["lost"] == 0
    scene.close()


def _session_members(sid: int) -> list[int]:
    """Processes of a worker's session: it leads one of its own."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == sid and fields[0] != "Z":
            members.append(int(stat.parent.name))
    return members


@pytest.mark.kafka
def test_a_source_channel_that_was_made_anew_stops_the_worker_with_a_line_that_names_the_cure(
    apache_kafka: ApacheKafka, redis_url: str, prefix: str, worker_log: Path
) -> None:
    settings = load(
        prefix=prefix, model="null", **embedded_settings(apache_kafka.url, redis_url) | {"idempotence": True}
    )
    scene = Scene(settings)
    rows = list(read_rows(synthetic.SHIPPED))
    worker = Worker(settings, worker_log).start()
    try:
        Replaying(settings, rows[:100], Options()).run()
        scene.settled(60)
        assert worker.terminate() == 0
        with broker.admin(settings) as admin:
            admin.delete_topics([f"{prefix}social"])
            scene.until(lambda: f"{prefix}social" not in admin.list_topics(), 30)
        channels.create(settings)
        Replaying(settings, rows[100:104], Options()).run()
        worker.start()
        assert worker.process is not None
        assert worker.process.wait(60) == 1
    finally:
        worker.end()
        scene.close()
    last = [line for line in _lines(worker.log()) if "streamwatch:" in line][-1]
    assert f"{prefix}social/" in last
    assert "streamwatch channels reset" in last
    assert "Traceback" not in worker.log()
