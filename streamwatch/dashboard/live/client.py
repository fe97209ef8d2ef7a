"""One client of the stream: from its place in the ring, or from further back, and told so where something may be missing."""

import time
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

import msgspec

from streamwatch.dashboard.live.frames import RETRY_MS, EventId, frame, heartbeat, parse_id
from streamwatch.dashboard.live.hub import Framed, Hub

HEARTBEAT_S = 15.0
"""A connection that says nothing is closed by many proxies after a minute or half of one."""
CHUNK_BYTES = 128 * 1024
"""What is handed to the connection at once: the most that waits in memory for a client that does not read."""
LONGEST_S = 900.0
"""After a quarter of an hour the client comes again, with its last event: a key that was revoked meanwhile, or a session that
is over, does not look on for ever."""
WIPED = "the stream of events was begun anew"
TOO_OLD = "your last event is older than what is kept"
UNKNOWN = "your last event is none of this stream"


class Client:
    """Gives one client's bytes.

    Args:
        kinds: the events that it wants; `hello` and `reset` come always.
        last: what it says that it had last, empty for a new one.
        greeting: makes the content of `hello` and `reset`: the watermark.
    """

    def __init__(self, hub: Hub, kinds: Collection[str], last: str, greeting: Any) -> None:
        self._hub, self._kinds, self._last, self._greeting = hub, set(kinds), last, greeting
        self._number = 0
        self._generation = 0
        self._sent: EventId | None = None
        """The id of the newest event that was looked at, wanted or not."""

    async def frames(self) -> AsyncIterator[bytes]:
        """Everything, until the client is to come again. While Redis is away it is let go: it shows then that nothing is live."""
        async for chunk in self._begin():
            yield chunk
        until, beaten = time.monotonic() + LONGEST_S, time.monotonic()
        while time.monotonic() < until and not (self._hub.closing or self._hub.broken):
            async for chunk in self._news():
                beaten = time.monotonic()
                yield chunk
            if self._is_behind():
                continue
            silent_s = time.monotonic() - beaten
            if not self._hub.closing and not await self._hub.changed(max(0.0, HEARTBEAT_S - silent_s)):
                beaten = time.monotonic()
                yield heartbeat(self._sent or EventId("0"))

    # -- where to begin

    async def _begin(self) -> AsyncIterator[bytes]:
        known = parse_id(self._last) if self._last else None
        why = await self._cannot_resume(known)
        self._generation = self._hub.generation
        if self._last and not why and known is not None:
            self._sent = known
            place = self._hub.place_after(known)
            self._number = -1 if place is None else place
            return
        self._stand_at_the_end()
        yield self._told("reset", why) if self._last else self._told("hello")

    async def _cannot_resume(self, known: EventId | None) -> str:
        """Why the client must reload; empty where it need not."""
        if known is None or self._hub.newest is None:
            return UNKNOWN
        if known.epoch != self._hub.newest.epoch:
            return WIPED
        if self._hub.place_after(known) is not None or await self._hub.is_there(known):
            return ""
        return TOO_OLD

    def _stand_at_the_end(self) -> None:
        self._number, self._sent, self._generation = self._hub.next_number, self._hub.newest, self._hub.generation

    def _told(self, kind: str, why: str = "") -> bytes:
        content = msgspec.json.encode({**self._greeting(), **({"why": why} if why else {})})
        return frame(kind, content, self._sent or EventId("0"), RETRY_MS)

    # -- what is new

    def _is_behind(self) -> bool:
        """Whether something came while the last was sent."""
        anew = self._generation != self._hub.generation
        return anew or 0 <= self._number < self._hub.next_number

    async def _news(self) -> AsyncIterator[bytes]:
        if self._generation != self._hub.generation:
            self._stand_at_the_end()
            yield self._told("reset", WIPED)
            return
        found = self._hub.after(self._number) if self._number >= 0 else None
        if found is None:
            async for chunk in self._catch_up():
                yield chunk
            return
        if chunk := self._taken(found):
            yield chunk

    async def _catch_up(self) -> AsyncIterator[bytes]:
        """From the stream itself, in pages, until the ring has what follows."""
        while self._sent is not None:
            place = self._hub.place_after(self._sent)
            if place is not None:
                self._number = place
                return
            if not await self._hub.is_there(self._sent):
                self._stand_at_the_end()
                yield self._told("reset", TOO_OLD)
                return
            page = await self._hub.page_after(self._sent)
            if chunk := self._taken(page):
                yield chunk
            if not page:  # the hub has not seen yet what it stands before
                return

    def _taken(self, found: Sequence[Framed]) -> bytes:
        """The bytes of what is wanted among the first events, as many as go at once; these count as seen."""
        wanted, n_bytes = [], 0
        for one in found:
            self._sent = one.id
            self._number = one.number + 1 if one.number >= 0 else -1
            if one.kind in self._kinds:
                wanted.append(one.frame)
                n_bytes += len(one.frame)
            if n_bytes > CHUNK_BYTES:
                break
        return b"".join(wanted)
