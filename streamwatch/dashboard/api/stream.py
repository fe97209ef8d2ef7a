"""What happens while somebody looks, as server-sent events: alerts, decisions, labels, trends.

Whoever comes back says by `Last-Event-ID` what they had last and goes on from there, at whichever process; who was away for too
long, or saw a stream that is gone, is told `reset` and reads everything anew.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from streamwatch.dashboard.access.identity import too_many
from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.live.client import Client
from streamwatch.dashboard.live.hub import Hub
from streamwatch.dashboard.live.publisher import Publisher
from streamwatch.dashboard.problems import Problem

KINDS = ("alert", "decision", "label", "trend", "health")
"""What can be asked for; `hello` and `reset` always come."""
MOST_CLIENTS = 2000
"""Of one process: each is a connection and a task, and waking them all for an event takes some ten milliseconds by then."""
MOST_OF_ONE = 200
"""Of one person who logs in, or one key: more pages than anybody opens, and nobody takes all connections. Not on loopback."""
REST_S = 30.0
READY_S = 5.0
"""How long a client waits for a stream that has just been begun."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Nothing on the way may keep events back."""


class _Live:
    """The reader and the publisher of this process, and how many read."""

    def __init__(self, desk: Desk) -> None:
        self.hub = Hub(desk.redis, desk.settings.prefix, desk.channels.has_read)
        self.publisher = Publisher(desk.settings, desk.redis_sync, desk.channels)
        self.n_clients = 0
        self.of_one: Counter[str] = Counter()

    @asynccontextmanager
    async def running(self, app: Any) -> AsyncIterator[None]:
        """Run both as long as the application does. `app.state.goodbye` lets the clients go when the server stops."""
        app.state.goodbye = self.hub.close
        self.publisher.start()
        reading = asyncio.create_task(self.hub.run())
        try:
            yield
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
            await asyncio.to_thread(self.publisher.stop)

    async def frames(self, client: Client, name: str) -> AsyncIterator[bytes]:
        """A client's bytes; it is counted, and so is whose it is, while they are read."""
        self.n_clients += 1
        self.of_one[name] += 1
        try:
            async for chunk in client.frames():
                yield chunk
        finally:
            self.n_clients -= 1
            self.of_one[name] -= 1
            self.of_one += Counter()  # forgets whoever has none left

    def check_room(self, person: Person) -> None:
        """Raises `Problem` (503, 429) where too many read already."""
        if self.n_clients >= MOST_CLIENTS:
            raise _later("too-many-readers", "Too many follow the events", f"{MOST_CLIENTS} read already")
        if person.way != "loopback" and self.of_one[person.name] >= MOST_OF_ONE:
            raise too_many(REST_S, f"{person.name} follows the events {MOST_OF_ONE} times already")


def router(desk: Desk) -> APIRouter:
    """The route, and what runs behind it."""
    live = _Live(desk)
    routes = APIRouter(lifespan=live.running)

    @routes.get("/stream", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
    async def stream(
        person: Annotated[Person, Depends(needs("viewer"))],
        events: Annotated[str, Query(max_length=200)] = ",".join(KINDS),
        last_event_id: Annotated[str, Header(max_length=100)] = "",
    ) -> StreamingResponse:
        """Follow events. Each has an id; a heartbeat comes every 15 s, and after a quarter of an hour one comes again."""
        kinds = _kinds(events)
        live.check_room(person)
        if live.hub.broken or not await live.hub.ready(READY_S):
            raise _later(
                "no-stream", "No events yet", "the stream of events is not there yet: Redis or the broker is away"
            )
        client = Client(live.hub, kinds, last_event_id, lambda: {"watermark_ms": live.hub.watermark_ms})
        return StreamingResponse(live.frames(client, person.name), headers=HEADERS, media_type="text/event-stream")

    return routes


def _kinds(asked: str) -> list[str]:
    """The kinds that are asked for. Raises `Problem` (422)."""
    kinds = [one.strip() for one in asked.split(",") if one.strip()]
    unknown = [one for one in kinds if one not in KINDS]
    if unknown or not kinds:
        said = f"no such events: {', '.join(one[:32] for one in unknown[:5])}; " if unknown else ""
        raise Problem(422, "no-events", "No such events", f"{said}there are {', '.join(KINDS)}")
    return kinds


def _later(kind: str, title: str, detail: str) -> Problem:
    return Problem(503, kind, title, detail, headers={"Retry-After": "2"})
