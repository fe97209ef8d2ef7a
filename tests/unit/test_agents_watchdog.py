"""The watchdog ends a worker that is stuck and leaves alone one that has nothing to do."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from streamwatch.agents.watchdog import STALLED_S, Watchdog
from streamwatch.errors import FatalError

QUIET, BUSY, STORE = TopicPartition("news", 0), TopicPartition("social", 0), TopicPartition("classified", 0)


class Offsets:
    """What the broker says."""

    def __init__(self, ends: dict[TopicPartition, int], committed: int | None) -> None:
        self.ends = ends
        self._committed = committed

    async def committed(self, tp: TopicPartition) -> int | None:
        return self._committed

    async def log_start(self, tp: TopicPartition) -> int:
        return 3

    async def end_offsets(self, tps: Any) -> dict[TopicPartition, int]:
        return {tp: self.ends[tp] for tp in tps}


def watchdog(offsets: Offsets, released: dict[TopicPartition, int], applied: int) -> Watchdog:
    context: Any = SimpleNamespace(source_channels=["news", "social"])
    app: Any = SimpleNamespace(consumer=SimpleNamespace(assignment=lambda: {QUIET, BUSY}))
    runs: Any = SimpleNamespace(committable=lambda: released)
    writer: Any = SimpleNamespace(positions=lambda: {STORE: applied})
    return Watchdog(context, app, runs, writer, offsets)  # type: ignore[arg-type]


def look_twice(dog: Watchdog) -> None:
    async def look() -> None:
        await dog.look(0.0)
        await dog.look(STALLED_S + 1)

    asyncio.run(look())


@pytest.mark.parametrize("committed", [50, None])
def test_an_idle_partition_without_a_run_is_no_stall(committed: int | None):
    end = 50 if committed else 3
    look_twice(watchdog(Offsets({QUIET: end, BUSY: 10, STORE: 7}, committed), {BUSY: 10}, applied=7))


def test_documents_that_are_taken_but_never_released_are_a_stall():
    with pytest.raises(FatalError, match="social/0: stands at 8 of 10"):
        look_twice(watchdog(Offsets({QUIET: 50, BUSY: 10, STORE: 7}, 50), {BUSY: 8}, applied=7))


def test_a_store_that_gets_nothing_is_a_stall():
    with pytest.raises(FatalError, match="classified/0: stands at 5 of 7"):
        look_twice(watchdog(Offsets({QUIET: 50, BUSY: 10, STORE: 7}, 50), {BUSY: 10}, applied=5))
