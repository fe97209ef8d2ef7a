"""A store in memory, under the same contract as the Redis one: for properties over many schedules."""

import copy
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from streamwatch.drift.stored import sums_of
from streamwatch.drift.sums import Sums
from streamwatch.errors import StaleState
from streamwatch.timeline import DAY_MS
from streamwatch.trends.batch import n_documents
from streamwatch.trends.cells import EMPTY, Cell
from streamwatch.trends.counting import Admitted, Delta, PartitionState, id_generation, text_key
from streamwatch.trends.gains import DOCUMENTS, Gains
from streamwatch.trends.levels import LEVELS
from streamwatch.trends.places import places_for

Place = tuple[str, int]
"""Series and start of the bucket."""


class MemoryStore:
    """One partition of windows. `snapshot` and `restore` play a Redis that lost its last second; `wipe` a FLUSHALL."""

    def __init__(self, partition: int = 0, max_series: int = 2**31) -> None:
        self.partition = partition
        self._max_series = max_series
        self.wipe()
        self._n_epochs = 0

    def wipe(self) -> None:
        """Forget everything."""
        self.state = PartitionState()
        self.levels: tuple[dict[Place, Cell], ...] = tuple({} for _ in LEVELS)
        self.texts: tuple[dict[Place, set[str]], ...] = tuple(defaultdict(set) for _ in LEVELS)
        self.authors: tuple[dict[Place, set[str]], ...] = tuple(defaultdict(set) for _ in LEVELS)
        self.series: dict[int, set[str]] = defaultdict(set)
        self.totals: Counter[str] = Counter()
        self.ids: dict[tuple[str, int], set[str]] = defaultdict(set)
        self.sums: dict[int, Sums] = defaultdict(Sums)

    @property
    def windows(self) -> dict[Place, Cell]:
        """The cells of 10 s."""
        return self.levels[0]

    def snapshot(self) -> dict[str, object]:
        """All of it, to be restored later. The epoch counter is no part of it."""
        return copy.deepcopy({k: v for k, v in vars(self).items() if k != "_n_epochs"})

    def restore(self, snapshot: dict[str, object]) -> None:
        """Go back to a snapshot."""
        vars(self).update(copy.deepcopy(snapshot))

    async def load(self) -> PartitionState:
        """The state as it is now; an empty store gets its epoch here."""
        if not self.state.epoch:
            self.state = msgspec.structs.replace(self.state, epoch=self._new_epoch())
        return self.state

    def _new_epoch(self) -> str:
        self._n_epochs += 1
        return f"e{self._n_epochs}"

    async def known(self, items: Sequence[Admitted], horizon_ms: int) -> set[tuple[str, int, str]]:
        """Which ids were counted already."""
        found = set()
        for item in items:
            channel, generation = id_generation(item, horizon_ms)
            for number in (generation, generation - 1):
                if item.id_key in self.ids.get((channel, number), ()):
                    found.add((channel, number, item.id_key))
            if text_key(item.record) in self.ids.get((channel, generation), ()):
                found.add((channel, generation, text_key(item.record)))
        return found

    async def apply(self, before: PartitionState, delta: Delta, horizon_ms: int) -> PartitionState:
        """Write all of `delta` if the store still stands at `before`."""
        if (self.state.applied, self.state.epoch) != (before.applied, before.epoch):
            raise StaleState("moved")
        self.state = msgspec.structs.replace(delta.after, epoch=delta.after.epoch or self._new_epoch())
        kept = {place for place in delta.gains.series if self._has_place(*place)}
        for i, level in enumerate(delta.gains.levels):
            for (name, bucket_ms), gain in level.items():
                if (bucket_ms // DAY_MS, name) in kept:
                    self._add(i, (name, bucket_ms), gain, delta.gains)
                elif i == len(LEVELS) - 1:
                    self.totals["series_refused"] += n_documents(gain)
        self.totals += delta.totals
        for where, hashes in delta.ids.items():
            self.ids[where] |= set(hashes)
        for bucket_ms, records in delta.heard.items():
            self.sums[bucket_ms].absorb(sums_of(records))
        return self.state

    def _has_place(self, day: int, name: str) -> bool:
        if name not in self.series[day] and len(self.series[day]) < places_for(name, self._max_series):
            self.series[day].add(name)
        return name in self.series[day]

    def _add(self, i: int, place: Place, gain: list[Any], gains: Gains) -> None:
        held = self.levels[i].get(place, EMPTY)
        self.levels[i][place] = [a + b for a, b in zip(held, gain[:DOCUMENTS], strict=True)]
        self.texts[i][place] |= {gains.texts[document] for document in gain[DOCUMENTS]}
        self.authors[i][place] |= {gains.authors[document] for document in gain[DOCUMENTS]} - {""}
