"""Channels on both brokers: made once, described, and refused with one line where they cannot work."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from streamwatch import broker, channels
from streamwatch.config import Settings, environment, load
from streamwatch.embedded.server import free_port
from streamwatch.errors import BrokerUnavailable, ConfigError, FatalError


def with_(settings: Settings, **changes: Any) -> Settings:
    """The settings with changes, checked again."""
    return load(**(settings.model_dump() | changes))


def run_cli(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`streamwatch …` as a user runs it, with the settings in its environment."""
    named = environment(settings)
    return subprocess.run(
        [sys.executable, "-c", "from streamwatch.cli import main; main()", *arguments],
        capture_output=True, text=True, check=False, env=os.environ | named, timeout=60,
    )  # fmt: skip


def test_create_makes_all_and_a_second_time_none(settings: Settings) -> None:
    first, second = channels.create(settings), channels.create(settings)
    assert {f.state for f in first} == {"created"}
    assert {f.state for f in second} == {"exists"}
    counts = {f.name.removeprefix(settings.prefix): f.partitions for f in second}
    assert counts["news"] == counts["social"] == counts["classified"] == settings.partitions
    assert counts["alerts"] == counts["decisions"] == 1


def test_create_reports_other_partitions_and_changes_nothing(settings: Settings) -> None:
    channels.create(settings)
    found = {f.name.removeprefix(settings.prefix): f for f in channels.create(with_(settings, partitions=6))}
    assert (found["news"].state, found["news"].partitions, found["news"].wanted) == ("differs", 4, 6)
    assert found["alerts"].state == "exists"


def test_create_refuses_a_classified_that_is_narrower_than_a_source(settings: Settings) -> None:
    with broker.admin(settings) as admin:
        name = channels.channel(settings, "classified")
        admin.create_topics({name: {"num_partitions": 2, "replication_factor": 1}})
    with pytest.raises(FatalError, match=r"classified has 2 partitions and .*news 4"):
        channels.create(settings)


@pytest.mark.kafka
def test_more_replicas_than_brokers_is_a_config_error(apache_kafka: Any, prefix: str) -> None:
    settings = load(broker=apache_kafka.url, prefix=prefix, replication=3)
    with pytest.raises(ConfigError, match=r"^STREAMWATCH_REPLICATION=3: "):
        channels.create(settings)


def test_a_source_takes_a_record_of_16_mib_and_gives_it_back(settings: Settings) -> None:
    channels.create(settings)
    part = TopicPartition(channels.channel(settings, "news"), 1)
    value = b"x" * channels.MAX_VALUE_BYTES
    sender = broker.producer(settings, max_request_size=channels.MAX_RECORD_BYTES)
    sender.send(part.topic, value=value, partition=part.partition).get(30)
    sender.close()
    reader: KafkaConsumer
    with broker.consumer(settings, max_partition_fetch_bytes=1 << 20, auto_offset_reset="earliest") as reader:
        reader.assign([part])
        records = reader.poll(20_000)[part]
    assert [len(r.value) for r in records] == [len(value)]
    described = {d.name: d for d in channels.describe(settings)}
    assert described[part.topic].records == 1


def test_no_broker_is_one_line_and_exit_code_1() -> None:
    settings = load(broker=f"kafka://127.0.0.1:{free_port()}", connect_timeout_s=0.5)
    with pytest.raises(BrokerUnavailable, match=r"no broker answers at kafka://127\.0\.0\.1"):
        channels.create(settings)
    done = run_cli(settings, "channels", "create")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"streamwatch: no broker answers at {settings.broker}")


def test_the_command_says_what_it_made(tansu_settings: Settings) -> None:
    done = run_cli(tansu_settings, "channels", "create", "--json")
    assert {f["state"] for f in json.loads(done.stdout)} == {"created"}
    text = run_cli(with_(tansu_settings, partitions=5), "channels", "create").stdout
    assert "exists, but differs, 4 partitions (the settings say 5)" in text
    listed = run_cli(tansu_settings, "channels", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [c.name for c in channels.layout(tansu_settings)]
    assert "4 partitions, 0 records" in listed[0]


def test_list_names_what_is_missing(tansu_settings: Settings) -> None:
    listed = run_cli(tansu_settings, "channels", "list").stdout
    assert listed.count("missing") == len(channels.layout(tansu_settings))


def test_reset_deletes_channels_and_windows_of_this_deployment_only(settings: Settings) -> None:
    from redis import Redis

    other = with_(settings, prefix=settings.prefix + "x-")
    for one in (settings, other):
        channels.create(one)
    with broker.producer(settings) as producer:
        producer.send(channels.channel(settings, "social"), b"{}").get(10)
    with Redis.from_url(settings.redis) as redis:
        redis.hset(f"{settings.prefix}sw:{{p0}}:state", "applied", 7)
        redis.hset(f"{other.prefix}sw:{{p0}}:state", "applied", 7)
        done = run_cli(settings, "channels", "reset", "--yes")
        assert done.returncode == 0, done.stderr
        assert not redis.exists(f"{settings.prefix}sw:{{p0}}:state")
        assert redis.exists(f"{other.prefix}sw:{{p0}}:state")
        redis.delete(f"{other.prefix}sw:{{p0}}:state")
    assert sum(d.records for d in channels.describe(settings)) == 0


def test_reset_asks_first(settings: Settings) -> None:
    done = run_cli(settings, "channels", "reset")
    assert done.returncode == 130 and "Traceback" not in done.stderr
