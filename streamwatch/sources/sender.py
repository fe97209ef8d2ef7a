"""Sending in order, with a bound on what is under way and an eye on every answer."""

import time
from collections import deque
from contextlib import suppress
from threading import Event
from types import TracebackType
from typing import Any, Self

from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from streamwatch import broker
from streamwatch.channels import MAX_RECORD_BYTES
from streamwatch.config import Settings
from streamwatch.errors import BrokerUnavailable, FatalError, StreamwatchError

MAX_UNDER_WAY = 20_000
MAX_UNDER_WAY_BYTES = 64 * 1024 * 1024
"""Records and bytes sent and not yet acknowledged. The producer itself has no bound: a file read faster than the broker
writes would fill the memory."""

DELIVERY_TIMEOUT_S = 120.0
"""How long a record is tried again: longer than a broker's restart (some ten seconds)."""

STOP_TIMEOUT_S = 10.0
"""The same once somebody has asked to stop, or something has failed already."""

LOOK_S = 0.2
"""How often a wait looks whether it should stop."""

Header = tuple[str, bytes]


class Sender:
    """A producer whose errors are seen: `send` and `flush` raise what became of earlier records.

    Raises `BrokerUnavailable`; `FatalError` where a channel does not take a record of its size.
    """

    def __init__(self, settings: Settings, stop: Event) -> None:
        self._stop = stop
        self._under_way: deque[tuple[Any, int]] = deque()
        self._bytes_under_way = 0
        self._where = settings.broker
        self._hurry = False
        self._give_up_at: float | None = None
        self._producer = broker.producer(
            settings,
            max_request_size=MAX_RECORD_BYTES,
            delivery_timeout_ms=int(DELIVERY_TIMEOUT_S * 1000),
            # Four requests in that time: one that was lost with its connection is asked again.
            request_timeout_ms=int(DELIVERY_TIMEOUT_S * 1000 / 4),
            # A few milliseconds of company make batches of a hundred records, and nobody notices them.
            linger_ms=5,
            batch_size=128 * 1024,
        )

    def send(
        self, channel: str, value: bytes, key: bytes | None, headers: list[Header], partition: int | None = None
    ) -> None:
        """Send one record, after waiting for earlier ones where too many are under way."""
        while len(self._under_way) >= MAX_UNDER_WAY or self._bytes_under_way > MAX_UNDER_WAY_BYTES:
            self._wait_for_oldest()
        try:
            future = self._producer.send(channel, value=value, key=key, headers=headers, partition=partition)
        except KafkaError as error:
            raise self._explained(error, len(value)) from error
        self._under_way.append((future, len(value)))
        self._bytes_under_way += len(value)

    def flush(self) -> None:
        """Wait until everything is acknowledged or has failed; then raise what failed first."""
        first: Exception | None = None
        while self._under_way:
            try:
                self._wait_for_oldest()
            except StreamwatchError as error:
                self._hurry = True
                first = first or error
        if first is not None:
            raise first

    def hurry(self) -> None:
        """From now on wait `STOP_TIMEOUT_S` at most: something has failed, and what follows is only for good order."""
        self._hurry = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After a flush nothing is left to send. After an error what is left will not be acknowledged either.
        with suppress(KafkaError):
            self._producer.close(timeout=0 if self._under_way else None)

    def _wait_for_oldest(self) -> None:
        future, size = self._under_way[0]
        while not future.is_done:
            self._look(future)
            if not future.is_done and self._is_over():
                n_left = len(self._under_way)
                self._under_way.clear()
                raise BrokerUnavailable(f"the broker at {self._where} left {n_left} records without an answer")
        self._under_way.popleft()
        self._bytes_under_way -= size
        if future.failed():
            raise self._explained(future.exception, size) from future.exception

    def _is_over(self) -> bool:
        """Whether the time is over that is left after somebody asked to stop."""
        if not (self._hurry or self._stop.is_set()):
            return False
        if self._give_up_at is None:
            self._give_up_at = time.monotonic() + STOP_TIMEOUT_S
        return time.monotonic() > self._give_up_at

    @staticmethod
    def _look(future: Any) -> None:
        """Wait a moment for an answer."""
        try:
            future.get(timeout=LOOK_S)
        except KafkaError:
            # Not done yet, or failed: the caller tells which.
            return

    def _explained(self, error: Any, size: int) -> StreamwatchError:
        if isinstance(error, MessageSizeTooLargeError):
            return FatalError(f"the channel takes no record of {size} bytes: raise its max.message.bytes")
        why = "no answer" if isinstance(error, KafkaTimeoutError) else str(error)
        return BrokerUnavailable(f"the broker at {self._where} did not take a record: {why}")
