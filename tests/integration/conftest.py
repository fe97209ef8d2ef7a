"""What integration tests share: reading a channel to its end, and commands run as a user runs them."""

import os
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import TopicPartition
from own_process import COMMAND

from streamwatch import broker, channels
from streamwatch.config import Settings, environment

ReadChannel = Callable[[Settings, str], dict[int, list[Any]]]
StartCommand = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def read_channel() -> ReadChannel:
    """`read_channel(settings, "news")`: all records of a channel, by partition."""
    return _read


@pytest.fixture
def start_command() -> Iterator[StartCommand]:
    """`start_command(settings, "replay", …)`: a running `streamwatch`, killed at the end of the test if it still is."""
    started: list[subprocess.Popen[str]] = []

    def start(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
        named = environment(settings)
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | named
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _read(settings: Settings, name: str) -> dict[int, list[Any]]:
    topic = channels.channel(settings, name)
    parts = [TopicPartition(topic, p) for p in range(channels.partitions_of(settings, [name])[topic])]
    records: dict[int, list[Any]] = defaultdict(list)
    end = broker.end_offsets(settings, parts)
    with broker.consumer(settings, max_partition_fetch_bytes=32 << 20, fetch_max_bytes=64 << 20) as reader:
        reader.assign(parts)
        reader.seek_to_beginning()
        while any(reader.position(part) < end[part] for part in parts):
            for part, batch in reader.poll(1000).items():
                records[part.partition].extend(batch)
    return records
