"""The doctor on both brokers and on a real Redis: all is well, and each thing that can be wrong is named with its cure."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from streamwatch import broker, channels
from streamwatch.agents.context import Context
from streamwatch.config import Settings, load
from streamwatch.doctor import CHECKS, Finding, examine
from streamwatch.doctor.finding import ok
from streamwatch.doctor.lag import GROUPS
from streamwatch.doctor.store import check_redis
from streamwatch.embedded import RedisServer
from streamwatch.embedded.server import free_port
from streamwatch.errors import FatalError

SERVERS = {name: CHECKS[name] for name in ("broker", "redis")}


def with_(settings: Settings, **changes: Any) -> Settings:
    """The settings with changes, checked again."""
    return load(**(settings.model_dump() | changes))


def look(settings: Settings, **checks: Any) -> dict[str, Finding]:
    """Findings by what they are about."""
    return {finding.check: finding for finding in examine(settings, checks or SERVERS)}


@contextmanager
def committed(settings: Settings, group: str, offsets: dict[TopicPartition, int]) -> Iterator[None]:
    """Offsets committed by a group, as a worker does."""
    with broker.consumer(settings, group_id=group, enable_auto_commit=False) as member:
        reader: KafkaConsumer = member
        reader.commit({tp: OffsetAndMetadata(offset, "", -1) for tp, offset in offsets.items()})
    yield


def send(settings: Settings, name: str, n: int) -> TopicPartition:
    """`n` records in partition 0 of a channel."""
    tp = TopicPartition(channels.channel(settings, name), 0)
    producer = broker.producer(settings)
    for _ in range(n):
        producer.send(tp.topic, value=b"{}", partition=0)
    producer.flush(30)
    producer.close()
    return tp


def test_all_is_well(settings: Settings) -> None:
    channels.create(settings)
    found = look(settings)
    assert {finding.status for finding in found.values()} == {"ok"}, found
    assert {"broker", "channels", "lag classify", "lag trends", "redis", "redis policy", "redis write"} <= set(found)
    assert found["lag classify"].saw == "nothing left to read"


def test_missing_channels_are_named_with_the_command_that_makes_them(settings: Settings) -> None:
    found = look(settings)
    assert found["broker"].status == "ok"
    assert found["channels"].status == "fail"
    assert f"{settings.prefix}news" in found["channels"].saw
    assert found["channels"].todo == "streamwatch channels create"
    assert "lag classify" not in found


def test_other_partitions_are_a_warning(settings: Settings) -> None:
    channels.create(settings)
    found = look(with_(settings, partitions=6))
    assert found["channels"].status == "warn"
    assert f"{settings.prefix}news has 4 (the settings say 6)" in found["channels"].saw


def test_classified_narrower_than_a_source_fails(settings: Settings) -> None:
    with broker.admin(settings) as admin:
        for channel in channels.layout(settings):
            n = 2 if channel.name.endswith("classified") else channel.partitions
            admin.create_topics({channel.name: {"num_partitions": n, "replication_factor": 1}})
        admin.wait_for_topics([channel.name for channel in channels.layout(settings)])
    faults = [f for f in examine(settings, SERVERS) if f.check == "channels" and f.status == "fail"]
    assert f"{settings.prefix}news has 4 partitions, {settings.prefix}classified only 2" in faults[0].saw


@pytest.mark.kafka
def test_a_channel_that_is_kept_otherwise_is_a_warning(apache_kafka: Any, redis_settings: Settings) -> None:
    settings = with_(redis_settings, broker=apache_kafka.url)
    channels.create(settings)
    assert look(settings)["retention"].status == "ok"
    found = look(with_(settings, classified_retention_days=90))["retention"]
    name = channels.channel(settings, "classified")
    assert (found.status, found.saw) == ("warn", f"{name} has retention.ms=3024000000, wanted is 7776000000")
    assert f"--entity-name {name} --add-config retention.ms=7776000000" in found.todo


def test_records_that_nobody_reads_are_a_warning_and_lag_is_counted(settings: Settings) -> None:
    channels.create(settings)
    tp = send(settings, "social", 30)
    found = look(settings)["lag classify"]
    assert (found.status, found.saw) == ("warn", "30 records, and nobody has read any")
    with committed(settings, f"{settings.prefix}streamwatch", {tp: 12}):
        found = look(settings)["lag classify"]
    assert (found.status, found.saw) == ("ok", "18 records behind")


def test_a_group_far_behind_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamwatch.doctor.lag.BEHIND", 10)
    channels.create(settings)
    tp = send(settings, "classified", 30)
    with committed(settings, f"{settings.prefix}streamwatch-trends", {tp: 12}):
        found = look(settings)["lag trends"]
    assert (found.status, found.saw) == ("warn", "18 records behind")


def test_a_group_beyond_the_end_is_a_channel_made_anew(settings: Settings) -> None:
    channels.create(settings)
    tp = send(settings, "news", 3)
    with committed(settings, f"{settings.prefix}streamwatch", {tp: 9}):
        found = look(settings)["lag classify"]
    assert found.status == "fail"
    assert f"{tp.topic}/0: the group has read further" in found.saw


def test_groups_are_those_of_the_worker(redis_settings: Settings) -> None:
    context = Context(redis_settings, None)  # type: ignore[arg-type]
    names = {group.what: f"{redis_settings.prefix}{group.suffix}" for group in GROUPS}
    assert names == {"classify": context.classify_group, "trends": context.trends_group}


# -- servers that do not answer


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word, like a server that hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield listener.getsockname()[1]


def test_checks_go_on_when_nobody_answers(redis_settings: Settings) -> None:
    away = with_(
        redis_settings,
        broker=f"kafka://127.0.0.1:{free_port()}",
        redis=f"redis://worker:s3cr3t@127.0.0.1:{free_port()}/0",
        connect_timeout_s=0.5,
    )
    found = look(away, **SERVERS, later=lambda settings: iter([ok("later", "was looked at")]))
    assert found["broker"].saw == f"nobody answers at {away.broker} within 0.5 s"
    assert "set STREAMWATCH_BROKER" in found["broker"].todo
    assert found["redis"].status == "fail"
    assert "worker:***@" in found["redis"].saw and "s3cr3t" not in str(found)
    assert found["later"].status == "ok"


def test_servers_that_hang_are_given_up(silent_port: int) -> None:
    hung = load(
        broker=f"kafka://127.0.0.1:{silent_port}", redis=f"redis://127.0.0.1:{silent_port}/0", connect_timeout_s=0.5
    )
    found = look(hung)
    assert {found["broker"].status, found["redis"].status} == {"fail"}


def test_a_check_that_breaks_is_a_finding(redis_settings: Settings) -> None:
    def breaks(settings: Settings) -> Iterator[Finding]:
        raise ZeroDivisionError("no")

    def stops(settings: Settings) -> Iterator[Finding]:
        yield ok("first", "seen")
        raise FatalError("in words")

    found = look(redis_settings, breaks=breaks, stops=stops)
    assert "the check itself failed: ZeroDivisionError('no')" in found["breaks"].saw
    assert (found["first"].status, found["stops"].status, found["stops"].saw) == ("ok", "fail", "in words")


# -- Redis


@pytest.fixture
def own_redis() -> Iterator[tuple[Settings, redis.Redis]]:
    """A Redis that a test may spoil."""
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        yield load(redis=server.url), client


def redis_findings(settings: Settings) -> dict[str, Finding]:
    """What the check of Redis says."""
    return {finding.check: finding for finding in check_redis(settings)}


def test_a_redis_that_evicts_fails(own_redis: tuple[Settings, redis.Redis]) -> None:
    settings, client = own_redis
    client.config_set("maxmemory-policy", "allkeys-lru")
    found = redis_findings(settings)["redis policy"]
    assert found.status == "fail"
    assert "maxmemory-policy noeviction" in found.todo


def test_a_redis_that_is_full_fails_and_says_so(own_redis: tuple[Settings, redis.Redis]) -> None:
    settings, client = own_redis
    client.config_set("maxmemory", 1)
    found = redis_findings(settings)
    assert (found["redis memory"].status, found["redis write"].status) == ("warn", "fail")


def test_a_replica_takes_no_writes(own_redis: tuple[Settings, redis.Redis]) -> None:
    settings, client = own_redis
    client.replicaof("127.0.0.1", str(free_port()))
    assert redis_findings(settings)["redis write"].status == "fail"


def test_a_wrong_password_is_told_from_silence(own_redis: tuple[Settings, redis.Redis]) -> None:
    settings, client = own_redis
    client.config_set("requirepass", "s3cr3t")
    found = redis_findings(settings)["redis"]
    assert found.status == "fail"
    assert "refuses us" in found.saw and "password" in found.todo


def test_nothing_is_left_in_redis(own_redis: tuple[Settings, redis.Redis]) -> None:
    settings, client = own_redis
    redis_findings(settings)
    assert client.dbsize() == 0


# -- model and device


def test_a_model_without_a_manifest_fails(tmp_path: Path) -> None:
    found = look(load(model=str(tmp_path)), model=CHECKS["model"])
    assert found["model"].status == "fail"


def test_the_null_model_is_a_warning_and_loads_no_torch() -> None:
    found = look(load(model="null"), model=CHECKS["model"], device=CHECKS["device"])
    assert (found["model"].status, found["device"].status) == ("warn", "ok")


def test_more_threads_than_cores_is_a_warning() -> None:
    found = look(load(device="cpu", threads=4096), device=CHECKS["device"])
    assert (found["device"].status, found["threads"].status) == ("ok", "warn")


# -- the command


def test_the_command_says_what_it_saw_and_ends_with_1(start_command: Any, tansu_settings: Settings) -> None:
    process = start_command(with_(tansu_settings, model="null"), "doctor")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines()[-1] == "streamwatch: one check failed"
    assert "fail  channels" in out and "-> streamwatch channels create" in out
    assert "ok    redis write" in out


def test_the_command_as_json_ends_with_0_when_nothing_failed(start_command: Any, tansu_settings: Settings) -> None:
    channels.create(tansu_settings)
    process = start_command(with_(tansu_settings, model="null"), "doctor", "--json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    answer = json.loads(out)
    assert answer["failed"] == 0
    assert {check["status"] for check in answer["checks"]} == {"ok", "warn"}
    assert all(check["todo"] for check in answer["checks"] if check["status"] != "ok")


def test_the_command_checks_what_it_is_asked_to(start_command: Any, redis_settings: Settings) -> None:
    process = start_command(redis_settings, "doctor", "--json", "--only", "redis")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert {check["check"].split()[0] for check in json.loads(out)["checks"]} == {"redis"}


def test_a_variable_with_a_slip_of_the_pen_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMWATCH_LATENES_S", "7")
    findings = list(CHECKS["settings"](load()))
    assert [f.status for f in findings] == ["ok", "warn"]
    assert findings[1].todo == "did you mean STREAMWATCH_LATENESS_S?"
