"""What the answers of one dashboard process are made of: clients, stores, the followed channels, who may do what, the time.

A `Desk` is made once and given to every router. It is closed when the application is.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from streamwatch.config import Settings
from streamwatch.dashboard.problems import Problem

if TYPE_CHECKING:
    from streamwatch.dashboard.access.gatekeeper import Gatekeeper
    from streamwatch.dashboard.board import Boards
    from streamwatch.dashboard.health import Examining
    from streamwatch.dashboard.live.channels import FollowedChannels
    from streamwatch.dashboard.watched import Watching
    from streamwatch.dashboard.windows import Windows
    from streamwatch.documents.store import DocumentStore

T = TypeVar("T")

REDIS_ANSWERS_S = 5.0
"""What one answer of Redis may take: a hundred times the slowest that was seen, and short enough that a page can say so."""
TRIES = 1
"""A kept connection that Redis closed, after its restart say, is made again once; then the page is told."""
READING_S = 20.0
"""What the reading for one answer may take in all, before the reader is told to ask for less."""


def wall_clock_ms() -> int:
    """Now, by this machine."""
    return time.time_ns() // 1_000_000


@dataclass
class Desk:
    """Everything that a router needs."""

    settings: Settings
    redis: Redis
    redis_sync: BlockingRedis
    documents: "DocumentStore"
    channels: "FollowedChannels"
    gate: "Gatekeeper"
    clock: Callable[[], int] = wall_clock_ms

    @cached_property
    def windows(self) -> "Windows":
        """The trend windows."""
        from streamwatch.dashboard.windows import Windows

        return Windows(self.redis_sync, self.settings)

    @cached_property
    def watching(self) -> "Watching":
        """What the evaluator watches."""
        from streamwatch.dashboard.watched import Watching

        return Watching(self)

    @cached_property
    def boards(self) -> "Boards":
        """Every series of the last hours against what is usual."""
        from streamwatch.dashboard.board import Boards

        return Boards(self, self.windows, self.watching)

    @cached_property
    def examining(self) -> "Examining":
        """How the deployment is."""
        from streamwatch.dashboard.health import Examining

        return Examining(self)

    async def reading(self, read: Callable[..., T], *arguments: Any) -> T:
        """`read(*arguments)` in a thread, since Redis and SQLite are read in a blocking way.

        Raises `Problem` (503) when it takes too long; the thread ends by itself when its server answers or gives up.
        """
        try:
            with anyio.fail_after(READING_S):
                return await anyio.to_thread.run_sync(read, *arguments, abandon_on_cancel=True)
        except TimeoutError:
            raise Problem(
                503,
                "too-slow",
                "This takes too long",
                f"The answer was not there after {READING_S:g} s; ask for a shorter span",
            ) from None

    async def aclose(self) -> None:
        """Close what was opened."""
        await anyio.to_thread.run_sync(self.channels.close)
        self.documents.close()
        await self.redis.aclose()
        self.redis_sync.close()


def open_desk(settings: Settings, clock: Callable[[], int] = wall_clock_ms) -> Desk:
    """The desk of this process. Nothing is waited for: a server that is away is said in the answers, and tried again."""
    from streamwatch.dashboard.access.gatekeeper import Gatekeeper
    from streamwatch.dashboard.live.channels import FollowedChannels
    from streamwatch.documents.folder import documents_folder
    from streamwatch.documents.sqlite import open_store

    timeouts: dict[str, Any] = {"socket_timeout": REDIS_ANSWERS_S, "socket_connect_timeout": REDIS_ANSWERS_S}
    channels = FollowedChannels(settings)
    client = Redis.from_url(settings.redis, retry=AsyncRetry(NoBackoff(), TRIES), **timeouts)
    return Desk(
        settings=settings,
        redis=client,
        redis_sync=BlockingRedis.from_url(settings.redis, retry=Retry(NoBackoff(), TRIES), **timeouts),
        documents=open_store(documents_folder(settings)),
        channels=channels,
        gate=Gatekeeper(settings, channels, client, clock),
        clock=clock,
    )
