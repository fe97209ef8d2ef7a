"""One process that serves the dashboard, from the socket that it binds to the last stream that it closes.

The socket is bound before anything else is made: a taken port is one line, and port 0 has its number before the URL is said.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from streamwatch.config import Settings
from streamwatch.dashboard.app import create_app
from streamwatch.dashboard.desk import open_desk
from streamwatch.errors import ConfigError

GOODBYE_S = 3
"""What open answers may take after Ctrl-C: streams of events never end by themselves, and whoever reads one comes again."""
BACKLOG = 1024
"""Connections that wait to be accepted: 500 readers of the stream may come back in one moment."""
KEEP_ALIVE_S = 30
"""How long an idle connection is kept: longer than a page waits between two questions."""


def serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Serve at the settings' address until Ctrl-C or SIGTERM. `on_ready` is called with the URL when questions are answered.

    Raises `ConfigError` where the address cannot be had.
    """
    host = settings.dashboard_host
    with bound(host, settings.dashboard_port) as listener:
        url = url_of(host, listener.getsockname()[1])
        app = create_app(open_desk(settings))
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, date_header=True, proxy_headers=False,
            timeout_graceful_shutdown=GOODBYE_S, timeout_keep_alive=KEEP_ALIVE_S, backlog=BACKLOG, lifespan="on",
        )  # fmt: skip

        def stop() -> None:
            getattr(app.state, "goodbye", lambda: None)()

        asyncio.run(_Server(config, lambda: on_ready(url), stop).serve(sockets=[listener]))


class _Server(uvicorn.Server):
    """A server that says when it is ready, and when it stops, before it waits for open answers: streams never end."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready, self._on_stop = on_ready, on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)


def bound(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `ConfigError` with what to do.

    >>> with bound("127.0.0.1", 0) as listener:
    ...     listener.getsockname()[1] > 0
    True
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio turns Nagle's waiting off only where it is, and an answer would take 40 ms more.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        return listener
    except OSError as error:
        listener.close()
        why = os.strerror(error.errno) if error.errno else error
        raise ConfigError(f"{host}:{port} cannot be had ({why}): choose another --port, or 0 for any") from error


def url_of(host: str, port: int) -> str:
    """Where a browser on this machine finds it.

    >>> url_of("127.0.0.1", 8080), url_of("::1", 80), url_of("0.0.0.0", 8080)
    ('http://127.0.0.1:8080/', 'http://[::1]:80/', 'http://127.0.0.1:8080/')
    """
    shown: Any = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"
