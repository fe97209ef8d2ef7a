"""What Faust holds before the agent takes it, bounded in bytes.

Faust bounds its buffer by messages (`stream_buffer_maxsize`), and of posts as many as that are a few megabytes. Of records
of a megabyte each they would be gigabytes: then all partitions are paused until half of the bound is taken.
"""

import asyncio
from typing import Any

from streamwatch.agents.context import log

LOOK_S = 0.25
"""Between two looks the broker sends at most what a fetch holds of each partition."""
MAX_BYTES = 64 * 1024 * 1024
"""Eight thousand documents of 8 kB: posts and news never reach it."""


class BufferWatch:
    """Pauses and resumes the consumer of a Faust app. `queue` is set by the agent when its stream begins."""

    def __init__(self, app: Any, max_bytes: int = MAX_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._paused = False
        self.queue: asyncio.Queue[Any] | None = None

    async def run(self) -> None:
        """Look every `LOOK_S` until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Pause when more than the bound is held, also what a rebalance has given since; resume below half of it."""
        held = self.n_bytes
        assigned = set(self._app.consumer.assignment())
        if held > self._max_bytes:
            if not self._paused:
                log.info("%d MB wait for the agent: the consumer is paused", held // 1_000_000)
            self._paused = True
            self._app.consumer.pause_partitions(assigned)
        elif self._paused and held <= self._max_bytes // 2:
            self._paused = False
            self._app.consumer.resume_partitions(assigned)

    @property
    def n_bytes(self) -> int:
        """Of the values that are held."""
        held = getattr(self.queue, "_queue", ())
        return sum(len(event.message.value or b"") for event in held)
