"""What the agents and services of one worker share."""

import asyncio
import logging
from dataclasses import dataclass, field

from redis.asyncio import Redis

from streamwatch.channels import SOURCES, channel
from streamwatch.config import Settings

log = logging.getLogger("streamwatch")


@dataclass
class Context:
    """The settings, the store's client, and who hears of a failure that only a restart can mend."""

    settings: Settings
    redis: Redis
    failure: "asyncio.Future[BaseException] | None" = None
    applied: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever the trend writer has applied something: the evaluator looks at once."""

    @property
    def source_channels(self) -> list[str]:
        """Full names of the source channels."""
        return [channel(self.settings, name) for name in SOURCES]

    @property
    def classify_group(self) -> str:
        """The consumer group of the classify agent: its committed offsets are what was released."""
        return f"{self.settings.prefix}streamwatch"

    @property
    def trends_group(self) -> str:
        """The group of the trend writers; its offsets are for lag displays only, the truth is in Redis."""
        return f"{self.settings.prefix}streamwatch-trends"

    def base_name(self, full: str) -> str:
        """A channel's name without the prefix, as records carry it."""
        return full.removeprefix(self.settings.prefix)

    def fail(self, error: BaseException) -> None:
        """End the worker with this error: whatever is in flight is read again by the next start."""
        if self.failure is not None and not self.failure.done():
            self.failure.set_result(error)
