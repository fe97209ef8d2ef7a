"""Points that need not be read twice: whole days are kept in the process until something in them changes.

A day of a series changes exactly when its number of documents does, since every counted document adds one to the day's own
window in the same script call; and an epoch that is another one says that the store was begun anew. So one number of each
partition, series and day tells whether a kept day still holds, also when a document comes weeks late. It is read before
the day itself: a day that grows meanwhile is kept under the older number, and read again the next time.

What is kept is bounded by bytes; the days that nobody asked for longest go first.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis import Redis

from streamwatch.timeline import DAY_MS, bucket_start
from streamwatch.trends.cells import UNREAD, unpacked
from streamwatch.trends.day_points import DayReader, answers
from streamwatch.trends.keys import Keys
from streamwatch.trends.levels import DAY, coarsest_dividing
from streamwatch.trends.points import NOTHING, Points, joined
from streamwatch.trends.reading import partitions_there

KEPT_BYTES = 256 * 1024 * 1024
"""For a hundred series with 30 days of half hours and 90 of six hours it takes some 25 MB."""
PARTITIONS_FOR_S = 2.0
"""How long the list of partitions holds: some begin in the first seconds of a deployment, later ones by hand."""
DAYS_AT_ONCE = 31
"""Days that are read in one go, so that an answer of Redis stays in the megabytes."""


class Mark(NamedTuple):
    """What a kept day was true for: the store's epochs, and the documents of the day."""

    epochs: tuple[bytes, ...]
    n_documents: int


class _Kept(NamedTuple):
    mark: Mark
    points: Points


class PointReader:
    """Reads points of one deployment. Threads may share it.

    Args:
        redis: a client that returns bytes.
        prefix: the settings' prefix.
        kept_bytes: what may be remembered.
    """

    def __init__(self, redis: Redis, prefix: str, kept_bytes: int = KEPT_BYTES) -> None:
        self._redis: Any = redis
        self._prefix = prefix
        self._room = kept_bytes
        self._days: OrderedDict[tuple[str, int, int], _Kept] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()
        self._partitions: tuple[float, list[Keys]] = (-PARTITIONS_FOR_S, [])

    @property
    def n_kept_bytes(self) -> int:
        """What is remembered now."""
        return self._n_bytes

    def partitions(self) -> list[Keys]:
        """The partitions that have a state."""
        looked, there = self._partitions
        if not there or time.monotonic() - looked > PARTITIONS_FOR_S:
            there = [Keys(self._prefix, p) for p in partitions_there(self._redis, self._prefix)]
            self._partitions = (time.monotonic(), there)
        return there

    def read(self, series: str, step_ms: int, from_ms: int, to_ms: int) -> Points:
        """The windows of a step that divides a day and begin in [from, to); `from` is taken down to a step.

        Raises `StoreUnavailable`.
        """
        days = self._days_between(step_ms, bucket_start(from_ms, step_ms) // DAY_MS, (to_ms - 1) // DAY_MS)
        marks = self._marks(series, days)
        found = {day: self._remembered(series, step_ms, day, marks[day]) for day in days}
        missing = [day for day in days if found[day] is None]
        reader = DayReader(self._redis, self.partitions())
        for start in range(0, len(missing), DAYS_AT_ONCE):
            some = missing[start : start + DAYS_AT_ONCE]
            for day, points in zip(some, reader.days(series, step_ms, some), strict=True):
                found[day] = points
                self._remember((series, step_ms, day), _Kept(marks[day], points))
        everything = joined([found[day] or NOTHING for day in days])
        return everything.between(bucket_start(from_ms, step_ms), to_ms)

    def _days_between(self, step_ms: int, first: int, last: int) -> list[int]:
        """Days in [first, last] that the level of the step has somewhere."""
        level = coarsest_dividing(step_ms)
        calls = [
            lambda pipe, keys=keys: pipe.zrange(keys.days(level), first, last, byscore=True)
            for keys in self.partitions()
        ]
        return sorted({int(day) for days in answers(self._redis, calls) for day in days})

    def _marks(self, series: str, days: Sequence[int]) -> dict[int, Mark]:
        """By day, what a kept one must have been true for."""
        partitions = self.partitions()
        calls: list[Any] = [lambda pipe, keys=keys: pipe.hget(keys.state, "epoch") for keys in partitions]
        names = [keys.window(DAY, day, series) for day in days for keys in partitions]
        calls += [lambda pipe, name=name: pipe.hget(name, "0") for name in names]
        got = list(answers(self._redis, calls))
        epochs, cells = tuple(epoch or b"" for epoch in got[: len(partitions)]), got[len(partitions) :]
        n = len(partitions)
        return {day: Mark(epochs, _documents(cells[i * n : (i + 1) * n])) for i, day in enumerate(days)}

    def _remembered(self, series: str, step_ms: int, day: int, mark: Mark) -> Points | None:
        if not mark.n_documents:
            return NOTHING
        with self._lock:
            kept = self._days.get((series, step_ms, day))
            if kept is None or kept.mark != mark:
                return None
            self._days.move_to_end((series, step_ms, day))
            return kept.points

    def _remember(self, key: tuple[str, int, int], kept: _Kept) -> None:
        with self._lock:
            before = self._days.pop(key, None)
            self._n_bytes += kept.points.n_bytes - (before.points.n_bytes if before else 0)
            self._days[key] = kept
            while self._n_bytes > self._room:
                _, gone = self._days.popitem(last=False)
                self._n_bytes -= gone.points.n_bytes


def _documents(cells: Sequence[bytes | None]) -> int:
    """Of a day over the partitions, unread ones too."""
    return sum(cell[0] + cell[UNREAD] for cell in map(unpacked, filter(None, cells)))
