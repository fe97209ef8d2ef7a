"""A reader of server-sent events for tests and benchmarks: hundreds of them in one process, resumed as a browser does.

    reader = EventReader("127.0.0.1", 8080, "alert,decision")
    async with reader.connected():
        async for event in reader: …            # reader.last is what a browser would send as Last-Event-ID

It reads the chunks of HTTP/1.1 itself: a client library costs ten times as much for each event.

Examples:
    >>> parse(b"event: alert\\nid: e:1-0\\ndata: {}")
    Received(event='alert', id='e:1-0', data='{}')
    >>> parse(b": still here\\nid: e:2-0").id
    'e:2-0'
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import quote

SMALL_BYTES = 4096
"""The receive buffer of a reader that is to be slow: what it does not read waits at the server."""
MOST_BYTES = 16 * 1024 * 1024
"""Of one event."""


OK = 200


class Received(NamedTuple):
    """One event; `event` is empty for a heartbeat."""

    event: str
    id: str
    data: str


def parse(raw: bytes) -> Received:
    """The fields of one event, which ends at an empty line."""
    fields = dict.fromkeys(("event", "id", "data"), "")
    for line in raw.decode().splitlines():
        name, _, value = line.partition(": ")
        if name in fields:
            fields[name] += value
    return Received(**fields)


class EventReader:
    """One client. `last` is the id of the newest event that it has."""

    def __init__(self, host: str, port: int, events: str, *, slow: bool = False) -> None:
        self.host, self.port, self.events, self.slow = host, port, events, slow
        self.last = ""
        self.status = 0
        self._stream: asyncio.StreamReader | None = None
        self._left = b""

    @asynccontextmanager
    async def connected(self, port: int | None = None) -> AsyncIterator["EventReader"]:
        """Connect, with the last event that it had; `port` is that of another process."""
        self.port = port or self.port
        self._stream, writer = await asyncio.open_connection(sock=await self._socket(), limit=MOST_BYTES)
        try:
            self._left = b""
            writer.write(self._request())
            head = await self._stream.readuntil(b"\r\n\r\n")
            self.status = int(head.split()[1])
            if self.status != OK:
                raise RuntimeError(f"no events: {head.decode()}{(await self._stream.read(MOST_BYTES)).decode()}")
            yield self
        finally:
            writer.close()

    async def _socket(self) -> socket.socket:
        sock = socket.socket()
        sock.setblocking(False)
        if self.slow:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
        await asyncio.get_running_loop().sock_connect(sock, (self.host, self.port))
        return sock

    def _request(self) -> bytes:
        resumed = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
        path = f"/api/v1/stream?events={quote(self.events)}"
        return f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n{resumed}\r\n".encode()

    def __aiter__(self) -> "EventReader":
        return self

    async def __anext__(self) -> Received:
        """The next event; it ends where the server ends the stream."""
        while b"\n\n" not in self._left:
            chunk = await self._chunk()
            if not chunk:
                raise StopAsyncIteration
            self._left += chunk
        raw, _, self._left = self._left.partition(b"\n\n")
        received = parse(raw)
        self.last = received.id or self.last
        return received

    async def _chunk(self) -> bytes:
        """The next chunk of the body; empty where it ends, or the connection does."""
        assert self._stream is not None, "not connected"
        try:
            size = int(await self._stream.readuntil(b"\r\n"), 16)
            return (await self._stream.readexactly(size + 2))[:-2]
        except asyncio.IncompleteReadError:
            return b""
