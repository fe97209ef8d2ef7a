"""Faust's app as we use it: the worker's, and that of the bare loop which it is measured against."""

import tempfile
from collections.abc import Awaitable, Callable

import faust

from streamwatch.config import Settings


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


def new_app(settings: Settings, group: str) -> App:
    """An app of this consumer group: no tables, no leader, no channels of its own, nothing waited for at a rebalance."""
    return App(
        group,
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
