"""Where the channels end, asked of the broker in the background: nobody waits for it but the very first who asks.

An answer that is a few seconds old is as good as a new one for a display, and a broker that is away must not make a page wait
that says so.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

from streamwatch import broker, channels
from streamwatch.channels import SOURCES
from streamwatch.config import Settings
from streamwatch.doctor.patience import patient
from streamwatch.errors import ConfigError, StreamwatchError

AGE_S = 5.0
FIRST_WAIT_S = 3.0
"""How long the first one who asks waits."""
NAMES = (*SOURCES, "classified")


class Ends(NamedTuple):
    """End offsets by channel (without the prefix) and partition; `broken` says in one line why there are none now."""

    ends: Mapping[tuple[str, int], int]
    broken: str = "not asked yet"


class BrokerEnds:
    """Gives `Ends` to whoever asks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = patient(settings)
        self._known = Ends({})
        self._at_s = -AGE_S
        self._asking: asyncio.Task[None] | None = None

    async def now(self) -> Ends:
        """The newest answer; a newer one is asked for when it is old."""
        first = self._at_s < 0
        if time.monotonic() - self._at_s > AGE_S and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask())
        if first and self._asking is not None:
            await asyncio.wait([self._asking], timeout=FIRST_WAIT_S)
        return self._known

    async def _ask(self) -> None:
        try:
            self._known = Ends(await asyncio.to_thread(self._read), "")
        except StreamwatchError as error:
            self._known = Ends(self._known.ends, str(error))
        except Exception as error:  # kafka-python raises more kinds than its own
            self._known = Ends(self._known.ends, f"the broker did not say where its channels end: {error!r}"[:300])
        self._at_s = time.monotonic()

    def _read(self) -> dict[tuple[str, int], int]:
        from kafka import TopicPartition

        there = channels.partitions_of(self._settings, NAMES)
        parts = {
            TopicPartition(channels.channel(self._settings, name), p): (name, p)
            for name in NAMES
            for p in range(there[channels.channel(self._settings, name)])
        }
        ends = broker.end_offsets(self._settings, parts)
        if len(ends) < len(parts):
            raise ConfigError("the broker does not know all partitions: run streamwatch channels create")
        return {where: ends[part] for part, where in parts.items()}
