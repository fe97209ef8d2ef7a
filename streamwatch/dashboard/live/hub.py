"""One reader of the shared stream for all clients of this process.

    Redis stream ──one XREAD──► ring of the newest events ──► client at its own place in it
                                                         └──► client at another

A client holds nothing but the number of its next event, so that five hundred of them cost no more memory than one, whatever
each has read. One that is slow falls out of the ring's far end and reads what it missed from Redis, in pages; one that falls
out of the stream too is told to reload (`reset`). So nobody has a gap that they are not told of.

An event waits here until the views of this process hold the record that it tells of: a page that asks on an event finds it.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import redis.exceptions
from redis.asyncio import Redis

from streamwatch.dashboard.live.event_stream import Entry, Head, StreamKeys, parse_entries, parse_head
from streamwatch.dashboard.live.frames import EventId, frame, of_redis

log = logging.getLogger(__name__)

RING_EVENTS = 2000
RING_BYTES = 8 * 1024 * 1024
"""What the ring holds at most: minutes of a busy desk, and no more memory than a page's pictures."""
BLOCK_MS = 1000
"""How long one look at the stream waits. A wipe is seen after it at the latest."""
AT_ONCE = 500
"""Entries of one read."""
PAGE = 100
"""Entries of one read for a client that is behind: as many as lie between two breaths of a slow line."""
FOLDED_S = 2.0
FOLDED_STEP_S = 0.005
"""How long an event waits for the record that it tells of, at most, and how often it looks."""
AGAIN_S = 1.0
LOST_S = 3.0
"""So long may Redis be silent before the hub counts as broken."""

HasRead = Callable[[str, int, int], bool]


class Framed(NamedTuple):
    """An event as it is sent."""

    number: int
    id: EventId
    kind: str
    frame: bytes


class Hub:
    """The reader. `run` it in a task; clients call `after` and `changed`.

    Args:
        has_read: whether a record (channel, partition, offset) is in the views of this process.

    Attributes:
        generation: grows when the stream began anew: what clients had is of another one.
        newest: the id of the newest event, None before the stream was seen.
        next_number: of the next event.
        closing: whether clients are to go and come again, to another process or after a restart.
        watermark_ms: how far event time was evaluated when the hub looked last.
    """

    def __init__(self, redis: Redis, prefix: str, has_read: HasRead) -> None:
        self._redis: Any = redis
        self._keys = StreamKeys(prefix)
        self._evaluated = f"{prefix}sw:{{eval}}:head"
        self._has_read = has_read
        self._ring: deque[Framed] = deque()
        self._bytes = 0
        self._change = asyncio.Event()
        self._seen_at = time.monotonic()
        self.generation = 0
        self.newest: EventId | None = None
        self.next_number = 0
        self.closing = False
        self.watermark_ms: int | None = None
        self._away = False

    # -- for clients

    async def ready(self, timeout_s: float) -> bool:
        """Wait until the stream was seen; False when it was not in time."""
        return self.newest is not None or (await self.changed(timeout_s) and self.newest is not None)

    @property
    def broken(self) -> bool:
        """Whether Redis has not answered for a while."""
        return time.monotonic() - self._seen_at > LOST_S

    def after(self, number: int) -> list[Framed] | None:
        """The events from `number` on; None when the first of them has left the ring."""
        first = self.next_number - len(self._ring)
        if number < first:
            return None
        return list(islice(self._ring, number - first, None))

    def place_after(self, event_id: EventId) -> int | None:
        """The number of the event that follows; None when the ring does not reach back to it."""
        if self.newest is not None and event_id == self.newest:
            return self.next_number
        for one in reversed(self._ring):
            if one.id <= event_id:
                return one.number + 1 if one.id == event_id else None
        return None

    async def changed(self, timeout_s: float) -> bool:
        """Wait for something new; False when nothing came."""
        try:
            await asyncio.wait_for(self._change.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def is_there(self, event_id: EventId) -> bool:
        """Whether the stream still holds all that follows: the event itself, or everything from its beginning."""
        if self.newest is None or event_id.epoch != self.newest.epoch:
            return False
        pipe = self._redis.pipeline(transaction=False)
        pipe.xrange(self._keys.events, event_id.in_redis, event_id.in_redis)
        pipe.xlen(self._keys.events)
        pipe.hgetall(self._keys.head)
        found, length, fields = await pipe.execute()
        head = parse_head(fields)
        if head is None or head.epoch != event_id.epoch:
            return False
        return bool(found) or (event_id.in_redis == "0-0" and head.added == length)

    async def page_after(self, event_id: EventId, n: int = PAGE) -> list[Framed]:
        """What follows in the stream, for one who fell out of the ring; without numbers, which only the ring gives."""
        raws = await self._redis.xrange(self._keys.events, f"({event_id.in_redis}", "+", count=n)
        return [_framed(-1, one) for one in parse_entries(event_id.epoch, raws)]

    def close(self) -> None:
        """Let all clients go: their streams never end by themselves."""
        self.closing = True
        self._tell()

    # -- the reader

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                await self._read()
                self._away = False
            except (redis.exceptions.RedisError, OSError) as error:
                if not self._away:
                    log.warning("the event stream is not read until Redis is back: %s", error)
                self._away = True
                self._tell()  # who waits looks whether it is broken by now
                await asyncio.sleep(AGAIN_S)

    async def _read(self) -> None:
        pipe = self._redis.pipeline(transaction=False)
        pipe.hgetall(self._keys.head)
        pipe.hget(self._evaluated, "closed")
        fields, closed = await pipe.execute()
        head, self._seen_at = parse_head(fields), time.monotonic()
        self.watermark_ms = int(closed) if closed is not None and int(closed) > 0 else None
        if head is None:
            await asyncio.sleep(AGAIN_S / 4)
            return
        if self.newest is None or head.epoch != self.newest.epoch:
            await self._begin(head)
        assert self.newest is not None
        place = {self._keys.events: self.newest.in_redis}
        found = await self._redis.xread(place, count=AT_ONCE, block=BLOCK_MS)
        entries = parse_entries(head.epoch, found[0][1]) if found else []
        if entries and not await self._is_same(head):
            return
        for entry in entries:
            await self._folded(entry)
        self._take(entries)

    async def _begin(self, head: Head) -> None:
        """Stand at the end of a stream that was not known: the first one, or one that began anew."""
        newest = await self._redis.xrevrange(self._keys.events, count=1)
        known = self.newest is not None
        self.newest = of_redis(head.epoch, newest[0][0]) if newest else EventId(head.epoch)
        self._ring.clear()
        self._bytes = 0
        self.generation += known
        self.next_number += 1  # whoever waits for the next of the old stream finds that it is gone
        self._tell()

    async def _is_same(self, head: Head) -> bool:
        """What was read is of the stream that we believe in: else it was wiped meanwhile, and the next turn sees it."""
        epoch = await self._redis.hget(self._keys.head, "epoch")
        return bool(epoch is not None and epoch.decode() == head.epoch)

    async def _folded(self, entry: Entry) -> None:
        """Wait until the views hold what the event tells of."""
        if not entry.event.at:
            return
        name, partition, offset = entry.event.at.split("/")
        for _ in range(int(FOLDED_S / FOLDED_STEP_S)):
            if self._has_read(name, int(partition), int(offset)):
                return
            await asyncio.sleep(FOLDED_STEP_S)

    def _take(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            one = _framed(self.next_number, entry)
            self.newest, self.next_number = one.id, self.next_number + 1
            self._ring.append(one)
            self._bytes += len(one.frame)
        while len(self._ring) > RING_EVENTS or self._bytes > RING_BYTES:
            self._bytes -= len(self._ring.popleft().frame)
        if entries:
            self._tell()

    def _tell(self) -> None:
        """Wake all who wait, and let them wait anew."""
        self._change.set()
        self._change = asyncio.Event()


def _framed(number: int, entry: Entry) -> Framed:
    return Framed(number, entry.id, entry.event.kind, frame(entry.event.kind, entry.event.data, entry.id))
