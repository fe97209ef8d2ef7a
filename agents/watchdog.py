"""Ends the worker when a source partition has unread documents and nothing moves: consumers can stall silently."""

import asyncio
import time
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streamwatch.agents.classify import Runs
from streamwatch.agents.context import Context, log
from streamwatch.agents.offsets import GroupOffsets
from streamwatch.errors import FatalError

LOOK_S = 5.0
STALLED_S = 120.0
"""A session timeout of 30 s, a rebalance and a broker's restart fit into this; a silent stall lasts for ever."""


class Watchdog:
    """Compares the end of each assigned source partition with its run's position."""

    def __init__(self, context: Context, app: Any, runs: Runs, offsets: GroupOffsets) -> None:
        self._context = context
        self._app = app
        self._runs = runs
        self._offsets = offsets
        self._moved: dict[TopicPartition, tuple[int, float]] = {}

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look(time.monotonic())
            except KafkaError as error:
                log.debug("watchdog: %s", error)

    async def _look(self, now: float) -> None:
        sources = set(self._context.source_channels)
        assigned = [
            TopicPartition(tp.topic, tp.partition) for tp in self._app.consumer.assignment() if tp.topic in sources
        ]
        ends = await self._offsets.end_offsets(assigned) if assigned else {}
        positions = self._runs.positions()
        for tp, end in ends.items():
            position = positions.get(tp, 0)
            last, since = self._moved.get(tp, (-1, now))
            if position >= end or position != last:
                self._moved[tp] = (position, now)
            elif now - since > STALLED_S:
                raise FatalError(f"{tp.topic}/{tp.partition}: stands at {position} of {end} for {now - since:.0f} s")
