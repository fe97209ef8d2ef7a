"""An event as the bytes of `text/event-stream`, made once for all who read it, and the ids that say where one was.

The id of an event is that of its entry in the Redis stream behind the stream's epoch: whoever comes back names the last one
they had. A stream that was wiped has another epoch, so that no id of the old one can be mistaken for one of the new.

Examples:
    >>> frame("alert", b'{"a":1}', EventId("e1", 5, 2))
    b'event: alert\\nid: e1:5-2\\ndata: {"a":1}\\n\\n'
    >>> parse_id("e1:5-2") == EventId("e1", 5, 2), parse_id("nonsense") is None
    (True, True)
    >>> EventId("e1", 5, 2) < EventId("e1", 6, 0)
    True
"""

import re
from typing import NamedTuple

RETRY_MS = 2000
"""After so long a browser that lost the connection comes back: a restart of the dashboard takes about that."""


class EventId(NamedTuple):
    """Where an event lies: the stream's epoch, and the two numbers of Redis."""

    epoch: str
    ms: int = 0
    number: int = 0

    @property
    def in_redis(self) -> str:
        """As Redis writes it."""
        return f"{self.ms}-{self.number}"

    def __str__(self) -> str:
        return f"{self.epoch}:{self.in_redis}"


_ID = re.compile(r"([0-9a-z]{1,32}):([0-9]{1,18})-([0-9]{1,18})")


def parse_id(text: str) -> EventId | None:
    """What a client says that it had last; None where it is none of ours."""
    match = _ID.fullmatch(text)
    return EventId(match[1], int(match[2]), int(match[3])) if match else None


def of_redis(epoch: str, raw: bytes) -> EventId:
    """The id of an entry.

    >>> of_redis("e1", b"17-3").ms
    17
    """
    ms, _, number = raw.decode().partition("-")
    return EventId(epoch, int(ms), int(number))


def frame(event: str, data: bytes, event_id: EventId, retry_ms: int | None = None) -> bytes:
    """One event. `data` is JSON on one line."""
    retry = b"retry: %d\n" % retry_ms if retry_ms is not None else b""
    return b"event: %b\nid: %b\n%bdata: %b\n\n" % (event.encode(), str(event_id).encode(), retry, data)


def heartbeat(event_id: EventId) -> bytes:
    """Keeps the connection open, and the id of a client new that asked for few kinds of events: no event is told by it."""
    return b": still here\nid: %b\n\n" % str(event_id).encode()
