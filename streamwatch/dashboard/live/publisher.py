"""The thread that turns records and moved trends into events of the shared stream, in whichever process holds the lease.

It reads the channels with a consumer of its own, from the positions that stand beside the stream in Redis, and adds the events
of what it read in the same call that moves these positions: what a crash cut short is read again, and what was added is not.
A Redis that was wiped gets a new stream, from where the publisher is; clients are told to reload.
"""

import logging
import threading
import time
from typing import Any
from uuid import uuid4

from kafka import TopicPartition
from kafka.errors import KafkaError
from redis import Redis

from streamwatch import broker
from streamwatch.channels import channel
from streamwatch.codec import encode
from streamwatch.config import Settings
from streamwatch.dashboard.live.channels import FollowedChannels
from streamwatch.dashboard.live.event_stream import Event, EventStream, Head, Positions
from streamwatch.dashboard.live.telling import TOLD, event_of
from streamwatch.dashboard.live.trend_changes import TrendChanges
from streamwatch.dashboard.live.views import Written
from streamwatch.errors import FatalError, RetryError, StaleState
from streamwatch.following.alert_log import Once

log = logging.getLogger(__name__)

LEASE_MS = 5000
"""A publisher that is gone is replaced after it: pages are quiet for so long at most."""
RENEW_S = 1.0
STANDBY_S = 1.0
HEALTH_S = 5.0
"""How often pages of health are told to look again, while anything moves."""
LOOK_S = 0.25
"""How often trends are looked at: four times a second is as often as people see numbers move."""
POLL_MS = 50
"""How long one look at the channels waits: a record is there as soon as it comes, and trends are not late for it."""
FOLDED_S = 2.0
"""How long the views of this process may be behind its own reading of a channel."""
AT_ONCE = 200
"""Records of one call: a stream that is behind catches up in bites."""
AGAIN_S = 1.0


class Publisher:
    """One for each process; one of them publishes."""

    def __init__(self, settings: Settings, redis: Redis, channels: FollowedChannels) -> None:
        self._settings, self._redis, self._channels = settings, redis, channels
        self._stream = EventStream(redis, settings.prefix, settings.dashboard_live_events)
        self._token = uuid4().hex
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._once = Once()
        self._said = ""

    def start(self) -> None:
        """Begin to ask for the lease."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and leave the lease to another process."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=LEASE_MS / 1000)

    # -- the thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._stream.lease(self._token, LEASE_MS):
                    self._publish()
                else:
                    self._stopping.wait(STANDBY_S)
            except (RetryError, FatalError, KafkaError, OSError) as error:
                if str(error) != self._said:  # once for an outage, and not once a second
                    log.warning("events are not published: %s", error)
                self._said = str(error)
                self._stopping.wait(AGAIN_S)
            except Exception:  # the thread must not die: pages would be quiet for ever
                log.exception("publishing events")
                self._stopping.wait(AGAIN_S)

    def _publish(self) -> None:
        """Publish until the lease is lost or the process ends."""
        names = {channel(self._settings, name): name for name in TOLD}
        with broker.consumer(
            self._settings, auto_offset_reset="earliest", fetch_max_wait_ms=self._settings.fetch_wait_ms
        ) as reader:
            turn = _Turn(self._settings, self._redis, self._stream, reader, names)
            turn.begin()
            self._said = ""
            renewed = looked = time.monotonic()
            while not self._stopping.is_set():
                if time.monotonic() - renewed > RENEW_S:
                    renewed = time.monotonic()
                    if not self._stream.lease(self._token, LEASE_MS):
                        return
                events = self._of_channels(turn)
                if time.monotonic() - looked > LOOK_S:
                    looked = time.monotonic()
                    events += turn.of_trends()
                turn.add(events)
        self._stream.give_up(self._token)

    def _of_channels(self, turn: "_Turn") -> list[Event]:
        """The events of what came; the views of this process hold it by then."""
        records = turn.read()
        for last in {record.channel: record for record in records}.values():
            self._channels.wait_until_read(last.channel, last.partition, last.offset, FOLDED_S)
        decisions, now_ms = self._channels.decisions, time.time_ns() // 1_000_000
        told = [event_of(record, decisions, self._once, now_ms=now_ms) for record in records]
        return [event for event in told if event is not None]


class _Turn:
    """One holding of the lease: a reader, the head as it is believed, and what lies between the two."""

    def __init__(
        self, settings: Settings, redis: Redis, stream: EventStream, reader: Any, names: dict[str, str]
    ) -> None:
        self._settings, self._stream, self._reader, self._names = settings, stream, reader, names
        self._parts = [
            TopicPartition(full, p) for full in names for p in sorted(reader.partitions_for_topic(full) or ())
        ]
        n_partitions = len(reader.partitions_for_topic(channel(settings, "classified")) or ())
        self._trends = TrendChanges(redis, settings.prefix, n_partitions)
        self._head: Head | None = None
        self._positions: Positions = {}
        self._has_moved = False
        self._told_health = time.monotonic()

    def begin(self) -> None:
        """Stand where the stream stands; begin one, where there is none, at the end of the channels."""
        self._reader.assign(self._parts)
        self._head = self._stream.head()
        ends = {self._name(part): end for part, end in broker.end_offsets(self._settings, self._parts).items()}
        if self._head is None:
            self._head = self._stream.begin(ends)
        elif any(self._head.positions.get(name, 0) > end for name, end in ends.items()):
            log.warning("a channel was made anew: the event stream begins anew")
            self._head = self._stream.begin(ends, over=self._head)
        self._positions = ends | self._head.positions
        self._seek()

    def read(self) -> list[Written]:
        """What came since."""
        read = []
        for part, batch in self._reader.poll(POLL_MS, max_records=AT_ONCE).items():
            name = self._names[part.topic]
            read += [Written(name, part.partition, r.offset, r.timestamp, r.key, r.value) for r in batch]
            self._positions[self._name(part)] = batch[-1].offset + 1
        return read

    def of_trends(self) -> list[Event]:
        """The event of what moved in the trends, if anything did; a wipe is seen here too, also when nothing moves."""
        if self._stream.head() is None:
            raise StaleState("the event stream was wiped")
        moved = self._trends.look()
        self._has_moved |= moved is not None
        trend = [Event("trend", encode(moved._asdict()))] if moved is not None and moved.series else []
        return trend + self._of_health()

    def _of_health(self) -> list[Event]:
        if not self._has_moved or time.monotonic() - self._told_health < HEALTH_S:
            return []
        self._has_moved, self._told_health = False, time.monotonic()
        return [Event("health", b"{}")]

    def add(self, events: list[Event]) -> None:
        """Add them, and move the positions; where somebody else did, stand where they do."""
        assert self._head is not None
        if not events and self._positions == self._head.positions:
            return
        self._head = self._stream.add(self._head, events, dict(self._positions))

    def _seek(self) -> None:
        for part in self._parts:
            self._reader.seek(part, self._positions[self._name(part)])

    def _name(self, part: TopicPartition) -> str:
        return f"{self._names[part.topic]}/{part.partition}"
