"""Bring `classified` into the document store: every document that the windows count, once, whatever happens on the way.

The indexer holds no truth. It reads where the store says, and what it writes twice is there once. Each partition is written
by the `PartitionWriter` of the windows, so fence, ids and holes are theirs. When the broker goes away it waits and
connects again; when records were deleted before it read them it counts and says so; when the channel was made anew it
stops, because offsets mean something else then.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from streamwatch.channels import channel
from streamwatch.config import Settings
from streamwatch.documents.log import MAX_RECORDS, ClassifiedLog, record_of
from streamwatch.documents.sqlite.writing import SqlitePartition, SqliteWriter
from streamwatch.errors import RecreatedChannel, RetryError
from streamwatch.text.clean import text_hash
from streamwatch.trends.writer import PartitionWriter

log = logging.getLogger(__name__)

POLL_MS = 250
GATHER_S = 0.2
"""Pause after a read that found less than it may take: each read ends in a commit to the disk, and nobody looks for a document
within a blink of its arrival."""
SHORTER_S = 5.0
AGAIN_S = 0.2
"""How long a log may seem to end before what was read of it, and how often it is asked meanwhile: a moment is usual."""
CHECK_S = 2.0
"""How often ends, holes and lag are looked after."""
RETENTION_S = 60.0
RETRY_S = (1.0, 30.0)
"""The first and the longest pause before the broker is tried again."""


@dataclass
class Progress:
    """Where indexing stands: records of `classified` behind us and ahead, by partition."""

    positions: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    holes: int = 0

    @property
    def applied(self) -> int:
        """Records applied, over all partitions."""
        return sum(self.positions.values())

    @property
    def lag(self) -> int:
        """Records that are there and not applied yet, when the ends were last asked for."""
        return sum(max(end - self.positions.get(p, 0), 0) for p, end in self.ends.items())


@dataclass
class _Part:
    """One partition: its store, its writer, and what was asked about its hole."""

    store: SqlitePartition
    writer: PartitionWriter
    asked: tuple[dict[str, int], int] | None = None


class Indexer:
    """Reads `classified` and writes a store until it is told to stop.

    Args:
        settings: where the broker is.
        writer: of the store; the caller closes it.
        on_progress: called after each read.
        stop: set it to end in good order.
    """

    def __init__(
        self, settings: Settings, writer: SqliteWriter, on_progress: Callable[[Progress], None] = lambda progress: None,
        stop: threading.Event | None = None,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._writer = writer
        self._on_progress = on_progress
        self.stop = stop or threading.Event()
        self.progress = Progress()
        self._parts: dict[int, _Part] = {}
        self._looked_after = self._retained = -RETENTION_S

    def run(self, once: bool = False) -> None:
        """Index until stopped; with `once`, until everything that is there at the start is applied.

        Raises `RecreatedChannel`, `ConfigError` where there is no channel, and with `once` `BrokerUnavailable`.
        """
        pause_s = RETRY_S[0]
        with asyncio.Runner() as runner:
            while not self.stop.is_set():
                applied = self.progress.applied
                try:
                    self._session(runner, once)
                    return
                except RetryError as error:
                    if once:
                        raise
                    pause_s = RETRY_S[0] if self.progress.applied != applied else min(pause_s * 2, RETRY_S[1])
                    log.warning("%s; trying again in %g s", error, pause_s)
                    self.stop.wait(pause_s)

    def _session(self, runner: asyncio.Runner, once: bool) -> None:
        """One connection, until it breaks."""
        with ClassifiedLog(self._settings) as source:
            self._begin(runner, source)
            goal = dict(self.progress.ends)
            while not self.stop.is_set():
                n = sum(self._take(runner, source, p, batch) for p, batch in source.read(POLL_MS).items())
                self._on_progress(self.progress)
                if monotonic() - self._looked_after > CHECK_S or (once and self._reached(goal)):
                    moved_back = self._look_after(runner, source)
                    if once and self._reached(goal) and not moved_back:
                        break
                if n and n < MAX_RECORDS and not once:
                    self.stop.wait(GATHER_S)
            self._look_after(runner, source)

    def _reached(self, goal: dict[int, int]) -> bool:
        return all(self.progress.positions.get(p, 0) >= end for p, end in goal.items())

    # -- beginning

    def _begin(self, runner: asyncio.Runner, source: ClassifiedLog) -> None:
        self._parts.clear()
        self.progress.ends = source.ends()
        starts = source.starts()
        for part in source.parts:
            store = self._writer.partition(part.partition)
            self._parts[part.partition] = one = _Part(store, PartitionWriter(store, self._settings))
            runner.run(one.writer.reload())
            self._check_same(source, part.partition, starts[part.partition])
            self._seek(source, part.partition)
        self._retain()

    def _check_same(self, source: ClassifiedLog, partition: int, start: int) -> None:
        """Raise `RecreatedChannel` where the record before our position is not the one that was applied."""
        position, known_by = self._parts[partition].writer.position, self._parts[partition].store.last()
        if self._stays_shorter(source, partition):
            raise self._recreated(partition, f"ends at {self.progress.ends[partition]}")
        if known_by and position > start:
            found = source.at(partition, position - 1)
            if found is not None and text_hash(found.decode(errors="replace")) != known_by:
                raise self._recreated(partition, f"holds another record at {position - 1}")

    def _stays_shorter(self, source: ClassifiedLog, partition: int) -> bool:
        """Whether the log ends before our position, and goes on saying so.

        A broker gives a batch to who waits for it a moment before it counts it into the end that it tells, and one that has
        just come back may tell an old end.
        """
        deadline = monotonic() + SHORTER_S
        while self._parts[partition].writer.position > self.progress.ends[partition]:
            if monotonic() > deadline:
                return True
            self.stop.wait(AGAIN_S)
            self.progress.ends = source.ends()
        return False

    def _recreated(self, partition: int, what: str) -> RecreatedChannel:
        position = self._parts[partition].writer.position
        return RecreatedChannel(
            f"{channel(self._settings, 'classified')}/{partition} {what}, but {position} records of it are in the document "
            f"store {self._writer.folder}: the channel was made anew. `streamwatch index --anew` makes the store anew from it"
        )

    def _seek(self, source: ClassifiedLog, partition: int) -> None:
        position = self._parts[partition].writer.position
        self.progress.positions[partition] = position
        source.seek(partition, position)

    # -- going on

    def _take(
        self, runner: asyncio.Runner, source: ClassifiedLog, partition: int, batch: list[tuple[int, bytes | None]]
    ) -> int:
        """Apply what was read of one partition; how many records."""
        part = self._parts[partition]
        first, position = batch[0][0], part.writer.position
        if first < position:  # the client begins anew only where our position does not exist
            raise self._recreated(partition, f"begins again at {first}")
        if first > position:
            self._count_missed(source, partition)
        part.store.upto = text_hash((batch[-1][1] or b"").decode(errors="replace"))
        runner.run(part.writer.take([(offset, record_of(value)) for offset, value in batch]))
        self.progress.positions[partition] = part.writer.position
        return len(batch)

    def _count_missed(self, source: ClassifiedLog, partition: int) -> None:
        part, start = self._parts[partition], source.starts()[partition]
        if (n := start - part.writer.position) > 0:
            log.error(
                "%s/%d begins at %d now: %d records were deleted before they were indexed, and the documents of that time are "
                "not complete", source.name, partition, start, n,
            )  # fmt: skip
            part.store.missed(n)

    # -- when there is time

    def _look_after(self, runner: asyncio.Runner, source: ClassifiedLog) -> bool:
        """Ends, holes, retention and lag displays; whether a partition must be read again."""
        self._looked_after = monotonic()
        self.progress.ends = source.ends()
        moved_back = False
        for partition, part in self._parts.items():
            if self._stays_shorter(source, partition):
                raise self._recreated(partition, f"ends at {self.progress.ends[partition]}")
            if part.writer.holes and self._settle(runner, source, partition):
                self._seek(source, partition)
                moved_back = True
        self.progress.holes = sum(len(part.writer.holes) for part in self._parts.values())
        source.show_lag(self.progress.positions)
        if monotonic() - self._retained > RETENTION_S:
            self._retain()
        return moved_back

    def _settle(self, runner: asyncio.Runner, source: ClassifiedLog, partition: int) -> bool:
        """Look whether a hole stays: the group's commit and the log's end at one look, the writer past it at a later one."""
        part = self._parts[partition]
        if part.asked is None:
            part.asked = source.released(partition), source.ends()[partition]  # in this order
        committed, end = part.asked
        if part.writer.position < end:
            return False
        part.asked = None
        return runner.run(part.writer.settle(committed, source.starts()[partition]))

    def _retain(self) -> None:
        self._retained = monotonic()
        if n := self._writer.retain():
            log.info("%d days of documents were past their retention and are deleted", n)
