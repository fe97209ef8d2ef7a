"""Bring one partition of `classified` into the store, exactly once, whatever happened to either.

The writer holds no truth: it reads where the store says, applies what the fence lets through, and when the store turns
out to stand elsewhere (a zombie, a failover, a wipe) it reads the state again and goes on from there.

A hole in `classified` normally fills itself: the batch that was lost is produced again. One that stays (retention cut
the head of the log before a rebuild, somebody moved the classify group's offset) would hold the partition for ever;
`settle` gives it up, but only when nothing can fill it any more, and counts what is missing as lost.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from streamwatch.config import Settings
from streamwatch.delivery.fence import NOTHING
from streamwatch.records import Classified
from streamwatch.trends.counting import (
    Admitted,
    Delta,
    PartitionState,
    SourceState,
    admit,
    count,
)

log = logging.getLogger(__name__)


MOST_PLACES = 16_000
"""Documents times series of one script call: eight for each record of a full read. A document may name 64 entities, and
Redis serves nobody else meanwhile: 0.1 s of names that are all new."""


def bites(records: Sequence[tuple[int, Classified | None]]) -> Iterator[Sequence[tuple[int, Classified | None]]]:
    """`records` in parts that each make one script call of bounded length.

    >>> [len(some) for some in bites([(offset, None) for offset in range(20_000)])]
    [5333, 5333, 5333, 4001]
    """
    start, n_places = 0, 0
    for end, (_, record) in enumerate(records):
        places = 3 + (0 if record is None else len(record.entities))
        if n_places + places > MOST_PLACES:
            yield records[start:end]
            start, n_places = end, 0
        n_places += places
    if start < len(records):
        yield records[start:]


class Store(Protocol):
    """What a writer needs of a store; `RedisStore` is the one in use."""

    partition: int

    async def load(self) -> PartitionState:
        """The state as it is now."""
        ...

    async def known(self, items: Sequence[Admitted], horizon_ms: int) -> set[tuple[str, int, str]]:
        """Which ids were counted already: (channel, generation, id hash)."""
        ...

    async def apply(self, before: PartitionState, delta: Delta, horizon_ms: int) -> PartitionState:
        """Write all of `delta` if the store stands at `before`, else raise `StaleState` and write nothing."""
        ...


class PartitionWriter:
    """One partition's way from log to store.

    Use: `position()` says which offset to read; `take` applies what was read; at the end of the log `settle` looks after
    holes. After a `StaleState` call `reload` and read from `position()` again.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._horizon_ms = settings.id_horizon_s * 1000
        self._holes: dict[str, int] = {}
        self._read_again: dict[str, int] = {}
        self.state = PartitionState()

    @property
    def position(self) -> int:
        """The next offset of `classified` to read."""
        return self.state.applied

    @property
    def holes(self) -> dict[str, int]:
        """Source channels whose records wait behind a hole, with the smallest `follows` seen above the fence."""
        return dict(self._holes)

    async def reload(self) -> bool:
        """Read the state from the store; whether it differs from what was believed."""
        found = await self._store.load()
        differs = found != self.state
        if differs:
            self.state = found
            self._holes.clear()
            self._read_again.clear()
        return differs

    async def take(self, records: Sequence[tuple[int, Classified | None]]) -> Delta:
        """Apply `records`, which begin at `position`. Raises `StaleState` and `StoreUnavailable`; then nothing was applied."""
        admission = admit(self.state, records)
        known = await self._store.known(admission.admitted, self._horizon_ms)
        delta = count(admission, known, self._settings, self._store.partition)
        self.state = await self._store.apply(self.state, delta, self._horizon_ms)
        for item in admission.admitted:
            self._holes.pop(item.record.source_channel, None)
        for channel, follows in admission.holes.items():
            self._holes[channel] = min(follows, self._holes.get(channel, follows))
        return delta

    async def settle(self, committed: dict[str, int], log_start: int) -> bool:
        """At the end of the log: give up holes that nothing can fill any more.

        Args:
            committed: by source channel, the classify group's committed offset, read *before* the log's end was reached.
            log_start: the first offset of `classified` that still exists.

        Returns whether `position` moved back, so that the log must be read again.
        """
        for channel, follows in self._holes.items():
            fence = self.state.sources.get(channel, SourceState()).fence
            upto = committed.get(channel, 0) - 1
            if fence >= upto:
                continue
            if self._read_again.get(channel) != fence:
                self._read_again[channel] = fence
                await self._rewind(log_start, self.state.sources)
            else:
                await self._give_up(channel, fence, min(follows, upto), log_start)
            return True
        return False

    async def _rewind(self, log_start: int, sources: dict[str, SourceState], lost: int = 0) -> None:
        # A new epoch: `applied` will come to where it was, and a zombie that stood there must not take it for its own.
        delta = Delta(PartitionState(log_start, "", sources))
        if lost:
            delta.totals["lost"] = lost
        self.state = await self._store.apply(self.state, delta, self._horizon_ms)
        self._holes.clear()

    async def _give_up(self, channel: str, fence: int, skip_to: int, log_start: int) -> None:
        source = self.state.sources.get(channel, SourceState())
        log.error(
            "%s/%d: source offsets %d to %d are in no record of `classified` and will not come again: %d documents lost",
            channel, self._store.partition, fence + 1, skip_to, skip_to - fence,
        )  # fmt: skip
        sources = {**self.state.sources, channel: msgspec.structs.replace(source, fence=skip_to)}
        await self._rewind(log_start, sources, lost=skip_to - max(fence, NOTHING))
