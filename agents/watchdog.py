"""Ends the worker when a partition has something to do and does not move: consumers can stall silently."""

import asyncio
import time
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streamwatch.agents.classify import Runs
from streamwatch.agents.context import Context, log
from streamwatch.agents.offsets import GroupOffsets
from streamwatch.agents.trends import TrendWriter
from streamwatch.errors import FatalError

LOOK_S = 5.0
STALLED_S = 120.0
"""A session timeout of 30 s, a rebalance and a broker's restart fit into this; a silent stall lasts for ever."""


class Watchdog:
    """Compares the end of each partition that this worker holds with how far it has come.

    For a source that is the offset up to which records are acknowledged, not only taken: a hung engine or a produce that
    fails for ever is a stall too. For `classified` it is what the store has.
    """

    def __init__(self, context: Context, app: Any, runs: Runs, writer: TrendWriter, offsets: GroupOffsets) -> None:
        self._context = context
        self._app = app
        self._runs = runs
        self._writer = writer
        self._offsets = offsets
        self._moved: dict[TopicPartition, tuple[int, float]] = {}

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look(time.monotonic())
            except KafkaError as error:
                log.debug("watchdog: %s", error)

    async def look(self, now: float) -> None:
        """Raise `FatalError` when a partition has had something to do for long and has not moved."""
        positions = await self._source_positions() | self._writer.positions()
        ends = await self._offsets.end_offsets(positions) if positions else {}
        self._moved = {tp: seen for tp, seen in self._moved.items() if tp in positions}
        for tp, end in ends.items():
            position = positions[tp]
            last, since = self._moved.get(tp, (-1, now))
            if position >= end or position != last:
                self._moved[tp] = (position, now)
            elif now - since > STALLED_S:
                raise FatalError(f"{tp.topic}/{tp.partition}: stands at {position} of {end} for {now - since:.0f} s")

    async def _source_positions(self) -> dict[TopicPartition, int]:
        """Of the assigned sources. One without a run has had no record since it was assigned: it stands at its commit."""
        sources = set(self._context.source_channels)
        released = self._runs.committable()
        positions = {}
        for tp in self._app.consumer.assignment():
            if tp.topic in sources:
                part = TopicPartition(tp.topic, tp.partition)
                positions[part] = released[part] if part in released else await self._committed(part)
        return positions

    async def _committed(self, tp: TopicPartition) -> int:
        committed = await self._offsets.committed(tp)
        start = await self._offsets.log_start(tp)
        return start if committed is None else max(committed, start)
