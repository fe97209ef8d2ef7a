"""A dashboard in this process, with a clock that a test can turn, over a real broker and a real Redis.

    with Served(settings) as served:
        served.client().get("/api/v1/session")                       # nobody
        served.client(key=served.key("admin")).get("/api/v1/keys")   # somebody with a key

It listens on 127.0.0.1 by a real socket, so that heads of requests are what a server really sees.
"""

import re
import threading
import time
from typing import Any

import httpx
import msgspec
import uvicorn
from fastapi import FastAPI

from streamwatch import channels
from streamwatch.config import Settings
from streamwatch.dashboard.access.keys import new_key
from streamwatch.dashboard.app import create_app
from streamwatch.dashboard.desk import Desk, open_desk, wall_clock_ms
from streamwatch.dashboard.serving import bound
from streamwatch.records import ApiKey, Role

START_S = 30.0
API = "/api/v1"


class Served:
    """The application, served by a thread."""

    def __init__(self, settings: Settings) -> None:
        self.shift_ms = 0
        self.settings = settings
        self.desk: Desk = open_desk(settings, self.now_ms)
        self.app: FastAPI = create_app(self.desk)
        self._socket = bound("127.0.0.1", 0)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(  # as `serving.serve` has it
            self.app,
            log_level="warning",
            access_log=False,
            lifespan="on",
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def now_ms(self) -> int:
        """The wall clock, as the test has turned it."""
        return wall_clock_ms() + self.shift_ms

    def __enter__(self) -> "Served":
        channels.create(self.settings)
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not (self._server.started and self.desk.channels.ready):
            assert time.monotonic() < deadline, self.desk.channels.broken
            time.sleep(0.02)
        return self

    def __exit__(self, *reason: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()

    def client(self, key: str = "", page: bool = True, **headers: str) -> httpx.Client:
        """Somebody who asks: with a key, or else as a page of ours (its `Origin` is right)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            named["Authorization"] = f"Bearer {key}"
        elif page:
            named.setdefault("Origin", self.url)
        return httpx.Client(base_url=self.url, headers=named, timeout=20)

    def key(self, role: Role, name: str = "", **changes: Any) -> str:
        """A key that opens; `changes` are made to its record."""
        made = new_key(name or f"a {role}", role, made_by="tests", now_ms=self.now_ms())
        self.tell(made.record, **changes)
        return made.text

    def tell(self, record: ApiKey, **changes: Any) -> None:
        """Write a key's record."""
        self.desk.channels.publish_soon("decisions", msgspec.structs.replace(record, **changes))

    def log_in(self, key: str) -> httpx.Client:
        """Somebody who logged in with a key, by the form; the CSRF token is in the client's heads."""
        client = self.client()
        answer = client.post("/login/key", data={"key": key, "next": "/"})
        assert answer.status_code == 303, answer.text
        client.headers["X-CSRF-Token"] = client.get(f"{API}/session").json()["csrf"]
        return client

    def trail(self) -> list[dict[str, Any]]:
        """The audit trail as an admin reads it, oldest first, when all that is written was read."""
        admin, asked = self.client(key=self.key("admin")), f"{API}/audit?limit=500"
        before: list[dict[str, Any]] = []
        for _ in range(50):
            found = admin.get(asked).json()["items"][::-1]
            if found and found == before:
                return found
            before = found
            time.sleep(0.1)
        return before


def address(template: str) -> str:
    """A path of a route, with something in place of its parameters.

    >>> address("/a/{partition}/{offset}/b/{name}"), address("/static/{path:path}")
    ('/a/0/0/b/x', '/static/x')
    """
    numbers = re.sub(r"{(partition|offset)[^}]*}", "0", template)
    return re.sub(r"{[^}]*}", "x", numbers)
