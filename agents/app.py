"""The Faust application: `faust -A streamwatch worker`.

Faust brings the group, the rebalancing and the worker's life; everything that decides is in `streamwatch/`.
"""

import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable
from typing import Any

import faust
from redis.asyncio import Redis

from streamwatch.agents.context import Context
from streamwatch.agents.services import Services
from streamwatch.config import Settings, load
from streamwatch.errors import ConfigError


class _NoWeb(faust.App.BootStrategy):
    """`faust worker` turns its web server on, on 0.0.0.0:6066, whatever the settings say: a second worker would die."""

    enable_web = False


class App(faust.App):
    """Faust's app without a web server, and with a look at what must be there before it connects."""

    BootStrategy = _NoWeb
    before_start: Callable[[], Awaitable[None]] | None = None

    async def on_start(self) -> None:
        """Look first."""
        if self.before_start is not None:
            await self.before_start()
        await super().on_start()


def build(settings: Settings) -> App:
    """The application for these settings: one agent over the source channels and the services beside it."""
    context = Context(settings, Redis.from_url(settings.redis))
    app = App(
        context.classify_group,
        broker=settings.broker.replace(",", ";kafka://"),
        store="memory://",
        datadir=tempfile.gettempdir(),
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_s,
        broker_request_timeout=max(90.0, settings.session_timeout_s + 10),
        broker_max_poll_interval=3600.0,
        consumer_max_fetch_size=4 * 1024 * 1024,
        stream_wait_empty=False,
        stream_buffer_maxsize=8192,
        stream_publish_on_commit=False,
    )
    services = Services(context, app)
    app.before_start = services.before_start
    source = app.topic(
        *context.source_channels, value_serializer="raw", key_serializer="raw", value_type=bytes, acks=False
    )

    @app.agent(source, name="classify")
    async def classify(stream: Any) -> None:
        async for event in stream.noack().events():
            await services.take(event.message)

    @app.on_partitions_revoked.connect
    async def on_revoked(sender: Any, revoked: Any, **kwargs: Any) -> None:
        services.revoked(revoked)

    @app.on_partitions_assigned.connect
    async def on_assigned(sender: Any, assigned: Any, **kwargs: Any) -> None:
        services.assigned()

    app.service(services.as_faust_service())
    return app


def _calm_logs() -> None:
    """While the broker is away aiokafka logs some twenty lines a second."""
    calm = _OncePer(10.0)
    for name in logging.root.manager.loggerDict:
        if name.startswith("aiokafka"):
            logging.getLogger(name).addFilter(calm)
            logging.getLogger(name).setLevel(logging.WARNING)


class _OncePer(logging.Filter):
    """Lets one message of each format through in a number of seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is shown."""
        last = self._last.get(record.msg, -self._seconds)
        if record.created - last < self._seconds:
            return False
        self._last[record.msg] = record.created
        return True


def _application() -> App:
    _calm_logs()
    try:
        return build(load())
    except ConfigError as error:
        print(f"streamwatch: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


app = _application()
