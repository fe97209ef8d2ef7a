"""Server-sent events out of lines of text: what `GET /stream` sends.

Examples:
    >>> lines = ["id: 7-0", "event: alert", 'data: {"a":', "data: 1}", "", ": heartbeat", "", "data: 2", ""]
    >>> [(one.id, one.event, one.data) for one in events(lines)]
    [('7-0', 'alert', {'a': 1}), ('7-0', 'message', 2)]
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event: its id (where the stream is taken up again), its kind, and what it says."""

    id: str
    event: str
    data: Any


def events(lines: Iterable[str]) -> Iterator[Event]:
    """Events as the standard reads them; comments are passed over, and an id holds until the next one."""
    last_id, kind = "", ""
    data: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(last_id, kind or "message", json.loads("\n".join(data)))
            kind, data = "", []
        elif name == "id":
            last_id = value
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)
