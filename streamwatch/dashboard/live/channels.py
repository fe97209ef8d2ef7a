"""The channels that the dashboard follows, and the way into them: what is read after a write holds what was written.

    channels = FollowedChannels(settings)
    channels.start()                                # reads to the end, then follows
    await channels.publish("decisions", verdict)    # acknowledged by the broker, and folded here
    channels.decisions.verdict(alert.id)            # is it

`alerts`, `decisions`, `samples` and so on are of the moment when they are asked for, and never change under a reader. Each
process folds for itself; another one has what was written here some milliseconds later.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from streamwatch.config import Settings
from streamwatch.dashboard.live.following import Follower
from streamwatch.dashboard.live.views import DeadLetterAt, Views, Written
from streamwatch.dashboard.live.writing import PATIENCE_S, ChannelWriter, Place
from streamwatch.decisions.view import Decisions
from streamwatch.errors import BrokerUnavailable
from streamwatch.labelling.answers import Answers
from streamwatch.labelling.samples import Samples
from streamwatch.records import Alert, Record

AT_ONCE = 4
"""Writes that wait for the broker at once: threads of their own, so that a broker that is away holds up no reading."""


class FollowedChannels:
    """All of them. Made and closed once in a process."""

    def __init__(self, settings: Settings) -> None:
        self._views = Views()
        self._follower = Follower(settings, self._fold, self._views.forget_channel)
        self._writer = ChannelWriter(settings)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="write")

    def start(self) -> None:
        """Begin to follow; `ready` says when everything that lay there was read."""
        self._follower.start()

    def close(self) -> None:
        """Stop following, and give the broker up."""
        self._follower.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._writer.close()

    # -- what is there

    @property
    def alerts(self) -> dict[str, Alert]:
        """The newest revision of each alert, by id."""
        return self._views.alerts

    def revisions(self, alert_id: str) -> list[Alert]:
        """The newest 50 revisions of an alert, in order, as far as the compacted channel still has them."""
        return self._views.revisions(alert_id)

    @property
    def decisions(self) -> Decisions:
        """Everything that was decided."""
        return self._views.decisions

    @property
    def answers(self) -> Answers:
        """What people said of documents."""
        return self._views.answers

    @property
    def samples(self) -> Samples:
        """The documents that were drawn for people."""
        return self._views.samples

    @property
    def dead_letters(self) -> deque[DeadLetterAt]:
        """The newest 10,000 dead letters, oldest first; of their bytes only the beginning."""
        return self._views.dead_letters

    @property
    def audit(self) -> deque[Written]:
        """The newest 10,000 records of the audit trail, oldest first, as they lie there."""
        return self._views.audit

    # -- how far

    @property
    def ready(self) -> bool:
        """Whether everything was read once that lay there at the start."""
        return self._follower.ready

    @property
    def lag_s(self) -> float:
        """How long ago everything that lay in the channels had been read."""
        return self._follower.lag_s

    @property
    def broken(self) -> str:
        """What is wrong now, in one line; empty while all is well."""
        return self._follower.broken

    def has_read(self, channel: str, partition: int, offset: int) -> bool:
        """Whether the record that lies there was folded here."""
        return self._follower.has_read(channel, partition, offset)

    def wait_until_read(self, channel: str, partition: int, offset: int, timeout_s: float) -> bool:
        """Wait, in a thread that may, until it was folded; False when it was not in time."""
        return self._follower.wait_until_read(channel, partition, offset, timeout_s)

    # -- writing

    async def publish(self, channel: str, record: Record) -> Place:
        """Write a record of a followed channel, wait for the acknowledgement and until it is folded here.

        Raises `ConfigError` for a record that nobody could read again, `BrokerUnavailable` (it may be written all the
        same: send it again).
        """
        return await self._in_thread(lambda: self._publish(channel, record))

    async def write_raw(
        self, channel: str, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]], partition: int
    ) -> Place:
        """Write bytes as they are, also to a channel that is not followed. Raises `BrokerUnavailable`."""
        return await self._in_thread(lambda: self._writer.write_raw(channel, key, value, headers, partition))

    def publish_soon(self, channel: str, record: Record) -> Place:
        """The same as `publish` from a thread that may wait."""
        return self._publish(channel, record)

    def _publish(self, channel: str, record: Record) -> Place:
        place = self._writer.write(channel, record)
        if not self._follower.wait_until_read(channel, place.partition, place.offset, PATIENCE_S):
            raise BrokerUnavailable("it is written, and does not come back from the broker: look again in a moment")
        return place

    async def _in_thread(self, work: Callable[[], Place]) -> Place:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _fold(self, records: Sequence[Written]) -> None:
        for record in records:
            self._views.apply(record)
