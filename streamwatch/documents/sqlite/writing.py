"""Writing the store: partitions of `classified` under the contract of `trends.writer.Store`.

So the writer of the windows is the writer of documents too: the same fence, the same ids, the same holes. A batch goes

1. into the files of its days, each in a transaction of its own, on the disk when it returns;
2. into the ledger, which moves the partition on.

SQLite can commit several files at once only without a write-ahead log, and then readers and the writer would wait for each
other. A crash between the two leaves documents before their offsets: the batch comes again, and what is there stays.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from streamwatch.config import Settings
from streamwatch.documents.sqlite.day_file import DayFile
from streamwatch.documents.sqlite.days import LEDGER, days_in, file_name, files_of
from streamwatch.documents.sqlite.ledger import Ledger
from streamwatch.documents.sqlite.lock import WriterLock
from streamwatch.documents.sqlite.opening import answering
from streamwatch.errors import ConfigError, StoreUnavailable
from streamwatch.records import Classified
from streamwatch.timeline import DAY_MS, bucket_start
from streamwatch.trends.counting import COUNTED_OUTCOMES, Admitted, Delta, PartitionState, id_generation

log = logging.getLogger(__name__)

MOST_OPEN = 16
"""Day files that are kept open: a stream writes to a few days at a time, an archive to one after the other."""
FLOOR = "floor_ms"
COMPLETE_FROM = "complete_from_ms"
"""Facts of the ledger: before the first documents were deleted, before the second records were never read."""


class SqliteWriter:
    """The writer of a store. One for a folder: raises `FatalError` where there is another.

    Args:
        folder: of the store; made where it is not there.
        settings: what counts, and how long documents are kept.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self._lock = WriterLock(folder)
        self._days: dict[int, DayFile] = {}
        try:
            with answering(folder):
                self.ledger = Ledger(folder)
        except BaseException:
            self._lock.release()
            raise

    def partition(self, number: int) -> "SqlitePartition":
        """The part of one partition of `classified`."""
        return SqlitePartition(self, number)

    def totals(self) -> dict[str, int]:
        """What was done since the store was begun."""
        with answering(self.folder):
            return self.ledger.totals()

    def floor_ms(self) -> int | None:
        """Documents dated before this are not kept."""
        floor = self.ledger.about(FLOOR)
        return None if floor is None else int(floor)

    def store(self, partition: int, items: Sequence[Admitted]) -> Counter[str]:
        """Put documents into the files of their days; what became of how many."""
        by_day: dict[int, list[tuple[int, Classified]]] = defaultdict(list)
        floor_ms, kept_ms, done = self.floor_ms(), self.settings.documents_retention_days * DAY_MS, Counter[str]()
        for item in items:
            published_ms = item.record.published_ms
            if item.arrival_ms - published_ms > kept_ms or (floor_ms is not None and published_ms < floor_ms):
                done["past_retention"] += 1
            else:
                by_day[published_ms // DAY_MS].append((item.offset, item.record))
        for day in sorted(by_day):
            self._day(day).add(partition, by_day[day], self.ledger.forgotten)
            done["stored"] += len(by_day[day])
        return done

    def _day(self, day: int) -> DayFile:
        file = self._days.pop(day, None) or DayFile(self.folder / file_name(day))
        self._days[day] = file  # the newest used is the last
        while len(self._days) > MOST_OPEN:
            self._days.pop(next(iter(self._days))).close()
        return file

    def retain(self) -> int:
        """Delete days past the retention, and the oldest where there are too many bytes; how many days went."""
        with answering(self.folder):
            floor_ms, there = self.floor_ms(), days_in(self.folder)
            if floor_ms is None:
                return 0
            first_day = max(floor_ms // DAY_MS, _first_day_within(there, self.settings.documents_max_bytes))
            self.ledger.raise_to(FLOOR, first_day * DAY_MS)  # first: nothing comes back into a day that goes
            old = [day for day in there if day < first_day]
            for day in old:
                self._drop(day, there[day])
            return len(old)

    def _drop(self, day: int, path: Path) -> None:
        if (file := self._days.pop(day, None)) is not None:
            file.close()
        for one in files_of(path):
            one.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of files and of the right to write."""
        for file in self._days.values():
            file.close()
        self._days.clear()
        self.ledger.close()
        self._lock.release()


def floor_of(arrival_ms: int, settings: Settings) -> int:
    """Documents dated before this are past the retention when something arrives now: the start of a day."""
    return max(bucket_start(arrival_ms - settings.documents_retention_days * DAY_MS, DAY_MS), 0)


def _first_day_within(there: dict[int, Path], most_bytes: int) -> int:
    """The oldest day that may stay; the newest always may.

    >>> _first_day_within({}, 1)
    0
    """
    n_bytes = 0
    first = next(iter(there), 0)
    for day, path in there.items():
        n_bytes += size_of(path)
        if n_bytes > most_bytes:
            break
        first = day
    return first


def size_of(path: Path) -> int:
    """Bytes of a database with what lies beside it."""
    n_bytes = 0
    for one in files_of(path):
        with suppress(FileNotFoundError):
            n_bytes += one.stat().st_size
    return n_bytes


class SqlitePartition:
    """One partition of `classified`, as `PartitionWriter` writes it."""

    def __init__(self, writer: SqliteWriter, number: int) -> None:
        self.partition = number
        self._writer = writer
        self._ledger = writer.ledger
        self._gap = False
        self.upto = ""
        """What the last record of the next batch is known by, to tell a channel that was made anew."""

    async def load(self) -> PartitionState:
        """The state as it is now. Raises `StoreUnavailable`."""
        with answering(self._writer.folder):
            return self._ledger.state(self.partition)

    async def known(self, items: Sequence[Admitted], horizon_ms: int) -> set[tuple[str, int, str]]:
        """Which ids were counted already: (channel, generation, id hash)."""
        asked: dict[tuple[str, int], dict[str, None]] = defaultdict(dict)
        for item in items:
            if item.record.outcome in COUNTED_OUTCOMES:
                channel, generation = id_generation(item, horizon_ms)
                asked[channel, generation][item.id_key] = asked[channel, generation - 1][item.id_key] = None
        with answering(self._writer.folder):
            return {
                (channel, generation, name)
                for (channel, generation), names in asked.items()
                for name in self._ledger.known_ids(self.partition, channel, generation, names)
            }

    async def apply(self, before: PartitionState, delta: Delta, horizon_ms: int) -> PartitionState:
        """Store the documents of `delta` and move on. Raises `StaleState` and `StoreUnavailable`."""
        with answering(self._writer.folder):
            done = self._writer.store(self.partition, delta.counted)
            write = partial(self._write, before, delta, horizon_ms, done)
            moved = self._ledger.move(self.partition, before, delta.after, self.upto, write)
        self.upto = ""
        return moved

    def _write(self, before: PartitionState, delta: Delta, horizon_ms: int, done: Counter[str]) -> None:
        self._ledger.remember_ids(self.partition, delta.ids)
        for channel, source in delta.after.sources.items():
            if source.arrival_ms is not None and source != before.sources.get(channel):
                self._ledger.forget_ids_before(self.partition, channel, source.arrival_ms // horizon_ms - 1)
        self._ledger.add(delta.totals + done)
        arrivals = [s.arrival_ms for s in delta.after.sources.values() if s.arrival_ms is not None]
        if arrivals:
            self._ledger.raise_to(FLOOR, floor_of(max(arrivals), self._writer.settings))
            if self._gap:
                self._ledger.raise_to(COMPLETE_FROM, max(arrivals))
            self._gap = False

    def missed(self, n_records: int) -> None:
        """Say that the log begins so many records after `position`: before what comes next the store is not complete."""
        self._gap = True
        self._ledger.add({"missed_records": n_records})

    def last(self) -> str:
        """What the record before `position` was known by; empty where nobody said."""
        return self._ledger.last(self.partition)


def remove_store(folder: Path) -> None:
    """Delete a store but the list of what was forgotten. Raises `FatalError` while somebody writes it.

    Without the list, documents that `classified` still holds would be stored again.
    """
    lock = WriterLock(folder)
    try:
        noted = _noted(folder)
        for path in [*days_in(folder).values(), folder / LEDGER]:
            for one in files_of(path):
                one.unlink(missing_ok=True)
        ledger = Ledger(folder)
        for kind, noted_hash in noted:
            ledger.forget(kind, [noted_hash])
        ledger.close()
    finally:
        lock.release()


def _noted(folder: Path) -> list[tuple[str, str]]:
    """What was forgotten, where the ledger can still be read."""
    try:
        with answering(folder):
            ledger = Ledger(folder)
            noted = ledger.noted()
            ledger.close()
    except (StoreUnavailable, ConfigError) as error:
        log.warning("%s; what was forgotten is not known any more: forget it again", error)
        return []
    return noted
