"""Every document counted once, over any schedule of crashes, lost batches, copies, zombies, wipes and roll-backs.

A small world with the real ledger, fence and writer: a source log, workers that classify it into `classified` and may
die or linger at any step, a store that may lose its last second or everything, and a log whose head may be cut. After
the storm everything is let run to its end, and the windows must equal the source's.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.config import Settings
from streamwatch.delivery.ledger import PartitionLedger
from streamwatch.errors import StaleState
from streamwatch.records import Classified, Given
from streamwatch.testing.memory_store import MemoryStore
from streamwatch.trends.writer import PartitionWriter

SETTINGS = Settings()
N_DOCUMENTS = 24
START_MS = 1_700_000_000_000


def document(offset: int, follows: int) -> Classified:
    """What any worker writes for this source offset: a function of the offset alone, but for `follows`."""
    return Classified(
        outcome="classified",
        source_channel="social",
        source_partition=0,
        source_offset=offset,
        follows=follows,
        observed_ms=START_MS + offset * 1000,
        published_ms=START_MS + offset * 1000,
        id=f"d{offset - offset % 8 if offset % 8 == 3 else offset}",  # one in eight is a redelivery of an earlier id
        text_hash=f"{offset:016x}",
        source="s",
        given=Given(sentiment=("negative", "neutral", "positive")[offset % 3], topic="t"),
    )


@dataclass
class Worker:
    """A run of the classifier: reads on from the commit, finishes in any order, emits the prefix, then commits."""

    ledger: PartitionLedger[int]
    position: int
    finished: list[int] = field(default_factory=list)
    to_commit: int = 0
    lost_one: bool = False


class World:
    """Source log, `classified`, the group's commit, the store, and whoever is alive."""

    def __init__(self, *, with_follows: bool = True) -> None:
        self.with_follows = with_follows
        self.log: list[Classified] = []
        self.log_start = 0
        self.committed = 0
        self.workers = [self.new_worker()]
        self.store = MemoryStore()
        self.snapshot = self.store.snapshot()
        self.writers = [PartitionWriter(self.store, SETTINGS)]

    def new_worker(self) -> Worker:
        return Worker(PartitionLedger(self.committed), self.committed)

    # -- steps; `i` picks among the living, `n` is a size

    def read(self, i: int, n: int) -> None:
        worker = self.workers[i % len(self.workers)]
        for offset in range(worker.position, min(worker.position + n, N_DOCUMENTS)):
            worker.ledger.open(offset)
            worker.finished.append(offset)
            worker.position = offset + 1

    def emit(self, i: int, n: int, *, lose: bool = False) -> None:
        """Finish some, last first, then write the released prefix; a lost batch kills its worker, as a crash would."""
        worker = self.workers[i % len(self.workers)]
        for offset in sorted(worker.finished[:n], reverse=True):
            worker.ledger.complete(offset, offset)
        del worker.finished[:n]
        released = worker.ledger.release()
        if lose:
            self.crash(i)
            return
        for item in released:
            follows = item.follows if self.with_follows else -1
            self.log.append(document(item.offset, follows))
            if not worker.lost_one:
                worker.to_commit = item.offset + 1

    def commit(self, i: int) -> None:
        worker = self.workers[i % len(self.workers)]
        self.committed = max(self.committed, worker.to_commit)

    def crash(self, i: int) -> None:
        self.workers[i % len(self.workers)] = self.new_worker()

    def zombie(self) -> None:
        """The group believes a worker dead that is not: a second one begins at the commit."""
        if len(self.workers) < 3:
            self.workers.append(self.new_worker())

    def lose_produce(self, i: int, n: int) -> None:
        """A batch is lost while the next one arrives, as happens without idempotence: nothing after it is committed."""
        worker = self.workers[i % len(self.workers)]
        for offset in worker.finished[:n]:
            worker.ledger.complete(offset, offset)
        del worker.finished[:n]
        worker.lost_one = bool(worker.ledger.release()) or worker.lost_one

    def write(self, i: int, n: int) -> None:
        asyncio.run(self._write(self.writers[i % len(self.writers)], n))

    async def _write(self, writer: PartitionWriter, n: int) -> None:
        start = max(writer.position, self.log_start)
        batch = list(enumerate(self.log))[start : start + n]
        try:
            await writer.take(batch)
        except StaleState:
            await writer.reload()

    def second_writer(self) -> None:
        if len(self.writers) < 2:
            self.writers.append(PartitionWriter(self.store, SETTINGS))

    def keep(self) -> None:
        self.snapshot = self.store.snapshot()

    def roll_back(self) -> None:
        self.store.restore(self.snapshot)

    def wipe(self) -> None:
        self.store.wipe()

    def skip_commit(self, n: int) -> None:
        """An operator moves the group's offset forward, past documents that were never read."""
        self.committed = max(self.committed, min(self.committed + n, N_DOCUMENTS - 1))
        self.workers = [self.new_worker()]

    def truncate(self, n: int) -> None:
        self.log_start = min(self.log_start + n, len(self.log))

    # -- the end

    def settle(self) -> None:
        """Everybody else dies; one worker and one writer run to the end, as they would in production."""
        self.workers = [self.new_worker()]
        while self.committed < N_DOCUMENTS:
            self.read(0, 5)
            self.emit(0, 5)
            self.commit(0)
        writer = PartitionWriter(self.store, SETTINGS)
        asyncio.run(self._run_to_end(writer))

    async def _run_to_end(self, writer: PartitionWriter) -> None:
        await writer.reload()
        for _ in range(500):
            committed = {"social": self.committed}
            while max(writer.position, self.log_start) < len(self.log):
                await self._write(writer, 7)
            if not await writer.settle(committed, self.log_start):
                return
        raise AssertionError("the writer never settles")


def windows_of(offsets: list[int]) -> dict[tuple[str, int], list[int]]:
    """The oracle: plain counting of the distinct ids among `offsets`."""
    counted: Counter[tuple[str, int]] = Counter()
    negative: Counter[tuple[str, int]] = Counter()
    seen = set()
    for offset in offsets:
        record = document(offset, 0)
        if record.id in seen:
            continue
        seen.add(record.id)
        bucket = record.published_ms - record.published_ms % 10_000
        for series in ("all", "source:s", "topic:t"):
            counted[series, bucket] += 1
            negative[series, bucket] += record.counted_sentiment == "negative"
    return {key: [n, negative[key]] for key, n in counted.items()}


def found_in(world: World) -> dict[tuple[str, int], list[int]]:
    return {key: counts[:2] for key, counts in world.store.windows.items()}


small = st.integers(0, 3)
size = st.integers(1, 9)
STEPS = st.one_of(
    st.tuples(st.just("read"), small, size),
    st.tuples(st.just("emit"), small, size),
    st.tuples(st.just("emit"), small, size),
    st.tuples(st.just("commit"), small),
    st.tuples(st.just("crash"), small),
    st.tuples(st.just("zombie")),
    st.tuples(st.just("write"), small, size),
    st.tuples(st.just("write"), small, size),
    st.tuples(st.just("second_writer")),
    st.tuples(st.just("keep")),
    st.tuples(st.just("roll_back")),
    st.tuples(st.just("wipe")),
)
LOST = st.tuples(st.just("lose_produce"), small, size)


def storm(world: World, schedule: list[tuple]) -> World:
    for name, *arguments in schedule:
        getattr(world, name)(*arguments)
    world.settle()
    return world


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_counts_equal_the_source_after_crashes_copies_zombies_wipes_and_roll_backs(schedule):
    world = storm(World(), schedule)
    assert found_in(world) == windows_of(list(range(N_DOCUMENTS)))
    assert world.store.totals["lost"] == 0


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(STEPS, LOST), max_size=40))
def test_a_lost_batch_is_waited_for_and_counted_when_it_comes_again(schedule):
    """A worker that lost a batch never commits past it, so somebody reads those offsets again."""
    world = storm(World(), schedule)
    assert found_in(world) == windows_of(list(range(N_DOCUMENTS)))
    assert world.store.totals["lost"] == 0


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(STEPS, st.tuples(st.just("truncate"), size), st.tuples(st.just("skip_commit"), size)), max_size=40
    )
)
def test_a_truncated_log_or_a_skipped_offset_never_locks_and_what_is_missing_is_counted_as_lost(schedule):
    world = storm(World(), schedule)
    written = {record.source_offset for record in world.log[world.log_start :]}
    totals = world.store.totals
    accounted = totals["counted"] + totals["redelivered"] + totals["lost"]
    assert accounted == N_DOCUMENTS
    assert totals["lost"] <= N_DOCUMENTS - len(written)


def test_without_follows_a_lost_batch_loses_documents():
    """Why `follows` is needed: the same schedule, once with it and once without."""
    schedule = [("zombie",), ("read", 0, 4), ("lose_produce", 0, 2), ("emit", 0, 2), ("write", 0, 9)]
    assert found_in(storm(World(), schedule)) == windows_of(list(range(N_DOCUMENTS)))
    without = storm(World(with_follows=False), schedule)
    assert found_in(without) != windows_of(list(range(N_DOCUMENTS)))
    assert without.store.totals["counted"] < len({document(i, 0).id for i in range(N_DOCUMENTS)})


@given(st.permutations(list(range(12))), st.integers(0, 50))
def test_nothing_is_released_before_its_predecessors(order, start):
    ledger: PartitionLedger[int] = PartitionLedger(start)
    for offset in range(start, start + 12):
        ledger.open(offset)
    out: list[int] = []
    done: set[int] = set()
    for i in order:
        ledger.complete(start + i, i)
        done.add(start + i)
        for released in ledger.release():
            assert released.follows == (out[-1] if out else start - 1)
            out.append(released.offset)
        assert set(range(start, (out[-1] if out else start - 1) + 1)) <= done
    assert out == list(range(start, start + 12))


def test_an_offset_that_goes_back_is_refused():
    ledger: PartitionLedger[int] = PartitionLedger(3)
    ledger.open(3)
    with pytest.raises(ValueError, match="came after"):
        ledger.open(3)
