"""The channels: their names, partitions and retention, and how they are made.

Examples:
    >>> from streamwatch.config import Settings
    >>> channel(Settings(prefix="staging-"), "news")
    'staging-news'
    >>> [c.name for c in layout(Settings(prefix="a-"))][:3]
    ['a-news', 'a-social', 'a-classified']
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from kafka.errors import KafkaError

from streamwatch import broker
from streamwatch.config import Settings
from streamwatch.errors import BrokerUnavailable, ConfigError, FatalError
from streamwatch.timeline import DAY_MS

SOURCES = ("news", "social")
"""The channels that documents arrive in."""

MAX_VALUE_BYTES = 16 * 1024 * 1024
"""The largest value a source channel takes. Far above `max_document_bytes`, so that what is too large arrives, and is
dead-lettered with its coordinates, and is not lost in a producer that nobody watches."""

MAX_RECORD_BYTES = MAX_VALUE_BYTES + 1024 * 1024
"""The same with room for key, headers and the batch around it."""

SOURCE_RETENTION_DAYS = 7
"""How long source channels are kept: longer than any outage of the workers. `classified` is what history needs."""

DRIFT_RETENTION_DAYS = 35
"""How long a sample waits for somebody to label it."""

ALREADY_EXISTS = 36
BAD_REPLICATION = 38
"""Kafka's error codes for a channel that is there, and for more replicas than brokers."""

DELETE_S = 30.0
"""How long a deletion may take to be seen by all brokers."""

State = Literal["created", "exists", "differs"]


@dataclass(frozen=True)
class Channel:
    """A channel as it should be: full name, number of partitions, broker configuration."""

    name: str
    partitions: int
    configs: dict[str, str]


@dataclass(frozen=True)
class Found:
    """What `create` found or did: `differs` when the channel was there with other than the `wanted` partitions."""

    name: str
    state: State
    partitions: int
    wanted: int


@dataclass(frozen=True)
class Described:
    """A channel as it is: partitions (0 where it does not exist) and the records it holds now."""

    name: str
    partitions: int
    records: int


def channel(settings: Settings, name: str) -> str:
    """The full name of a channel."""
    return f"{settings.prefix}{name}"


def layout(settings: Settings) -> tuple[Channel, ...]:
    """All channels as the settings want them.

    `classified` has the partitions of the sources, because each document stays in its partition number. `alerts` and
    `decisions` have one, because their order matters as a whole, and are compacted: the last state of each key stays. So are
    `labels` and `drift`, so that what is forgotten leaves the disk too. `audit` is kept whole and for ever.
    """
    n = settings.partitions
    large = {"max.message.bytes": str(MAX_RECORD_BYTES)}
    compacted = {"cleanup.policy": "compact"}
    return (
        *(_channel(settings, name, n, _days(SOURCE_RETENTION_DAYS) | large) for name in SOURCES),
        _channel(settings, "classified", n, _days(settings.classified_retention_days)),
        _channel(settings, "dead-letter", 1, _days(settings.dead_letter_retention_days)),
        _channel(settings, "alerts", 1, compacted),
        _channel(settings, "drift", 1, _days(DRIFT_RETENTION_DAYS) | {"cleanup.policy": "compact,delete"}),
        _channel(settings, "decisions", 1, compacted),
        _channel(settings, "labels", 1, compacted | {"retention.ms": "-1"}),
        _channel(settings, "audit", 1, {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}),
    )


def create(settings: Settings) -> list[Found]:
    """Make the channels that are missing; touch none that is there. Running it again changes nothing.

    Raises `ConfigError` where the cluster has too few brokers, `FatalError` where the partitions that are there cannot
    work together, `BrokerUnavailable`.
    """
    wanted = layout(settings)
    with broker.admin(settings) as admin:
        try:
            answers = _create_missing(admin, settings, wanted)
            admin.wait_for_topics([c.name for c in wanted])
            there = _count(admin, [c.name for c in wanted])
        except KafkaError as error:
            raise BrokerUnavailable(f"the broker at {settings.broker} did not make the channels: {error}") from error
    found = [_found(c, answers[c.name], there[c.name]) for c in wanted]
    _check_together(settings, there)
    return found


MADE_BY_PEOPLE = ("decisions", "labels", "audit")
"""Channels that hold what people made: silences, verdicts, rules, keys, labels, and the trail of who wrote what."""


def delete(settings: Settings, spare: Iterable[str] = ()) -> list[str]:
    """Delete all channels that exist but those to spare, with everything in them; their names.

    Raises `BrokerUnavailable`.
    """
    spared = {channel(settings, name) for name in spare}
    with broker.admin(settings) as admin:
        try:
            names = [c.name for c in layout(settings) if c.name not in spared]
            there = [name for name, n in _count(admin, names).items() if n]
            if there:
                admin.delete_topics(there)
            _wait_until_gone(admin, there)
        except KafkaError as error:
            raise BrokerUnavailable(f"the broker at {settings.broker} did not delete the channels: {error}") from error
    return there


def _wait_until_gone(admin: Any, names: list[str]) -> None:
    """Kafka deletes behind the answer; a channel made anew before that is refused."""
    deadline = time.monotonic() + DELETE_S
    while any(_count(admin, names).values()) and time.monotonic() < deadline:
        time.sleep(0.2)


def describe(settings: Settings) -> list[Described]:
    """The channels as they are now."""
    from kafka import TopicPartition

    wanted = layout(settings)
    with broker.admin(settings) as admin:
        there = _count(admin, [c.name for c in wanted])
    parts = [TopicPartition(name, p) for name, n in there.items() for p in range(n)]
    with broker.consumer(settings) as client:
        first = client.beginning_offsets(parts)
    end = broker.end_offsets(settings, parts)
    records = dict.fromkeys(there, 0)
    for part in parts:
        records[part.topic] += end[part] - first[part]
    return [Described(c.name, there[c.name], records[c.name]) for c in wanted]


def partitions_of(settings: Settings, names: Iterable[str]) -> dict[str, int]:
    """The partitions of channels, by full name. Raises `ConfigError` where one does not exist, `BrokerUnavailable`."""
    full = [channel(settings, name) for name in names]
    with broker.admin(settings) as admin:
        there = _count(admin, full)
    missing = [name for name in full if not there.get(name)]
    if missing:
        raise ConfigError(f"no channel {', '.join(missing)} at {settings.broker}: run streamwatch channels create")
    return there


def _channel(settings: Settings, name: str, partitions: int, configs: dict[str, str]) -> Channel:
    # A record counts as written when all replicas but one have it: one broker may be away, and one may die then.
    in_sync = {"min.insync.replicas": str(max(1, settings.replication - 1))}
    return Channel(channel(settings, name), partitions, configs | in_sync)


def _days(n: int) -> dict[str, str]:
    return {"retention.ms": str(n * DAY_MS)}


def _create_missing(admin: Any, settings: Settings, wanted: tuple[Channel, ...]) -> dict[str, int]:
    """Kafka's error code for each channel: 0 where it was made, `ALREADY_EXISTS` where it was there."""
    topics = {
        c.name: {"num_partitions": c.partitions, "replication_factor": settings.replication, "configs": c.configs}
        for c in wanted
    }
    answers = admin.create_topics(topics, raise_errors=False)["topics"]
    for answer in answers:
        if answer["error_code"] == BAD_REPLICATION:
            raise ConfigError(f"STREAMWATCH_REPLICATION={settings.replication}: {answer['error_message']}")
        if answer["error_code"] not in (0, ALREADY_EXISTS):
            raise FatalError(f"channel {answer['name']}: {answer['error_message']}")
    return {answer["name"]: answer["error_code"] for answer in answers}


def _count(admin: Any, names: list[str]) -> dict[str, int]:
    return {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(names)}


def _found(wanted: Channel, code: int, partitions: int) -> Found:
    if code == 0:
        return Found(wanted.name, "created", partitions, wanted.partitions)
    state: State = "exists" if partitions == wanted.partitions else "differs"
    return Found(wanted.name, state, partitions, wanted.partitions)


def _check_together(settings: Settings, there: dict[str, int]) -> None:
    """Each document is emitted in its source's partition number, so `classified` must have them all."""
    classified = channel(settings, "classified")
    for source in (channel(settings, name) for name in SOURCES):
        if there[source] > there[classified]:
            raise FatalError(
                f"{classified} has {there[classified]} partitions and {source} {there[source]}: "
                f"{classified} needs at least as many (kafka-topics --alter --partitions)"
            )
