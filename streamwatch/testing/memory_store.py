"""A store in memory, under the same contract as the Redis one: for properties over many schedules."""

import copy
from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from streamwatch.errors import StaleState
from streamwatch.trends.counting import Admitted, Counts, Delta, PartitionState, id_generation


class MemoryStore:
    """One partition of windows. `snapshot` and `restore` play a Redis that lost its last second; `wipe` a FLUSHALL."""

    def __init__(self, partition: int = 0) -> None:
        self.partition = partition
        self.wipe()
        self._n_epochs = 0

    def wipe(self) -> None:
        """Forget everything."""
        self.state = PartitionState()
        self.windows: dict[tuple[str, int], Counts] = {}
        self.totals: Counter[str] = Counter()
        self.ids: dict[tuple[str, int], set[str]] = defaultdict(set)

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
        return found

    async def apply(self, before: PartitionState, delta: Delta, horizon_ms: int) -> PartitionState:
        """Write all of `delta` if the store stands at `before`."""
        if (self.state.applied, self.state.epoch) != (before.applied, before.epoch):
            raise StaleState("moved")
        self.state = msgspec.structs.replace(delta.after, epoch=delta.after.epoch or self._new_epoch())
        for key, counts in delta.windows.items():
            held = self.windows.setdefault(key, [0, 0, 0])
            self.windows[key] = [a + b for a, b in zip(held, counts, strict=True)]
        self.totals += delta.totals
        for where, hashes in delta.ids.items():
            self.ids[where] |= set(hashes)
        return self.state
