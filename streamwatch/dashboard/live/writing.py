"""Writing to channels for a person who waits: one producer for the whole process, and short patience.

A write that fails may be in the channel all the same, as with every network: records that people make are idempotent by
their keys, so that to send one again changes nothing.
"""

import contextlib
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from kafka.errors import KafkaError

from streamwatch import broker
from streamwatch.channels import channel
from streamwatch.codec import encode
from streamwatch.config import Settings
from streamwatch.decisions.writing import written
from streamwatch.errors import BrokerUnavailable
from streamwatch.labelling import answers
from streamwatch.records import Answer, AnyDecision, Record

PATIENCE_S = 10.0
"""How long somebody waits for a button to have done something."""
GOODBYE_S = 0.1
"""What a producer may take to close: all that was acknowledged is written by then."""
DECISIONS = AnyDecision.__args__
"""The kinds of records that the channel `decisions` holds."""


class Place(NamedTuple):
    """Where a record came to lie."""

    partition: int
    offset: int


def key_and_value(record: Record) -> tuple[bytes | None, bytes]:
    """A record as it goes into its channel. Raises `ConfigError` for a decision that nobody could read again."""
    if isinstance(record, DECISIONS):
        return written(record)
    if isinstance(record, Answer):
        return answers.key_of(record).encode(), encode(record)
    return None, encode(record)


class ChannelWriter:
    """The producer; made when it is first needed, and anew after it failed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._impatient = settings.model_copy(
            update={"connect_timeout_s": min(PATIENCE_S / 2, settings.connect_timeout_s)}
        )
        self._producer: Any = None
        self._lock = threading.Lock()

    def write(self, name: str, record: Record) -> Place:
        """Write one record and wait until all replicas have it. Raises `ConfigError`, `BrokerUnavailable`."""
        key, value = key_and_value(record)
        return self.write_raw(name, key, value)

    def write_raw(
        self,
        name: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> Place:
        """The same for bytes as they are. Raises `BrokerUnavailable`."""
        producer = self._opened()
        try:
            topic = channel(self._settings, name)
            sent = producer.send(topic, key=key, value=value, headers=list(headers), partition=partition)
            done = sent.get(PATIENCE_S)
        except KafkaError as error:
            self._close(producer)
            raise BrokerUnavailable(f"not written, or not known whether it was: {error}; do it again") from error
        return Place(done.partition, done.offset)

    def close(self) -> None:
        """Close the producer."""
        self._close(self._producer)

    def _opened(self) -> Any:
        with self._lock:
            if self._producer is None:
                self._producer = broker.producer(self._impatient, max_block_ms=int(PATIENCE_S * 1000))
            return self._producer

    def _close(self, producer: Any) -> None:
        with self._lock:
            if producer is self._producer:
                self._producer = None
        if producer is not None:
            with contextlib.suppress(KafkaError):  # what it still wanted to send was reported as not written
                producer.close(timeout=GOODBYE_S)
