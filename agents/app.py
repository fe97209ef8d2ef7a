"""The Faust application: `faust -A streamwatch worker`.

Faust brings the group, the rebalancing and the worker's life; everything that decides is in `streamwatch/`.
"""

import logging
import sys
from typing import Any

from redis.asyncio import Redis

from streamwatch.agents.context import Context
from streamwatch.agents.faust_app import App, new_app
from streamwatch.agents.handing import EagerConsumer, waiting
from streamwatch.agents.services import Services
from streamwatch.config import Settings, load
from streamwatch.errors import ConfigError


def build(settings: Settings) -> App:
    """The application for these settings: one agent over the source channels and the services beside it."""
    context = Context(settings, Redis.from_url(settings.redis))
    app = new_app(settings, context.classify_group)
    services = Services(context, app)
    app.before_start = services.before_start
    app.transport.Consumer = EagerConsumer
    source = app.topic(
        *context.source_channels, value_serializer="raw", key_serializer="raw", value_type=bytes, acks=False
    )

    @app.agent(source, name="classify")
    async def classify(stream: Any) -> None:
        services.buffer.queue = stream.channel.queue
        async for event in stream.noack().events():
            await services.take(event.message)
            for message in waiting(app, stream.channel.queue):
                await services.take(message)

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
