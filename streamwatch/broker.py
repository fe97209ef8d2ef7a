"""Kafka clients as all commands use them: from the settings, with one clear error when the broker does not answer.

The worker has Faust's clients; these are for what runs once or sits beside it (`channels`, `replay`, `alerts tail`).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from streamwatch.config import Settings
from streamwatch.embedded.capabilities import capabilities
from streamwatch.embedded.end_offsets import read_end_offsets
from streamwatch.errors import BrokerUnavailable, FatalError

ALL = 1_000_000
"""More records than a batch can hold."""

FETCH_BYTES = 32 * 1024 * 1024
"""More than the largest batch: a source record of 16 MiB with its company."""

RECONNECT_BACKOFF_MAX_MS = 2000
"""The longest pause between two tries to connect: short, because a person waits for the command."""


@contextmanager
def admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """An admin client. Raises `BrokerUnavailable` after `connect_timeout_s`."""
    client = _connect(KafkaAdminClient, settings)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def consumer(settings: Settings, **options: Any) -> Iterator[KafkaConsumer]:
    """A consumer without a group: it commits nothing. Raises `BrokerUnavailable` after `connect_timeout_s`."""
    client = _connect(KafkaConsumer, settings, **options)
    try:
        yield client
    finally:
        client.close()


def producer(settings: Settings, **options: Any) -> KafkaProducer:
    """A producer that keeps the order of a partition and waits for all replicas; the caller closes it.

    Idempotent where the broker can; elsewhere with one request in flight, since a retry must not overtake.
    """
    ordering: dict[str, Any] = {"enable_idempotence": settings.idempotence}
    if not settings.idempotence:
        ordering["max_in_flight_requests_per_connection"] = 1
    return _connect(KafkaProducer, settings, acks="all", **ordering, **options)


def end_offsets(settings: Settings, parts: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """Where partitions end: the offset after the last record. Right on every broker, also where ListOffsets is not."""
    with consumer(settings, max_poll_records=ALL, max_partition_fetch_bytes=FETCH_BYTES) as reader:
        answered = reader.end_offsets(list(parts))
        if capabilities(settings.idempotence).end_offset_in_list:
            return dict(answered)
        return read_end_offsets(reader, answered)


def _connect(kind: Any, settings: Settings, **options: Any) -> Any:
    """A client that has spoken with the broker; its tries follow each other with back-off until the time is over."""
    try:
        return kind(
            bootstrap_servers=settings.bootstrap.split(","),
            bootstrap_timeout_ms=int(settings.connect_timeout_s * 1000),
            reconnect_backoff_max_ms=RECONNECT_BACKOFF_MAX_MS,
            client_id="streamwatch",
            **options,
        )
    except (KafkaTimeoutError, KafkaConnectionError) as error:
        raise BrokerUnavailable(
            f"no broker answers at {settings.broker} (tried for {settings.connect_timeout_s:g} s): "
            "start it (docker compose up -d) or set STREAMWATCH_BROKER"
        ) from error
    except KafkaError as error:
        raise FatalError(f"the broker at {settings.broker} refuses us: {error}") from error
